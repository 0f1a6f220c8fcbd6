# SPDX-License-Identifier: GPL-2.0
"""A packet being rewritten: its bytes while edits are applied, and right lengths and sums after."""

from qverdictd.packet.checksum import carried_on, checksum, crc32c, ones_sum, pseudo_header
from qverdictd.packet.fields import PROTO_OF, Header
from qverdictd.packet.view import Packet

#: Transports whose payload may change its size; TCP needs sequence translation for that, SCTP
#: and DCCP have lengths of their own inside.
RESIZABLE = frozenset((Header.UDP, Header.UDPLITE, Header.ICMP, Header.ICMPV6))

#: Where each transport keeps its checksum.
_CHECKSUM_AT = {
    Header.TCP: 16,
    Header.UDP: 6,
    Header.UDPLITE: 6,
    Header.DCCP: 6,
    Header.ICMP: 2,
    Header.ICMPV6: 2,
}
_LARGEST = 0xFFFF


class ActionFailedError(Exception):
    """The action cannot be done to this packet."""


class Draft:
    """The bytes of a whole packet, up to its own end, open for edits."""

    def __init__(self, packet: Packet) -> None:
        """Open a packet, of which nothing may be cut off."""
        self.packet = packet
        self.original = packet.data[: packet.end]
        self.buffer = bytearray(self.original)
        self._payload_end = packet.payload_end

    def write(self, at: int, new: bytes) -> None:
        """Overwrite bytes of a header."""
        self.buffer[at : at + len(new)] = new

    def payload(self) -> bytes:
        """Return the bytes after the transport header."""
        packet = self.packet
        if packet.transport is None or packet.payload_at is None:
            raise ActionFailedError
        return bytes(self.buffer[packet.payload_at : self._payload_end])

    def set_payload(self, new: bytes) -> None:
        """Put other bytes in the payload's place; another size only where lengths can follow."""
        packet = self.packet
        if packet.transport is None or packet.payload_at is None:
            raise ActionFailedError
        growth = len(new) - (self._payload_end - packet.payload_at)
        if growth:
            if packet.transport not in RESIZABLE or packet.fragment or packet.raw.gso:
                raise ActionFailedError
            if max(len(self.original), len(self.buffer) + growth) > _LARGEST:
                raise ActionFailedError  # a jumbogram's lengths are elsewhere: its size stays too
        self.buffer[packet.payload_at : self._payload_end] = new
        self._payload_end += growth

    def finish(self) -> bytes | None:
        """Return the whole packet with lengths and checksums right; None if nothing changed."""
        packet = self.packet
        if self.buffer == self.original:
            return None
        if len(self.buffer) != len(self.original):
            self._set_lengths(len(self.buffer) - len(self.original))
        if packet.transport is not None:
            self._set_transport_checksum(packet.transport)
        if packet.network is Header.IPV4:
            header = (self.buffer[0] & 0x0F) * 4
            self.write(10, b"\0\0")
            self._store(10, checksum(bytes(self.buffer[:header])))
        return bytes(self.buffer)

    def _load(self, at: int) -> int:
        return int.from_bytes(self.buffer[at : at + 2], "big")

    def _store(self, at: int, number: int) -> None:
        self.buffer[at : at + 2] = number.to_bytes(2, "big")

    def _set_lengths(self, growth: int) -> None:
        packet, at = self.packet, self.packet.transport_at
        length_at = 2 if packet.network is Header.IPV4 else 4
        self._store(length_at, self._load(length_at) + growth)
        if packet.transport is Header.UDP:
            self._store(at + 4, self._load(at + 4) + growth)
        elif packet.transport is Header.UDPLITE:
            covered = self._load(at + 4)
            if covered == len(self.original) - at:
                self._store(at + 4, covered + growth)
            elif covered > len(self.buffer) - at:
                self._store(at + 4, len(self.buffer) - at)

    def _set_transport_checksum(self, transport: Header) -> None:
        packet, at = self.packet, self.packet.transport_at
        if transport is Header.SCTP:
            self._set_sctp_checksum()
            return
        field = at + _CHECKSUM_AT[transport]
        carried = packet.fragment or not packet.pseudo_known
        if transport is Header.UDP and self._unchecked(field, carried=bool(carried)):
            return
        if carried:
            new = self._carried_on(transport, field)
        else:
            self._store(field, 0)
            new = checksum(*self._summed(transport, bytes(self.buffer)))
        if new == 0 and transport in (Header.UDP, Header.UDPLITE):
            new = 0xFFFF  # zero means "none" (RFC 768); the two are one number
        self._store(field, new)

    def _unchecked(self, field: int, *, carried: bool) -> bool:
        """Whether this is a UDP datagram whose sender made no checksum, and stays one.

        IPv6 asks for a checksum (tunnels apart, RFC 6935): it is made if it can be made anew.
        """
        packet = self.packet
        return (
            (carried or packet.network is Header.IPV4)
            and self._load(field) == 0
            and not packet.raw.checksum_partial
        )

    def _carried_on(self, transport: Header, field: int) -> int:
        """Change the checksum by what changed, where not all that it covers is known.

        A first fragment holds but a part of the datagram; sizes do not change there. A partial
        checksum cannot be carried on: the kernel leaves none on fragments.
        """
        if self.packet.raw.checksum_partial:
            raise ActionFailedError
        old_checksum = self._load(field)
        self._store(field, 0)
        before = bytearray(self.original)
        before[field : field + 2] = b"\0\0"
        return carried_on(
            old_checksum,
            ones_sum(*self._summed(transport, bytes(before))),
            ones_sum(*self._summed(transport, bytes(self.buffer))),
        )

    def _summed(self, transport: Header, whole: bytes) -> tuple[bytes, ...]:
        """Return the parts of a packet that its transport checksum covers."""
        packet, at = self.packet, self.packet.transport_at
        segment = whole[at:]
        if transport is Header.UDP:
            length = int.from_bytes(segment[4:6], "big")
            covered = segment[: length if 8 <= length <= len(segment) else len(segment)]
            length = len(covered)
        else:
            length = len(segment)
            covered = segment[: _coverage(transport, segment)]
        if transport is Header.ICMP:
            return (covered,)
        if packet.network is Header.IPV4:
            source, destination = whole[12:16], whole[16:20]
        else:
            source, destination = whole[8:24], whole[24:40]
        source = packet.pseudo_source or source
        destination = packet.pseudo_destination or destination
        return (pseudo_header(source, destination, PROTO_OF[transport], length), covered)

    def _set_sctp_checksum(self) -> None:
        """Make the CRC anew; of a fragment's, which cannot be, nothing covered may change."""
        at = self.packet.transport_at
        if self.packet.fragment:
            if self.buffer[at:] != self.original[at:] or self.packet.raw.checksum_partial:
                raise ActionFailedError
            return  # addresses are not part of it
        self.write(at + 8, b"\0\0\0\0")
        self.write(at + 8, crc32c(bytes(self.buffer[at:])).to_bytes(4, "little"))


def _coverage(transport: Header, segment: bytes) -> int:
    """Return how many bytes the checksum covers; UDP-Lite (RFC 3828) and DCCP (RFC 4340) say."""
    if transport is Header.UDPLITE:
        return int.from_bytes(segment[4:6], "big") or len(segment)
    if transport is Header.DCCP and segment[5] & 0x0F:
        return min(segment[4] * 4 + ((segment[5] & 0x0F) - 1) * 4, len(segment))
    return len(segment)
