# SPDX-License-Identifier: GPL-2.0
"""ip_queue's tap: what is told of each decided packet, to any number of listeners."""

import enum
from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Buffer, Cursor
from qverdictd.wire.ipqueue import IPQM_TAP
from qverdictd.wire.netlink import encode_message

GROUP_TAP = 1
"""The multicast group, on the netlink family of each queue."""

TAP_PORTS = 1 << 0
"""In `TapRecord.flags`: sport and dport are there."""
TAP_ICMP = 1 << 1
"""In `TapRecord.flags`: icmp_type and icmp_code are there."""
TAP_FRAGMENT = 1 << 2
"""In `TapRecord.flags`: not the first fragment, which has neither."""
TAP_REPLACED = 1 << 3
"""In `TapRecord.flags`: the peer gave the packet new bytes."""

_TAP = Struct("=QII")
_RECORD = Struct("=QQQIIII16s16s2s2s8B4x")
"""A later module may send more in each."""


class TapReason(enum.IntEnum):
    """Who decided (``enum ipq_reason``)."""

    PEER = 0
    """A verdict of the peer."""
    DEADLINE = 1
    """It waited longer than the deadline."""
    OVERFLOW = 2
    """The queue was full; the record's id is 0."""
    UNDELIVERED = 3
    """It could not be sent to the peer."""
    REFUSED = 4
    """The peer's new bytes could not be taken."""
    PEER_GONE = 5
    """The peer closed its socket, and linger is over."""
    DEVICE = 6
    """A device that it came in or goes out by is down."""
    HOOK = 7
    """The hook that it waited at was removed."""
    CONNTRACK = 8
    """Its connection cannot be continued."""


class TapRecord(NamedTuple):
    """``struct ipq_tap_record``: one decided packet, as it goes on."""

    time: int
    """Nanoseconds since the epoch when it was decided."""
    waited: int
    """Nanoseconds for which it was in the queue."""
    packet_id: int
    length: int
    """Bytes."""
    mark: int
    indev: int
    """Interface index; 0: none."""
    outdev: int
    source: bytes
    """16 bytes; an IPv4 address is the first 4 of them."""
    destination: bytes
    sport: int
    """See `TAP_PORTS`."""
    dport: int
    family: int
    """AF_INET or AF_INET6."""
    protocol: int
    hook: int
    verdict: int
    """One of ``NF_``."""
    reason: int
    """One of `TapReason`, unless the module is newer than this."""
    flags: int
    icmp_type: int
    """See `TAP_ICMP`."""
    icmp_code: int


def encode_tap(seq: int, records: Sequence[TapRecord]) -> bytes:
    """Return the message as the module sends it; ``seq`` is the first record's number."""
    body = _TAP.pack(seq, len(records), _RECORD.size)
    for record in records:
        values = list(record)
        values[9:11] = [port.to_bytes(2, "big") for port in record[9:11]]
        body += _RECORD.pack(*values)
    return encode_message(IPQM_TAP, body)


def decode_tap(buffer: Buffer, start: int, end: int) -> tuple[int, list[TapRecord]]:
    """Return the first record's number and the records in the message body ``buffer[start:end]``.

    Records are numbered from 0, without gaps. What is longer in them than we know is passed over.
    Raises `WireError`.
    """
    cursor = Cursor(buffer, start, end)
    seq, count, size = cursor.read(_TAP)
    if size < _RECORD.size or count * size != cursor.left:
        raise WireError(f"{count} records of {size} bytes in {cursor.left}")
    records = []
    for _ in range(count):
        values = list(cursor.read(_RECORD))
        cursor.take(size - _RECORD.size)
        values[9:11] = [int.from_bytes(port, "big") for port in values[9:11]]
        records.append(TapRecord(*values))
    return seq, records
