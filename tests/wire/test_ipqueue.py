# SPDX-License-Identifier: GPL-2.0
"""ip_queue's messages go both ways, whole; cut or changed ones are refused, not believed."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.errors import WireError
from qverdictd.wire import ipqueue, ipqueue_batch, ipqueue_classic, ipqueue_control, ipqueue_tap
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.ipqueue_batch import Missing, Range, encode_item
from qverdictd.wire.netlink import NLM_F_REQUEST, NLMSGHDR

from . import ipqueue_values as values

BEFORE = b"\xa5" * 16
AFTER = b"\x5a" * 24

Decode = Callable[[Buffer, int, int], object]


def inside(body: bytes, decode: Decode) -> object:
    """Decode a body as it lies in a buffer, in the middle of other bytes."""
    return decode(BEFORE + body + AFTER, len(BEFORE), len(BEFORE) + len(body))


def body(message: bytes) -> bytes:
    """Return a message's body, without the padding that lets another one follow."""
    size, *_ = NLMSGHDR.unpack_from(message)
    return message[NLMSGHDR.size : size]


def refused_when_cut(whole: bytes, decode: Decode) -> None:
    """Check that no beginning of a body is taken for one."""
    for size in range(len(whole)):
        with pytest.raises(WireError):
            inside(whole[:size], decode)


def test_a_request_has_what_the_module_wants() -> None:
    size, kind, flags, seq, portid = NLMSGHDR.unpack_from(
        ipqueue.encode_request(0x12, b"12345", seq=7, flags=4)
    )
    assert (size, kind, flags, seq) == (21, 0x12, NLM_F_REQUEST | 4, 7)
    assert 0 < portid < 1 << 31


@given(values.HELLOS, values.U32)
def test_hello(hello: ipqueue.Hello, seq: int) -> None:
    message = ipqueue.encode_hello(hello, seq=seq)
    assert NLMSGHDR.unpack_from(message)[1:4:2] == (ipqueue.IPQM_HELLO, seq)
    assert inside(body(message), ipqueue.decode_hello) == hello


def test_a_hello_of_a_later_kernel_is_read_as_far_as_it_is_known() -> None:
    hello = ipqueue.Hello(1, 2, 3, 4, 5)
    whole = body(ipqueue.encode_hello(hello, seq=0))
    refused_when_cut(whole, ipqueue.decode_hello)
    longer = whole[:6] + (40).to_bytes(2, "little") + whole[8:] + b"newer..."
    assert inside(longer, ipqueue.decode_hello) == hello


@pytest.mark.parametrize("position", [0, 3, 4, 5, 6, 7, 28, 31])
def test_a_hello_that_is_none(position: int) -> None:
    broken = bytearray(body(ipqueue.encode_hello(ipqueue.Hello(1), seq=0)))
    broken[position] ^= 0x80
    with pytest.raises(WireError):
        inside(bytes(broken), ipqueue.decode_hello)


# Classic messages


@given(values.CLASSIC_PACKETS)
def test_classic_packet(packet: ipqueue_classic.ClassicPacket) -> None:
    message = ipqueue_classic.encode_packet(packet)
    assert len(message) % 4 == 0
    assert inside(body(message), ipqueue_classic.decode_packet) == packet
    # The module counts the padding in.
    assert inside(message[16:], ipqueue_classic.decode_packet) == packet
    refused_when_cut(body(message), ipqueue_classic.decode_packet)


def test_a_classic_packet_whose_lengths_lie() -> None:
    packet = ipqueue_classic.ClassicPacket(1, 2, b"payload")
    whole = bytearray(body(ipqueue_classic.encode_packet(packet)))
    for position, value in ((72, 9), (88, 8), (88, 3), (95, 1)):
        broken = bytearray(whole)
        broken[position] = value
        with pytest.raises(WireError):
            inside(bytes(broken), ipqueue_classic.decode_packet)
    unended = whole[:36] + b"x" * 16 + whole[52:]
    with pytest.raises(WireError, match="without an end"):
        inside(bytes(unended), ipqueue_classic.decode_packet)


