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


# Parsing packets is hot. An attribute's header is read together with the first word of its value,
# so that one comparison says that type and length are what is expected.
_WORDS = Struct(">II").unpack_from
_FIRST = Struct(">BxxxIIHB").unpack_from  # struct nfgenmsg's family, then the whole packet header
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
_FIXED = frozenset({
    NFQA_PACKET_HDR, NFQA_MARK, NFQA_TIMESTAMP, NFQA_IFINDEX_INDEV, NFQA_IFINDEX_OUTDEV,
    NFQA_HWADDR, NFQA_CAP_LEN, NFQA_SKB_INFO, NFQA_UID, NFQA_GID,
})  # fmt: skip
_new = tuple.__new__

_MIDDLE = NFGENMSG.size + align(NLATTR.size + _PACKET_HDR.size)
"""Where the attributes after the packet header start."""
_REMEMBERED = 1024
"""How many different middles are remembered before they are all forgotten."""

SLACK = NLATTR.size + _TIMESTAMP.size
"""How many bytes past a message its buffer must have for `PacketParser`; they are not used."""

_Middle = tuple[int | None, int, int, int, bytes | None, int | None, int | None, int | None, int]


class PacketParser:
    """Parses the packet messages of a queue.

    Between its packet header, which comes first, and its payload, which comes last, a message
    has the same bytes as many before it: interfaces, mark, hardware address. So what these bytes
    mean is remembered by the bytes themselves; only new ones are walked through.
    """

    def __init__(self) -> None:
        self._middles: dict[bytes, _Middle] = {}
        self._places: list[int] = []

    def parse(self, buffer: Buffer, start: int, end: int) -> PacketMessage:
        """Return the packet in the message body ``buffer[start:end]`` (after its ``nlmsghdr``).

        Attributes that a verdict does not depend on are passed over. Raises `WireError` without
        a packet header in front, when what is read is not whole, or when anything leaves the body.
        """
        family, word, packet_id, hw_protocol, hook = _FIRST(buffer, start)
        total = end - start
        if word != _PACKET_HDR_WORD or total < _MIDDLE:
            raise WireError("a packet's message that does not start with its header")
        for place in self._places:
            if place < total:
                size, kind = _ANY(buffer, start + place)
                if place + size == total and kind == NFQA_PAYLOAD:
                    # A middle that is known was walked through up to its very end, so this is
                    # the payload and no bytes that look like it.
                    middle = self._middles.get(buffer[start + _MIDDLE : start + place])
                    if middle is not None:
                        payload = buffer[start + place + 4 : end]
                        break
        else:
            middle, payload = self._walk(buffer, start, end)
        length, indev, outdev, mark, hwaddr, timestamp, uid, gid, skb_info = middle
        if length is None:
            length = len(payload)
        elif length < len(payload):
            raise WireError(f"{len(payload)} bytes of a packet that has {length}")
        return _new(PacketMessage, (
            packet_id, family, hw_protocol, hook, payload, length, indev, outdev, mark,
            hwaddr, timestamp, uid, gid, skb_info,
        ))  # fmt: skip

    def _walk(self, buffer: Buffer, start: int, end: int) -> tuple[_Middle, bytes]:
        """Return what each attribute after the packet header says, and the payload."""
        indev = outdev = mark = skb_info = 0
        hwaddr = timestamp = uid = gid = length = None
        payload = b""
        place = None
        offset = start + _MIDDLE
        while offset < end:
            # Past `end` lie other bytes: what is read there makes `offset` miss `end`.
            word, value = _WORDS(buffer, offset)
            if word == _INDEV_WORD:
                indev = value
                offset += 8
            elif word == _OUTDEV_WORD:
                outdev = value
                offset += 8
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
                    place = offset if stop == end else None
                elif kind in _FIXED:
                    raise WireError(f"a packet's attribute {kind} of {size} bytes")
                offset = stop if stop == end else offset + align(size)
        if offset != end:
            raise WireError(f"a packet's message ends {offset - end} bytes too early")
        middle = (length, indev, outdev, mark, hwaddr, timestamp, uid, gid, skb_info)
        if place is not None and timestamp is None:  # a time does not come again
            self._remember(buffer[start + _MIDDLE : place], middle)
        return middle, payload

    def _remember(self, data: bytes, middle: _Middle) -> None:
        if len(self._middles) >= _REMEMBERED:
            self._middles.clear()
            self._places.clear()
        self._middles[data] = middle
        place = _MIDDLE + len(data)
        if place not in self._places:
            self._places.append(place)


def readable_id(buffer: Buffer, start: int, end: int) -> int | None:
    """Return the id in a message body that `PacketParser` refused; None if it has none.

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
