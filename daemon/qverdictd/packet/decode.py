# SPDX-License-Identifier: GPL-2.0
"""The decoder: finds a packet's headers, refuses what is malformed, guesses nothing.

Two ends matter. What lies past the *packet's* end (its own length) makes it malformed; what
lies past the *bytes at hand* (the copy range, a capture's snap length) is merely cut off.
"""

from struct import Struct

from qverdictd.packet.fields import TRANSPORTS, Header
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.packet.value import Missing
from qverdictd.packet.view import Packet


class MalformedError(Exception):
    """The packet's own lengths cannot hold its headers."""


class UnsupportedError(Exception):
    """The packet is neither IPv4 nor IPv6."""


#: Version and header length, total length, fragment bits and offset, protocol (RFC 791).
_IPV4 = Struct("!BxHxxHxB")
_MORE_FRAGMENTS, _FRAGMENT_OFFSET = 0x2000, 0x1FFF
_LOOSE_SOURCE_ROUTE, _STRICT_SOURCE_ROUTE = 131, 137

#: IPv6 extension headers (RFC 8200, section 4; AH: RFC 4302).
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset((_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION))
_HOME_ADDRESS_OPTION = 0xC9

#: The least bytes of each transport header.
_LEAST = {
    Header.TCP: 20,
    Header.UDP: 8,
    Header.UDPLITE: 8,
    Header.SCTP: 12,
    Header.DCCP: 12,
    Header.ICMP: 8,
    Header.ICMPV6: 8,
}


def decode(raw: RawPacket) -> Packet:
    """Find the packet's headers.

    Raises `UnsupportedError` for anything but IPv4 and IPv6, and `MalformedError` if a length
    field cannot hold the headers that it must or points past the packet.
    """
    packet = Packet()
    packet.raw = raw
    packet.data = raw.data
    packet.transport = None
    packet.transport_at = 0
    packet.transport_missing = Missing.ABSENT
    packet.payload_at = None
    packet.payload_end = 0
    packet.pseudo_source = None
    packet.pseudo_destination = None
    packet.pseudo_known = True
    if raw.family == AF_INET:
        _ipv4(packet)
    elif raw.family == AF_INET6:
        _ipv6(packet)
    else:
        raise UnsupportedError
    return packet


def _ipv4(packet: Packet) -> None:
    raw, data = packet.raw, packet.data
    packet.network = Header.IPV4
    if raw.length < 20 or (data and data[0] >> 4 != 4):
        raise MalformedError
    if len(data) < 20:
        _hidden(packet)
        return
    first, total, fragment, proto = _IPV4.unpack_from(data)
    header = (first & 0x0F) * 4
    if total == 0 and raw.gso:
        total = raw.length  # a super-packet too long for the field ("BIG TCP")
    if header < 20 or header > total or total > raw.length:
        raise MalformedError
    packet.end = total
    packet.proto = proto
    packet.fragment = 1 if fragment & (_MORE_FRAGMENTS | _FRAGMENT_OFFSET) else 0
    if header > 20:
        _source_route(packet, header)
    if not fragment & _FRAGMENT_OFFSET:
        _transport(packet, proto, header, total)


def _source_route(packet: Packet, header: int) -> None:
    """Note where a source route ends, if it is not used up: its last address (RFC 791)."""
    data = packet.data
    at = 20
    while at + 2 < min(header, len(data)) and data[at] != 0:
        kind, size = data[at], data[at + 1]
        if kind == 1:
            at += 1
            continue
        if size < 2 or at + size > header:
            return
        if kind in (_LOOSE_SOURCE_ROUTE, _STRICT_SOURCE_ROUTE):
            if size % 4 == 3 and data[at + 2] < size:
                packet.pseudo_destination = data[at + size - 4 : at + size]
            return
        at += size


def _ipv6(packet: Packet) -> None:
    raw, data = packet.raw, packet.data
    packet.network = Header.IPV6
    if raw.length < 40 or (data and data[0] >> 4 != 6):
        raise MalformedError
    if len(data) < 40:
        _hidden(packet)
        return
    end = 40 + int.from_bytes(data[4:6], "big")
    if end == 40 and raw.length > 40 + 0xFFFF:
        end = raw.length  # a jumbogram (RFC 2675), or a super-packet of the kernel's
    if end > raw.length:
        raise MalformedError
    packet.end = end
    packet.fragment = 0
    _extensions(packet, data[6], end)


def _hidden(packet: Packet) -> None:
    """Settle a packet of which not even the network header is whole."""
    packet.end = None
    # A later fragment of IPv6 may begin in an extension header: then it has no protocol.
    packet.proto = Missing.CUT if packet.network is Header.IPV4 else Missing.UNKNOWN
    packet.fragment = Missing.CUT
    packet.transport_missing = Missing.UNKNOWN