@given(st.builds(ipqueue_classic.Mode, values.U8, values.U64))
def test_mode(mode: ipqueue_classic.Mode) -> None:
    whole = body(ipqueue_classic.encode_mode(mode))
    assert inside(whole, ipqueue_classic.decode_mode) == mode
    refused_when_cut(whole, ipqueue_classic.decode_mode)
    # libipq sends more than there is.
    assert inside(whole + bytes(16), ipqueue_classic.decode_mode) == mode


@given(values.CLASSIC_VERDICTS)
def test_classic_verdict(verdict: ipqueue_classic.ClassicVerdict) -> None:
    whole = body(ipqueue_classic.encode_verdict(verdict))
    assert inside(whole, ipqueue_classic.decode_verdict) == verdict
    if verdict.payload:  # of another length than claimed: the verdict counts, the payload does not
        cut = inside(whole[:-1], ipqueue_classic.decode_verdict)
        assert cut == verdict._replace(payload=b"")


# Batches


def packets(buffer: Buffer, start: int, end: int) -> list[ipqueue_batch.BatchPacket]:
    return list(ipqueue_batch.parse_packets(buffer, start, end))


@given(st.lists(values.batch_packets(), max_size=5), values.U32, values.U64)
def test_packets(batch: list[ipqueue_batch.BatchPacket], backlog: int, overflowed: int) -> None:
    message = ipqueue_batch.encode_packets(batch, backlog=backlog, overflowed=overflowed)
    assert len(message) % 8 == 0
    assert inside(body(message), packets) == batch
    refused_when_cut(body(message), packets)
    with pytest.raises(WireError):
        inside(body(message) + bytes(8), packets)


@given(
    st.lists(values.batch_packets(), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 600), values.U8), min_size=1, max_size=4),
)
def test_packets_changed_at_any_byte(
    batch: list[ipqueue_batch.BatchPacket], changes: list[tuple[int, int]]
) -> None:
    """Whatever comes out was in the body, and nothing is left of it."""
    whole = bytearray(body(ipqueue_batch.encode_packets(batch)))
    for position, value in changes:
        whole[position % len(whole)] = value
    try:
        found = inside(bytes(whole), packets)
    except WireError:
        return
    assert isinstance(found, list)
    assert 16 + sum((72 + len(packet.payload) + 7) & ~7 for packet in found) == len(whole)
    assert all(packet.payload in whole for packet in found)
    assert all(len(packet.payload) <= packet.length for packet in found)


@pytest.mark.parametrize(
    ("position", "value"), [(0, 72), (0, 88), (3, 1), (4, 20), (7, 1), (8, 1), (62, 9)]
)
def test_a_record_that_contradicts_itself_still_names_its_packet(position: int, value: int) -> None:
    good = ipqueue_batch.BatchPacket(1, b"good", 4)
    broken = ipqueue_batch.BatchPacket(258, b"brok", 4)
    whole = bytearray(body(ipqueue_batch.encode_packets([good, broken, good])))
    whole[16 + 80 + position] = value
    found = ipqueue_batch.parse_packets(bytes(whole), 0, len(whole))
    assert next(found) == good
    with pytest.raises(ipqueue_batch.BrokenPacketError) as told:
        next(found)
    assert told.value.packet_id == 258


@given(st.lists(values.BATCH_VERDICTS, min_size=1, max_size=6), values.U32)
def test_verdicts(verdicts: list[ipqueue_batch.BatchVerdict], seq: int) -> None:
    items = [encode_item(*verdict) for verdict in verdicts]
    message = ipqueue_batch.encode_verdicts(items, seq=seq)
    assert NLMSGHDR.unpack_from(message)[1:4:2] == (ipqueue.IPQM_VERDICTS, seq)
    assert inside(body(message), ipqueue_batch.decode_verdicts) == verdicts
    refused_when_cut(body(message), ipqueue_batch.decode_verdicts)
    with pytest.raises(WireError):
        inside(body(message) + bytes(8), ipqueue_batch.decode_verdicts)


