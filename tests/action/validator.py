# SPDX-License-Identifier: GPL-2.0
"""Whether a packet's lengths and checksums are right: by hand, and by scapy's recomputation.

Shares no code with what it judges: sums are `generators.naive`'s, structure is scapy's.
"""

from dataclasses import dataclass
from typing import Any

from scapy.layers.inet import IP, TCP, UDP, IPOption_LSRR, IPOption_SSRR
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH
from scapy.layers.sctp import SCTP, crc32c
from scapy.packet import Raw

from qverdictd.packet.raw import AF_INET

from ..generators.naive import internet_checksum, pseudo, verifies
from ..generators.packets import Made

#: Protocol to where its checksum is.
CHECKSUM_AT = {6: 16, 17: 6, 136: 6, 33: 6, 1: 2, 58: 2}


@dataclass(frozen=True, slots=True)
class Ends:
    """The addresses of the pseudo header."""

    source: bytes
    destination: bytes


def ends(made: Made, data: bytes) -> Ends:
    """Return the pseudo header's addresses of a packet that was made as ``made`` was."""
    if made.family == AF_INET:
        source, destination = data[12:16], data[16:20]
    else:
        source, destination = data[8:24], data[24:40]
    return Ends(made.pseudo_source or source, made.pseudo_destination or destination)


def assert_network_right(made: Made, data: bytes) -> None:
    """Check the network header's length and checksum."""
    if made.family == AF_INET:
        assert int.from_bytes(data[2:4], "big") == len(data)
        assert verifies(data[: (data[0] & 0x0F) * 4])
    else:
        assert int.from_bytes(data[4:6], "big") == len(data) - 40


def covered(proto: int, segment: bytes) -> tuple[bytes, int]:
    """Return what a segment's checksum covers, and the length its pseudo header says."""
    if proto == 17:
        length = int.from_bytes(segment[4:6], "big")
        return segment[:length], length
    if proto == 136:
        return segment[: int.from_bytes(segment[4:6], "big") or len(segment)], len(segment)
    if proto == 33 and segment[5] & 0x0F:
        return segment[: segment[4] * 4 + ((segment[5] & 0x0F) - 1) * 4], len(segment)
    return segment, len(segment)


def assert_transport_right(
    made: Made, data: bytes, segment: bytes, *, unchecked: bool = False
) -> None:
    """Check the checksum of a whole segment, out of a packet with these addresses.

    ``unchecked``: a UDP datagram that had no checksum, and must have none still.
    """
    proto = made.proto
    if proto == 132:
        bare = segment[:8] + bytes(4) + segment[12:]
        assert crc32c(bare).to_bytes(4, "big") == segment[8:12]
        return
    at = CHECKSUM_AT[proto]
    if unchecked:
        assert segment[at : at + 2] == b"\0\0"
        return
    bytes_covered, length = covered(proto, segment)
    under = b""
    if proto != 1:
        pair = ends(made, data)
        under = pseudo(pair.source, pair.destination, proto, length)
    bare = bytes_covered[:at] + b"\0\0" + bytes_covered[at + 2 :]
    expected = internet_checksum(under + bare)
    if proto in (17, 136):
        expected = expected or 0xFFFF
    assert segment[at : at + 2] == expected.to_bytes(2, "big")


def assert_scapy_rebuilds(made: Made, data: bytes) -> bool:
    """Let scapy dissect, forget lengths and checksums, and build again: the same bytes.

    Returns False where scapy's own arithmetic is known to be wrong or to need bytes it drops.
    """
    layer = (IP if made.family == AF_INET else IPv6)(data)
    if made.fragment or made.pseudo_source is not None or not made.pseudo_known:
        return False  # it has a part only; sees no home address beside padding; cannot know
    if AH in layer:
        return False  # it sums nothing right above AH
    if made.family == AF_INET and any(
        isinstance(option, IPOption_LSRR | IPOption_SSRR) and option.pointer > option.length
        for option in layer.options
    ):
        return False  # it takes a source route's end for the destination, used up or not
    if TCP in layer and not _same_options(layer[TCP], data, made):
        return False  # it mends broken options
    if UDP in layer and layer[UDP].len != len(data) - (made.transport_at or 0):
        return False  # it sums the surplus too
    if SCTP in layer:
        # Chunks that a rewrite broke are bytes; scapy would pad them.
        payload = data[(made.transport_at or 0) + 12 :]
        layer[SCTP].remove_payload()
        layer[SCTP].add_payload(Raw(payload))
    _forget(layer)
    built = bytes(layer)
    assert built == data, f"{built.hex()} is not {data.hex()}"
    return True


def _same_options(segment: Any, data: bytes, made: Made) -> bool:
    start = (made.transport_at or 0) + 20
    options = data[start : start + segment.dataofs * 4 - 20]
    return bytes(TCP(options=segment.options))[20:] == options


def _forget(layer: Any) -> None:
    """Take the lengths and checksums from the network and transport layers."""
    for name in ("len", "ihl", "chksum") if isinstance(layer, IP) else ("plen",):
        delattr(layer, name)
    while layer.payload:
        layer = layer.payload
        names = {field.name for field in layer.fields_desc}
        if not isinstance(layer, UDP) or layer.chksum:
            # Zero is UDP's "no checksum": it stays.
            for name in names & {"chksum", "cksum"}:
                delattr(layer, name)
        if isinstance(layer, UDP):
            del layer.len
        if isinstance(layer, TCP):
            del layer.dataofs
        if names & {"chksum", "cksum"}:
            return
