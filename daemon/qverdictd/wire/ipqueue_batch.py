# SPDX-License-Identifier: GPL-2.0
"""Several packets a datagram, several verdicts a message: ip_queue's extension messages.

Every record is a multiple of 8 bytes, its payload filled up with zeroes.
"""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Buffer, Cursor
from qverdictd.wire.ipqueue import (
    IPQM_MISSING,
    IPQM_PACKETS,
    IPQM_RANGE,
    IPQM_VERDICTS,
    MAX_VERDICTS,
    encode_request,
)
from qverdictd.wire.netlink import encode_message

PACKET_OWNER = 1 << 0
"""In `BatchPacket.flags`: uid and gid are there."""
PACKET_RESENT = 1 << 1
"""In `BatchPacket.flags`: was sent before, to a peer that closed its socket."""

ANY_MARK = 0xFFFF_FFFF
"""The mask that sets all bits of a mark."""

_PACKETS = Struct("=IIQ")
_PACKET = Struct("=IIIIQQIIIIII2sHBBBB8s")
_VERDICTS = Struct("=II")
_VERDICT = Struct("=QIIII")
_RANGE = Struct("=QQIIII")
_MISSING = Struct("=II")
_ID = Struct("=Q")


def _align(size: int) -> int:
    """Return ``size`` rounded up to the 8 bytes that records start at."""
    return (size + 7) & ~7


class BatchPacket(NamedTuple):
    """``struct ipq_packet``: one packet that waits for a verdict."""

    packet_id: int
    payload: bytes
    """From the IP header on, cut to the copy range."""
    length: int
    """Bytes of the packet before it was cut."""
    mark: int = 0
    time: int = 0
    """Nanoseconds since the epoch when it was queued."""
    indev: int = 0
    """Interface index; 0: none."""
    outdev: int = 0
    physindev: int = 0
    """Bridge port that it came in by; 0: it was not bridged."""
    physoutdev: int = 0
    uid: int = 0
    """Owner of the local socket; only with `PACKET_OWNER`."""
    gid: int = 0
    hw_protocol: int = 0
    """The EtherType."""
    hw_type: int = 0
    """``ARPHRD_`` of the device that it came in by."""
    hook: int = 0
    flags: int = 0
    hwaddr: bytes = b""
    """The sender's hardware address, up to 8 bytes."""


class BrokenPacketError(WireError):
    """A record that cannot be parsed; `packet_id` is its id if that can be read."""

    def __init__(self, text: str, packet_id: int | None = None) -> None:
        super().__init__(text)
        self.packet_id = packet_id


def encode_packets(
    packets: Sequence[BatchPacket], *, backlog: int = 0, overflowed: int = 0
) -> bytes:
    """Return the message as the module sends it.

    ``backlog``: packets that wait in the queue and were not sent yet; ``overflowed``: packets that
    found the queue full.
    """
    body = _PACKETS.pack(len(packets), backlog, overflowed)
    for packet in packets:
        size = _align(_PACKET.size + len(packet.payload))
        record = _PACKET.pack(
            *(size, len(packet.payload), packet.length, packet.mark, packet.packet_id, packet.time),
            *(packet.indev, packet.outdev, packet.physindev, packet.physoutdev),
            *(packet.uid, packet.gid, packet.hw_protocol.to_bytes(2, "big"), packet.hw_type),
            *(packet.hook, packet.flags, len(packet.hwaddr), 0, packet.hwaddr),
        )
        body += (record + packet.payload).ljust(size, b"\0")
    return encode_message(IPQM_PACKETS, body)


_record = _PACKET.unpack_from
_RECORD = _PACKET.size
_new = tuple.__new__


def parse_packets(buffer: Buffer, start: int, end: int) -> Iterator[BatchPacket]:
    """Yield the packets in the message body ``buffer[start:end]`` (after its ``nlmsghdr``).

    Raises `WireError` where the body ends too early or too late, `BrokenPacketError` at a record
    that contradicts itself: those before it were yielded, and are to be answered.
    """
    (count, _backlog, _overflowed) = Cursor(buffer, start, end).read(_PACKETS)
    offset = start + _PACKETS.size
    for _ in range(count):
        payload = offset + _RECORD
        if payload > end:
            raise WireError(f"a record of {end - offset} bytes, which has {_RECORD} at least")
        (
            size, data_len, length, mark, packet_id, time, indev, outdev, physindev, physoutdev,
            uid, gid, hw_protocol, hw_type, hook, flags, hw_addrlen, _reserved, hw_addr,
        ) = _record(buffer, offset)  # fmt: skip
        if size != (_RECORD + data_len + 7) & ~7 or offset + size > end:
            raise BrokenPacketError(
                f"a record of {size} bytes for {data_len} of a packet, {end - offset} left",
                packet_id,
            )
        if data_len > length or hw_addrlen > 8:
            raise BrokenPacketError(
                f"{data_len} bytes of a packet of {length}, an address of {hw_addrlen}", packet_id
            )
        offset += size
        yield _new(BatchPacket, (
            packet_id, buffer[payload : payload + data_len], length, mark, time, indev, outdev,
            physindev, physoutdev, uid, gid, int.from_bytes(hw_protocol, "big"), hw_type, hook,
            flags, hw_addr[:hw_addrlen],
        ))  # fmt: skip
    if offset != end:
        raise WireError(f"{end - offset} bytes after the last of {count} packets")