def test_a_list_has_one_verdict_at_least_and_no_more_than_the_module_takes() -> None:
    item = encode_item(1, 1)
    for count, good in ((0, False), (1, True), (4096, True), (4097, False)):
        whole = body(ipqueue_batch.encode_verdicts([item] * count, seq=0))
        if good:
            assert len(ipqueue_batch.decode_verdicts(whole, 0, len(whole))) == count
        else:
            with pytest.raises(WireError):
                ipqueue_batch.decode_verdicts(whole, 0, len(whole))


@given(values.U64, values.U64, values.U32, values.U32, values.U32)
def test_range(first: int, last: int, code: int, mark: int, mask: int) -> None:
    verdict = Range(first, last, code, mark, mask)
    whole = body(ipqueue_batch.encode_range(verdict, seq=1))
    if first > last:
        with pytest.raises(WireError):
            inside(whole, ipqueue_batch.decode_range)
        return
    assert inside(whole, ipqueue_batch.decode_range) == verdict
    refused_when_cut(whole, ipqueue_batch.decode_range)
    with pytest.raises(WireError):
        inside(whole + bytes(4), ipqueue_batch.decode_range)


@given(st.lists(values.U64, max_size=6), st.integers(0, 9))
def test_missing(ids: list[int], unlisted: int) -> None:
    missing = Missing(len(ids) + unlisted, tuple(ids))
    whole = body(ipqueue_batch.encode_missing(missing, seq=1))
    assert inside(whole, ipqueue_batch.decode_missing) == missing
    refused_when_cut(whole, ipqueue_batch.decode_missing)
    fewer = (
        body(ipqueue_batch.encode_missing(Missing(len(ids) - 1, tuple(ids)), seq=1)) if ids else b""
    )
    with pytest.raises(WireError):
        inside(fewer, ipqueue_batch.decode_missing)


# Statistics and settings


@given(values.SETTINGS, st.binary(max_size=16))
def test_settings(settings: ipqueue_control.Settings, newer: bytes) -> None:
    value = ipqueue_control.encode_settings(settings)
    assert ipqueue_control.decode_settings(value + newer) == settings
    for size in range(len(value)):
        with pytest.raises(WireError):
            ipqueue_control.decode_settings(value[:size])


@given(values.STATISTICS, st.binary(max_size=16))
def test_statistics(statistics: ipqueue_control.Statistics, newer: bytes) -> None:
    value = ipqueue_control.encode_statistics(statistics)
    assert ipqueue_control.decode_statistics(value + newer) == statistics
    for size in range(len(value)):
        with pytest.raises(WireError):
            ipqueue_control.decode_statistics(value[:size])


def test_another_version_is_not_read() -> None:
    ours = ipqueue_control.encode_version(64)
    assert (len(ours), ours[:4]) == (64, b"\x01\0\x40\0")
    for decode in (ipqueue_control.decode_settings, ipqueue_control.decode_statistics):
        with pytest.raises(WireError, match="version 2"):
            decode(b"\x02" + bytes(300))


# The tap


@given(values.U64, st.lists(values.RECORDS, max_size=4))
def test_tap(seq: int, records: list[ipqueue_tap.TapRecord]) -> None:
    whole = body(ipqueue_tap.encode_tap(seq, records))
    assert inside(whole, ipqueue_tap.decode_tap) == (seq, records)
    refused_when_cut(whole, ipqueue_tap.decode_tap)
    with pytest.raises(WireError):
        inside(whole + bytes(8), ipqueue_tap.decode_tap)


@given(st.lists(values.RECORDS, min_size=1, max_size=3), st.integers(0, 40))
def test_longer_records_of_a_later_kernel(records: list[ipqueue_tap.TapRecord], more: int) -> None:
    whole = body(ipqueue_tap.encode_tap(0, records))
    size = 88 + more
    longer = whole[:12] + size.to_bytes(4, "little")
    for index in range(len(records)):
        longer += whole[16 + index * 88 :][:88] + b"n" * more
    assert inside(longer, ipqueue_tap.decode_tap) == (0, records)


def test_records_shorter_than_they_can_be() -> None:
    whole = b"\0" * 8 + (1).to_bytes(4, "little") + (80).to_bytes(4, "little") + bytes(80)
    with pytest.raises(WireError, match="80 bytes"):
        inside(whole, ipqueue_tap.decode_tap)