def _extensions(packet: Packet, following: int, end: int) -> None:
    """Walk the extension headers from byte 40 on, up to the transport header."""
    data = packet.data
    at = 40
    while following in _EXTENSIONS:
        if at + 8 > end:
            raise MalformedError
        if at + 8 > len(data):
            _cut_chain(packet)
            return
        here, following, size = following, data[at], 8
        if here == _FRAGMENT:
            offset_and_more = int.from_bytes(data[at + 2 : at + 4], "big") & 0xFFF9
            packet.fragment = 1 if packet.fragment or offset_and_more else 0
            if offset_and_more >> 3:
                # The fragmentable part goes on in bytes that are not a header's beginning.
                packet.proto = Missing.ABSENT if following in _EXTENSIONS else following
                return
        elif here == _AH:
            size = (data[at + 1] + 2) * 4
        else:
            size = (data[at + 1] + 1) * 8
        if at + size > end:
            raise MalformedError
        if here == _ROUTING:
            _routing(packet, at, size)
        elif here == _DESTINATION and _HOME_ADDRESS_OPTION in data[at + 2 : at + size]:
            _home_address(packet, at + 2, at + size)
        at += size
    packet.proto = following
    _transport(packet, following, at, end)


def _cut_chain(packet: Packet) -> None:
    """Settle a packet whose chain of extension headers goes on past the bytes at hand."""
    packet.proto = Missing.UNKNOWN
    if not packet.fragment:
        packet.fragment = Missing.CUT
    packet.transport_missing = Missing.UNKNOWN


def _routing(packet: Packet, at: int, size: int) -> None:
    """Note the final destination, of which the pseudo header is made (RFC 8200, section 8.1)."""
    data = packet.data
    kind, segments_left = data[at + 2], data[at + 3]
    if segments_left == 0:
        return
    if kind in (0, 2):
        final = data[at + size - 16 : at + size]  # the last address of the list
    elif kind == 4:
        final = data[at + 8 : at + 24]  # segment routing lists them backwards (RFC 8754)
    else:
        final = b""
    if len(final) == 16 and size >= 24:
        packet.pseudo_destination = final
    else:
        packet.pseudo_destination = bytes(16)  # whatever it is: not ``dst``
        packet.pseudo_known = False


def _home_address(packet: Packet, at: int, end: int) -> None:
    """Note the mobile node's home address, of which the pseudo header is made (RFC 6275, 11.3)."""
    data = packet.data
    while at + 18 <= min(end, len(data)):
        kind = data[at]
        if kind == 0:  # Pad1, the one option without a length
            at += 1
            continue
        if kind == _HOME_ADDRESS_OPTION and data[at + 1] == 16:
            packet.pseudo_source = data[at + 2 : at + 18]
            return
        at += 2 + data[at + 1]


def _transport(packet: Packet, proto: int, at: int, end: int) -> None:
    """Find where the transport header ends; a first fragment's must be whole too."""
    header = TRANSPORTS.get(proto)
    if header is None:
        return
    least = _LEAST[header]
    if at + least > end:
        raise MalformedError
    packet.transport = header
    packet.transport_at = at
    packet.payload_end = end
    if header is Header.TCP:
        _with_offset(packet, at + 12, 4, least, end)
    elif header is Header.DCCP:
        _with_offset(packet, at + 4, 0, least, end)
    else:
        packet.payload_at = at + least
        if header is Header.UDP:
            _udp(packet, at, end)
        elif header is Header.UDPLITE:
            _udplite(packet, at, end)


def _with_offset(packet: Packet, at: int, shift: int, least: int, end: int) -> None:
    """Read the "data offset" in 32-bit words: TCP's in a byte's upper half, DCCP's in a byte."""
    if at >= len(packet.data):
        return
    size = (packet.data[at] >> shift) * 4
    if size < least or packet.transport_at + size > end:
        raise MalformedError
    packet.payload_at = packet.transport_at + size


def _udp(packet: Packet, at: int, end: int) -> None:
    """End the payload where the datagram ends; what follows is no payload (RFC 9868)."""
    length_bytes = packet.data[at + 4 : at + 6]
    if len(length_bytes) < 2:
        packet.payload_at = None
        return
    length = int.from_bytes(length_bytes, "big")
    if length == 0 and packet.network is Header.IPV6 and end > 40 + 0xFFFF:
        return  # a jumbogram's (RFC 2675, section 4)
    if length < 8:
        raise MalformedError
    if not packet.fragment:
        if at + length > end:
            raise MalformedError
        packet.payload_end = at + length


def _udplite(packet: Packet, at: int, end: int) -> None:
    """Check the coverage: 0 is all, else it holds at least the header (RFC 3828)."""
    coverage_bytes = packet.data[at + 4 : at + 6]
    if len(coverage_bytes) < 2:
        return
    coverage = int.from_bytes(coverage_bytes, "big")
    if 0 < coverage < 8 or (not packet.fragment and at + coverage > end):
        raise MalformedError