class BatchVerdict(NamedTuple):
    """``struct ipq_verdict``: what becomes of one packet."""

    packet_id: int
    code: int
    """One of ``NF_``; a requeue names no other queue."""
    mark: int = 0
    """The packet's new mark, in the bits of ``mask``."""
    mask: int = 0
    payload: bytes = b""
    """The packet's new bytes, from its IP header on; empty leaves it as it is."""


def encode_item(
    packet_id: int, code: int, mark: int = 0, mask: int = 0, payload: bytes = b""
) -> bytes:
    """Return one verdict of a list (the arguments are the fields of `BatchVerdict`)."""
    item = _VERDICT.pack(packet_id, code, mark, mask, len(payload))
    return (item + payload).ljust(_align(_VERDICT.size + len(payload)), b"\0") if payload else item


def encode_verdicts(items: Sequence[bytes], *, seq: int, flags: int = 0) -> bytes:
    """Return the message of up to `MAX_VERDICTS` verdicts that `encode_item` made.

    Errors come back with its sequence number.
    """
    body = _VERDICTS.pack(len(items), 0) + b"".join(items)
    return encode_request(IPQM_VERDICTS, body, seq=seq, flags=flags)


def decode_verdicts(buffer: Buffer, start: int, end: int) -> list[BatchVerdict]:
    """Return the verdicts in a message body. Raises `WireError`, as the module does EINVAL."""
    cursor = Cursor(buffer, start, end)
    count, reserved = cursor.read(_VERDICTS)
    if reserved or not 1 <= count <= MAX_VERDICTS:
        raise WireError(f"a list of {count} verdicts with {reserved} in its head")
    verdicts = []
    for _ in range(count):
        packet_id, code, mark, mask, data_len = cursor.read(_VERDICT)
        payload = cursor.take(data_len)
        cursor.take(_align(data_len) - data_len)
        verdicts.append(BatchVerdict(packet_id, code, mark, mask, payload))
    if cursor.left:
        raise WireError(f"{cursor.left} bytes after the last of {count} verdicts")
    return verdicts


class Range(NamedTuple):
    """``struct ipq_range``: one verdict for every packet from one id to another."""

    first: int
    last: int
    code: int
    mark: int = 0
    mask: int = 0


def encode_range(verdict: Range, *, seq: int, flags: int = 0) -> bytes:
    """Return the message."""
    return encode_request(IPQM_RANGE, _RANGE.pack(*verdict, 0), seq=seq, flags=flags)


def decode_range(buffer: Buffer, start: int, end: int) -> Range:
    """Return the range in a message body. Raises `WireError`, as the module does EINVAL."""
    with Cursor(buffer, start, end).slice(end - start) as cursor:
        first, last, code, mark, mask, reserved = cursor.read(_RANGE)
    if last < first or reserved:
        raise WireError(f"a range from {first} to {last} with {reserved} at its end")
    return Range(first, last, code, mark, mask)


class Missing(NamedTuple):
    """``struct ipq_missing``: ids of a list of verdicts that do not wait."""

    total: int
    """How many there were."""
    ids: tuple[int, ...]
    """Fewer than ``total`` only if the module's memory was short."""


def encode_missing(missing: Missing, *, seq: int) -> bytes:
    """Return the message as the module sends it, with the list's sequence number."""
    body = _MISSING.pack(missing.total, len(missing.ids)) + _ids(missing.ids)
    return encode_message(IPQM_MISSING, body, seq=seq)


def _ids(ids: Iterable[int]) -> bytes:
    return b"".join(map(_ID.pack, ids))


def decode_missing(buffer: Buffer, start: int, end: int) -> Missing:
    """Return what is in a message body. Raises `WireError`."""
    cursor = Cursor(buffer, start, end)
    total, listed = cursor.read(_MISSING)
    if listed > total or listed * _ID.size != cursor.left:
        raise WireError(f"{listed} of {total} missing ids in {cursor.left} bytes")
    return Missing(total, tuple(cursor.read(_ID)[0] for _ in range(listed)))
