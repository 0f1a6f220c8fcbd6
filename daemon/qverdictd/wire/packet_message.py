# SPDX-License-Identifier: GPL-2.0
"""What NFQUEUE tells: a packet that waits for a verdict.

Constants and structures are those of ``linux/netfilter/nfnetlink_queue.h``; the values in
attributes are in network byte order.
"""

from struct import Struct
from typing import NamedTuple

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Buffer, Cursor
from qverdictd.wire.netlink import (
    NLA_TYPE_MASK,
    NLATTR,
    NLMSGHDR,
    align,
    attributes,
    encode_attribute,
)
from qverdictd.wire.nfnetlink_queue import (
    BE32,
    MSG_PACKET,
    NFGENMSG,
    NFQA_MARK,
    NFQA_PAYLOAD,
)

# enum nfqnl_attr_type
NFQA_PACKET_HDR = 1
NFQA_TIMESTAMP = 4
NFQA_IFINDEX_INDEV = 5
NFQA_IFINDEX_OUTDEV = 6
NFQA_HWADDR = 9
NFQA_CAP_LEN = 13
NFQA_SKB_INFO = 14
NFQA_UID = 16
NFQA_GID = 17

SKB_CSUMNOTREADY = 1 << 0
"""In NFQA_SKB_INFO: the checksum is partial, the hardware was to complete it."""
SKB_GSO = 1 << 1
"""In NFQA_SKB_INFO: several segments in one packet."""

_PACKET_HDR = Struct(">IHB")
_TIMESTAMP = Struct(">QQ")
_HWADDR = Struct(">HH8s")
_MICROSECONDS = 1_000_000


class PacketMessage(NamedTuple):
    """One packet that waits for a verdict, as the kernel says it."""

    packet_id: int
    family: int
    """The hook's family (``NFPROTO_``); a bridge's is not the packet's."""
    hw_protocol: int
    """The EtherType, 0 if the kernel has none."""
    hook: int
    payload: bytes
    """The packet from its network header on, cut to the copy range."""
    length: int
    """Bytes of the packet before it was cut."""
    indev: int = 0
    """Interface index; 0: none."""
    outdev: int = 0
    mark: int = 0
    hwaddr: bytes | None = None
    """The sender's hardware address, up to 8 bytes."""
    timestamp: int | None = None
    """Microseconds since the epoch."""
    uid: int | None = None
    gid: int | None = None
    skb_info: int = 0
    """Of the bits in NFQA_SKB_INFO `SKB_CSUMNOTREADY` and `SKB_GSO` concern a verdict."""


def encode_packet(queue: int, message: PacketMessage) -> bytes:
    """Return the message as the kernel sends it: its order, the payload last and not padded."""
    body = NFGENMSG.pack(message.family, 0, queue)
    body += encode_attribute(
        NFQA_PACKET_HDR, _PACKET_HDR.pack(message.packet_id, message.hw_protocol, message.hook)
    )
    for kind, word in (
        (NFQA_IFINDEX_INDEV, message.indev or None),
        (NFQA_IFINDEX_OUTDEV, message.outdev or None),
        (NFQA_MARK, message.mark or None),
        (NFQA_UID, message.uid),
        (NFQA_GID, message.gid),
        (NFQA_CAP_LEN, None if message.length == len(message.payload) else message.length),
        (NFQA_SKB_INFO, message.skb_info or None),
    ):
        if word is not None:
            body += encode_attribute(kind, BE32.pack(word))
    if message.hwaddr is not None:
        hardware = _HWADDR.pack(len(message.hwaddr), 0, message.hwaddr)
        body += encode_attribute(NFQA_HWADDR, hardware)
    if message.timestamp is not None:
        stamp = _TIMESTAMP.pack(*divmod(message.timestamp, _MICROSECONDS))
        body += encode_attribute(NFQA_TIMESTAMP, stamp)
    if message.payload:
        body += NLATTR.pack(NLATTR.size + len(message.payload), NFQA_PAYLOAD) + message.payload
    return NLMSGHDR.pack(NLMSGHDR.size + len(body), MSG_PACKET, 0, 0, 0) + body


def _header(kind: int, layout: Struct) -> int:
    """Return an attribute's header as it reads in one big-endian word."""
    return int.from_bytes(NLATTR.pack(NLATTR.size + layout.size, kind), "big")


