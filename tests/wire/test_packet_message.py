# SPDX-License-Identifier: GPL-2.0
"""Packet messages: the fast parser against one by the book, over every kind of broken message."""

import contextlib
import struct
from struct import Struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Cursor
from qverdictd.wire.netlink import NLATTR, NLMSGHDR, align, encode_attribute
from qverdictd.wire.packet_message import (
    SLACK,
    PacketMessage,
    PacketParser,
    encode_packet,
    readable_id,
)

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)


@st.composite
def messages(draw: st.DrawFn) -> PacketMessage:
    payload = draw(st.binary(max_size=80))
    return PacketMessage(
        packet_id=draw(U32),
        family=draw(U8),
        hw_protocol=draw(U16),
        hook=draw(U8),
        payload=payload,
        length=draw(st.just(len(payload)) | st.integers(len(payload), 0xFFFF_FFFF)),
        indev=draw(U32),
        outdev=draw(U32),
        mark=draw(U32),
        hwaddr=draw(st.none() | st.binary(max_size=8)),
        timestamp=draw(st.none() | st.integers(0, 2**64 * 10**6 - 1)),
        uid=draw(st.none() | U32),
        gid=draw(st.none() | U32),
        skb_info=draw(U32),
    )


def parse(body: bytes, junk: bytes = b"\xff", parser: PacketParser | None = None) -> PacketMessage:
    """Parse a message's body as it lies in a buffer: in the middle of other bytes."""
    before = b"\x08\0\x03\0" * 4
    buffer = before + body + junk * SLACK
    parser = parser or PacketParser()
    return parser.parse(buffer, len(before), len(before) + len(body))


LAYOUTS = {
    1: Struct(">IHB"),
    3: Struct(">I"),
    4: Struct(">QQ"),
    5: Struct(">I"),
    6: Struct(">I"),
    9: Struct(">HH8s"),
    13: Struct(">I"),
    14: Struct(">I"),
    16: Struct(">I"),
    17: Struct(">I"),
}
"""What is in each attribute that we read (linux/netfilter/nfnetlink_queue.h)."""
PAYLOAD = 10


def by_the_book(body: bytes) -> PacketMessage:
    """Parse a packet's message step by step, with the cursor."""
    cursor = Cursor(body)
    family, _version, _queue = cursor.read(Struct(">BBH"))
    found: dict[int, tuple[int, ...]] = {}
    hwaddr = None
    payload = b""
    while cursor.left:
        size, kind = cursor.read(NLATTR)
        if (kind == 1) != (not found):
            raise WireError("the header is not the first, and only the first, attribute")
        with cursor.slice(size - NLATTR.size) as value:
            if kind in LAYOUTS:
                found[kind] = value.read(LAYOUTS[kind])
            elif kind & 0x3FFF in LAYOUTS:
                raise WireError("a known attribute is neither nested nor flagged")
            else:
                rest = value.rest()
                payload = rest if kind & 0x3FFF == PAYLOAD else payload
        if cursor.left or kind in LAYOUTS:
            cursor.take(align(size) - size)
        if kind == 9:
            count, _pad, room = found[9]
            hwaddr = room[:count] if count <= 8 else None  # type: ignore[index]
            if hwaddr is None:
                raise WireError("a hardware address larger than its room")
    packet_id, hw_protocol, hook = found.get(1) or (None, 0, 0)
    (length,) = found.get(13, (len(payload),))
    if packet_id is None or length < len(payload):
        raise WireError("no id, or more bytes than the packet has")
    seconds, microseconds = found.get(4, (None, 0))

    def word(kind: int) -> int:
        return found.get(kind, (0,))[0]

    return PacketMessage(
        packet_id,
        family,
        hw_protocol,
        hook,
        payload,
        length,
        indev=word(5),
        outdev=word(6),
        mark=word(3),
        hwaddr=hwaddr,
        timestamp=None if seconds is None else seconds * 1_000_000 + microseconds,
        uid=found.get(16, (None,))[0],
        gid=found.get(17, (None,))[0],
        skb_info=word(14),
    )


@given(U16, messages())
def test_packets_go_both_ways(queue: int, message: PacketMessage) -> None:
    whole = encode_packet(queue, message)
    size, kind, _flags, _seq, _portid = NLMSGHDR.unpack_from(whole)
    assert (size, kind) == (len(whole), 3 << 8)
    assert whole[18:20] == struct.pack(">H", queue)
    assert parse(whole[16:]) == message
    assert by_the_book(whole[16:]) == message


