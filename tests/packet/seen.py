# SPDX-License-Identifier: GPL-2.0
"""The fields of the table as scapy sees them in a packet: the decoder's yardstick."""

import socket
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.sctp import SCTP

from qverdictd.packet.fields import ICMPV6_SPACE
from qverdictd.packet.raw import AF_INET
from qverdictd.packet.value import Missing, Payload, Value

from ..generators.layers import DCCP, EXTENSIONS, UDPLite

_LAYERS = {6: TCP, 17: UDP, 1: ICMP, 132: SCTP, 136: UDPLite, 33: DCCP}
_HEADER = {17: 8, 1: 8, 132: 12, 136: 8, 58: 8}


def seen(data: bytes, family: int) -> dict[str, Value]:
    """Return every field that scapy's dissection has; the others are absent.

    ``tcp.mss`` is unknown where the options are broken: scapy guesses there.
    """
    found: dict[str, Value] = {}
    if family == AF_INET:
        layer = IP(data)
        packed = socket.AF_INET
        found |= {"family": 4, "ttl": layer.ttl, "length": layer.len, "proto": layer.proto}
        found |= {"dscp": layer.tos >> 2, "ecn": layer.tos & 3}
        found["fragment"] = int("MF" in layer.flags or layer.frag > 0)
        headless, proto = layer.frag > 0, layer.proto
        at, end = layer.ihl * 4, layer.len
    else:
        layer = IPv6(data)
        packed = socket.AF_INET6
        found |= {"family": 6, "ttl": layer.hlim, "length": 40 + layer.plen}
        found |= {"dscp": layer.tc >> 2, "ecn": layer.tc & 3}
        end = 40 + layer.plen
        last, headless, is_fragment = _past_extensions(layer)
        proto = last.nh
        at = len(data) - len(last.original) + _size(last)
        found |= {"fragment": int(is_fragment)}
        if not (headless and proto in EXTENSIONS.values()):
            found["proto"] = proto
    found["src"] = socket.inet_pton(packed, layer.src)
    found["dst"] = socket.inet_pton(packed, layer.dst)
    if not headless:
        _add_transport(found, proto, data, at, end)
    return found


def _past_extensions(layer: Any) -> tuple[Any, bool, bool]:
    """Return the last header before the transport's, whether a fragment hides what follows."""
    is_fragment = False
    while type(layer.payload) in EXTENSIONS:
        layer = layer.payload
        if isinstance(layer, IPv6ExtHdrFragment):
            is_fragment |= bool(layer.m or layer.offset)
            if layer.offset:
                return layer, True, True
    return layer, False, is_fragment


def _size(layer: Any) -> int:
    """Return the bytes of one network or extension header, by its own length field."""
    match type(layer).__name__:
        case "IPv6":
            return 40
        case "IPv6ExtHdrFragment":
            return 8
        case "AH":
            return int(layer.payloadlen + 2) * 4
        case _:
            return int(layer.len + 1) * 8


def _add_transport(found: dict[str, Value], proto: int, data: bytes, at: int, end: int) -> None:
    if proto == 58:
        found["icmp.type"] = data[at] + ICMPV6_SPACE
        found["icmp.code"] = data[at + 1] + ICMPV6_SPACE
    elif proto not in _LAYERS:
        return
    else:
        header = _LAYERS[proto](data[at:end])
        if proto == 1:
            found |= {"icmp.type": header.type, "icmp.code": header.code}
        else:
            found |= {"sport": header.sport, "dport": header.dport}
    start = at + _HEADER.get(proto, 0)
    if proto == 6:
        start = at + header.dataofs * 4
        found["tcp.flags"] = header.reserved << 9 | int(header.flags)
        found["tcp.window"] = header.window
        sizes = [
            value for name, value in header.options if name == "MSS" and isinstance(value, int)
        ]
        if sizes:
            found["tcp.mss"] = sizes[0]
        if not _whole(header, data[at + 20 : start]):
            found["tcp.mss"] = Missing.UNKNOWN
    elif proto == 33:
        start = at + header.dataofs * 4
    elif proto == 17 and not found["fragment"]:
        end = at + header.len
    found["payload"] = Payload(data[start:end], end - start)


def _whole(header: Any, options: bytes) -> bool:
    """Whether scapy's options are those of the header to the byte: it mends broken ones."""
    again = TCP(options=header.options)
    return bytes(again)[20:].ljust(len(options), b"\0") == options


def value_of(found: dict[str, Value], name: str) -> Value:
    """Return a field's value, or that the packet does not have it."""
    return found.get(name, Missing.ABSENT)