# Parsing packets is the one hot loop here. It reads an attribute's header together with the first
# word of the value, so that one comparison says that type and length are what is expected.
_WORDS = Struct(">II").unpack_from
_AFTER_ID = Struct(">HB").unpack_from
_ANY = NLATTR.unpack_from
_PACKET_HDR_WORD = _header(NFQA_PACKET_HDR, _PACKET_HDR)
_MARK_WORD = _header(NFQA_MARK, BE32)
_TIMESTAMP_WORD = _header(NFQA_TIMESTAMP, _TIMESTAMP)
_INDEV_WORD = _header(NFQA_IFINDEX_INDEV, BE32)
_OUTDEV_WORD = _header(NFQA_IFINDEX_OUTDEV, BE32)
_HWADDR_WORD = _header(NFQA_HWADDR, _HWADDR)
_CAP_LEN_WORD = _header(NFQA_CAP_LEN, BE32)
_SKB_INFO_WORD = _header(NFQA_SKB_INFO, BE32)
_UID_WORD = _header(NFQA_UID, BE32)
_GID_WORD = _header(NFQA_GID, BE32)
_KNOWN = frozenset({
    NFQA_PACKET_HDR, NFQA_MARK, NFQA_TIMESTAMP, NFQA_IFINDEX_INDEV, NFQA_IFINDEX_OUTDEV,
    NFQA_HWADDR, NFQA_CAP_LEN, NFQA_SKB_INFO, NFQA_UID, NFQA_GID,
})  # fmt: skip
_new = tuple.__new__

SLACK = NLATTR.size + _TIMESTAMP.size
"""How many bytes past a message its buffer must have for `parse_packet`; they are not used."""


def parse_packet(buffer: Buffer, start: int, end: int) -> PacketMessage:
    """Return the packet in the message body ``buffer[start:end]`` (after its ``nlmsghdr``).

    Attributes that a verdict does not depend on are passed over. Raises `WireError` when those
    that it does are not whole, when one that is not known leaves the body, or without an id.
    """
    packet_id = None
    hw_protocol = hook = indev = outdev = mark = skb_info = 0
    hwaddr = timestamp = uid = gid = length = None
    payload = b""
    offset = start + NFGENMSG.size
    while offset < end:
        # Past `end` lie other bytes or the slack: what is read there makes `offset` miss `end`.
        word, value = _WORDS(buffer, offset)
        if word == _INDEV_WORD:
            indev = value
            offset += 8
        elif word == _OUTDEV_WORD:
            outdev = value
            offset += 8
        elif word == _PACKET_HDR_WORD:
            packet_id = value
            hw_protocol, hook = _AFTER_ID(buffer, offset + 8)
            offset += 12
        elif word == _HWADDR_WORD:
            size = value >> 16
            if size > 8:
                raise WireError(f"a hardware address of {size} bytes, which has room for 8")
            hwaddr = buffer[offset + 8 : offset + 8 + size]
            offset += 16
        elif word == _SKB_INFO_WORD:
            skb_info = value
            offset += 8
        elif word == _MARK_WORD:
            mark = value
            offset += 8
        elif word == _UID_WORD:
            uid = value
            offset += 8
        elif word == _GID_WORD:
            gid = value
            offset += 8
        elif word == _CAP_LEN_WORD:
            length = value
            offset += 8
        elif word == _TIMESTAMP_WORD:
            seconds, microseconds = _TIMESTAMP.unpack_from(buffer, offset + 4)
            timestamp = seconds * _MICROSECONDS + microseconds
            offset += 20
        else:
            size, kind = _ANY(buffer, offset)
            stop = offset + size
            if size < NLATTR.size or stop > end:
                raise WireError(f"a packet's attribute of {size} bytes, {end - offset} left")
            kind &= NLA_TYPE_MASK
            if kind == NFQA_PAYLOAD:
                payload = buffer[offset + 4 : stop]
            elif kind in _KNOWN:
                raise WireError(f"a packet's attribute {kind} of {size} bytes")
            offset = stop if stop == end else offset + align(size)
    if offset != end or end < start + NFGENMSG.size:
        raise WireError(f"a packet's message ends {abs(offset - end)} bytes too early")
    if packet_id is None:
        raise WireError("a packet without an id")
    if length is None:
        length = len(payload)
    elif length < len(payload):
        raise WireError(f"{len(payload)} bytes of a packet that has {length}")
    return _new(PacketMessage, (
        packet_id, buffer[start], hw_protocol, hook, payload, length, indev, outdev, mark,
        hwaddr, timestamp, uid, gid, skb_info,
    ))  # fmt: skip


def readable_id(buffer: Buffer, start: int, end: int) -> int | None:
    """Return the id in a message body that `parse_packet` refused; None if it has none.

    The kernel puts it first, so that what is broken after it does not leave the packet unanswered.
    """
    try:
        cursor = Cursor(buffer, start, end)
        cursor.read(NFGENMSG)
        for kind, value in attributes(cursor):
            if kind == NFQA_PACKET_HDR:
                found: int = value.read(_PACKET_HDR)[0]
                return found
            value.rest()
    except WireError:
        pass
    return None