def same(body: bytes, *before: bytes) -> None:
    """Check that a parser which has seen ``before`` says of ``body`` what the book says.

    And that what is refused is refused, whatever lies behind it.
    """
    parser = PacketParser()
    for other in before:
        with contextlib.suppress(WireError):
            parse(other, parser=parser)
    try:
        wanted = by_the_book(body)
    except WireError:
        for junk in (b"\0", b"\xff", b"\x08"):
            with pytest.raises(WireError):
                parse(body, junk, parser)
        return
    assert parse(body, parser=parser) == wanted
    assert parse(body, parser=parser) == wanted  # now it is remembered
    assert readable_id(body, 0, len(body)) == wanted.packet_id


@given(messages(), st.data())
def test_cut_at_every_byte(message: PacketMessage, data: st.DataObject) -> None:
    body = encode_packet(0, message)[16:]
    size = data.draw(st.integers(0, len(body)))
    same(body[:size])
    same(body[:size], body)
    same(body, body[:size])
    # The id is in bytes 8 to 12 of the body; its attribute ends at 15.
    found = readable_id(body[:size], 0, size)
    assert found == (message.packet_id if size >= 15 else None)


@given(messages(), st.lists(st.tuples(st.integers(0, 400), U8), min_size=1, max_size=4))
def test_changed_at_any_byte(message: PacketMessage, changes: list[tuple[int, int]]) -> None:
    body = encode_packet(0, message)[16:]
    changed = bytearray(body)
    for position, value in changes:
        changed[position % len(body)] = value
    same(bytes(changed))
    same(bytes(changed), body)
    same(body, bytes(changed))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 24) | st.sampled_from([0x8001, 0x8003, 0x800A, 0x4005]),
            st.sampled_from([0, 1, 4, 7, 8, 12, 16]).flatmap(
                lambda size: st.binary(min_size=size, max_size=size)
            ),
        )
    )
)
@example([(4, bytes(16))])
@example([(9, b"\0\x09" + bytes(10))])
@example([(9, b"\0\x06" + bytes(10)), (1, bytes(7)), (10, b"a"), (10, b"bc")])
@example([(10, b"a"), (99, b"\x05\0\x0a\0b")])
def test_any_attributes_in_any_order(wanted: list[tuple[int, bytes]]) -> None:
    same(bytes(4) + b"".join(encode_attribute(kind, value) for kind, value in wanted))
    wanted.insert(0, (1, b"\0\0\0\x07\x08\0\x02"))
    same(bytes(4) + b"".join(encode_attribute(kind, value) for kind, value in wanted))


@given(st.binary(max_size=120))
def test_random_bytes(body: bytes) -> None:
    same(body)


def test_what_is_after_the_message_is_not_read() -> None:
    """A cut attribute is not completed from the message that lies behind it in the buffer."""
    message = PacketMessage(1, 2, 0x800, 2, b"", 0, mark=5)
    body = encode_packet(0, message)[16:]
    cut = len(body) - 2  # in the middle of the mark, whose last two bytes follow in the buffer
    with pytest.raises(WireError, match="ends 2 bytes too early"):
        PacketParser().parse(body + bytes(SLACK), 0, cut)


@given(st.lists(messages(), min_size=2, max_size=6), st.lists(st.integers(0, 5), max_size=30))
def test_what_is_remembered_is_what_was_said(kinds: list[PacketMessage], order: list[int]) -> None:
    parser = PacketParser()
    for packet_id, index in enumerate(order):
        message = kinds[index % len(kinds)]._replace(packet_id=packet_id)
        assert parse(encode_packet(0, message)[16:], parser=parser) == message


def test_bytes_in_a_packet_that_look_like_its_attribute_are_not_taken_for_it() -> None:
    """A sender who knows where the payload of others starts cannot move the start of his."""
    parser = PacketParser()
    longer = PacketMessage(1, 2, 0x800, 2, b"12345678", 8, indev=1, outdev=2, mark=3)
    shorter = longer._replace(outdev=0, mark=0)
    assert parse(encode_packet(0, longer)[16:], parser=parser) == longer
    # Where the longer message has outdev, mark and payload, this one's payload has them too.
    inner = encode_packet(0, longer)[16 + 24 :]
    for padding in range(8):
        data = bytes(padding) + inner
        forged = shorter._replace(payload=data, length=len(data))
        assert parse(encode_packet(0, forged)[16:], parser=parser) == forged


def test_memory_is_bounded() -> None:
    parser = PacketParser()
    for mark in range(1, 5000):
        message = PacketMessage(mark, 2, 0x800, 2, b"x", 1, mark=mark)
        assert parse(encode_packet(0, message)[16:], parser=parser) == message
    assert len(parser._middles) <= 1024


def test_attributes_that_we_do_not_know_are_passed_over() -> None:
    body = encode_packet(0, PacketMessage(1, 2, 0x800, 2, b"abc", 3))[16:]
    priority = encode_attribute(21, struct.pack(">I", 7))
    newer = encode_attribute(99, b"x" * 5)
    assert parse(body[:16] + newer + priority + body[16:]) == parse(body)
