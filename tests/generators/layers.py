# SPDX-License-Identifier: GPL-2.0
"""Layers that scapy does not bring: UDP-Lite (RFC 3828) and DCCP (RFC 4340).

Importing this also tells scapy which header may follow which, so that it dissects what the
generators make.
"""

from typing import Any

from scapy.fields import (
    BitField,
    ByteField,
    ConditionalField,
    ShortField,
    StrLenField,
    XShortField,
)
from scapy.layers.inet import ICMP, IP, TCP, UDP, in4_pseudoheader
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
    in6_pseudoheader,
)
from scapy.layers.ipsec import AH
from scapy.layers.sctp import SCTP
from scapy.packet import Packet, bind_layers

from .naive import internet_checksum

UDPLITE_PROTO, DCCP_PROTO, SCTP_PROTO = 136, 33, 132


def _sum(layer: Any, proto: int, covered: bytes, length: int) -> bytes:
    """Return the checksum; what the headers below make of the addresses is scapy's to say."""
    header = in4_pseudoheader if isinstance(layer.underlayer, IP) else in6_pseudoheader
    pseudo = bytes(header(proto, layer.underlayer, length))
    return internet_checksum(pseudo + covered).to_bytes(2, "big")


class UDPLite(Packet):  # type: ignore[misc]
    """UDP-Lite; ``coverage`` is as given, 0 means all."""

    name = "UDP-Lite"
    fields_desc = [
        ShortField("sport", 0),
        ShortField("dport", 0),
        ShortField("coverage", 0),
        XShortField("chksum", None),
    ]

    def post_build(self, header: bytes, payload: bytes) -> bytes:
        """Put the checksum in."""
        whole: bytes = header + payload
        if self.chksum is None:
            covered = whole[: self.coverage or len(whole)]
            total = _sum(self, UDPLITE_PROTO, covered, len(whole))
            whole = whole[:6] + (b"\xff\xff" if total == b"\0\0" else total) + whole[8:]
        return whole


class DCCP(Packet):  # type: ignore[misc]
    """A DCCP-Data packet, with 24- or (``x``) 48-bit sequence number."""

    name = "DCCP"
    fields_desc = [
        ShortField("sport", 0),
        ShortField("dport", 0),
        ByteField("dataofs", 3),
        BitField("ccval", 0, 4),
        BitField("cscov", 0, 4),
        XShortField("chksum", None),
        BitField("res", 0, 3),
        BitField("type", 2, 4),
        BitField("x", 0, 1),
        BitField("seq_high", 0, 24),
        ConditionalField(BitField("seq_low", 0, 32), lambda packet: packet.x == 1),
        StrLenField("options", b"", length_from=lambda p: 4 * p.dataofs - (16 if p.x else 12)),
    ]

    def post_build(self, header: bytes, payload: bytes) -> bytes:
        """Put the checksum in: over header, options and ``cscov - 1`` words; 0: over all."""
        whole: bytes = header + payload
        if self.chksum is None:
            covered = whole
            if self.cscov:
                covered = whole[: len(header) + 4 * (self.cscov - 1)]
            total = _sum(self, DCCP_PROTO, covered, len(whole))
            whole = whole[:6] + total + whole[8:]
        return whole


EXTENSIONS = {
    IPv6ExtHdrHopByHop: 0,
    IPv6ExtHdrRouting: 43,
    IPv6ExtHdrSegmentRouting: 43,
    IPv6ExtHdrFragment: 44,
    AH: 51,
    IPv6ExtHdrDestOpt: 60,
}

_TRANSPORTS = {6: TCP, 17: UDP, 1: ICMP, SCTP_PROTO: SCTP, UDPLITE_PROTO: UDPLite, DCCP_PROTO: DCCP}

for _proto, _layer in _TRANSPORTS.items():
    bind_layers(IP, _layer, proto=_proto)
    for _below in (IPv6, *EXTENSIONS):
        bind_layers(_below, _layer, nh=_proto)
for _extension in (IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, IPv6ExtHdrFragment, IPv6ExtHdrDestOpt):
    bind_layers(AH, _extension, nh=EXTENSIONS[_extension])
for _extension in EXTENSIONS:
    bind_layers(_extension, AH, nh=EXTENSIONS[AH])
