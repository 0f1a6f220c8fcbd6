# SPDX-License-Identifier: GPL-2.0
"""Rewrites of generated packets: right by the validator, and nothing else is touched."""

from collections.abc import Sequence

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from qverdictd.action.draft import ActionFailedError
from qverdictd.action.rewrite import Rewrite, rewritten
from qverdictd.packet.decode import decode
from qverdictd.packet.raw import AF_INET, RawPacket
from qverdictd.packet.value import Payload, Value

from ..generators.packets import Fragments, Made, fragmented, packets, wholes
from ..generators.rewrites import rewrites
from ..generators.transports import Transport, sctp
from ..packet.seen import seen
from . import starts
from .model import CannotError, expected
from .validator import (
    CHECKSUM_AT,
    assert_network_right,
    assert_scapy_rebuilds,
    assert_transport_right,
)


@st.composite
def _edits(draw: st.DrawFn, made: Made) -> list[Rewrite]:
    """Make edits of a packet, most of which can be done to it."""
    edits = draw(st.lists(rewrites, min_size=1, max_size=8))
    if draw(st.integers(0, 4)):
        edits = [edit for edit in edits if _can_be_done(made, edit)] or edits
    return edits[:3]


def _can_be_done(made: Made, edit: Rewrite) -> bool:
    try:
        return _changed(made, expected(made, [edit]))
    except CannotError:
        return False


def _with_edits(mades: st.SearchStrategy[Made]) -> st.SearchStrategy[tuple[Made, list[Rewrite]]]:
    return mades.flatmap(lambda made: st.tuples(st.just(made), _edits(made)))


def _cut_with_edits(
    transport: st.SearchStrategy[Transport] | None = None,
) -> st.SearchStrategy[tuple[Fragments, list[Rewrite]]]:
    cuts = fragmented(transport)
    return cuts.flatmap(lambda cut: st.tuples(st.just(cut), _edits(cut.first)))


def _changed(made: Made, fields: dict[str, Value]) -> bool:
    return fields != seen(made.data, made.family)


def _untouchable(data: bytes, made: Made, end: int) -> tuple[bytes, bytes]:
    """Return what no rewrite may change: headers less lengths, checksums, fields; the surplus."""
    spans = [(1, 2), (2, 4), (8, 9), (10, 20)] if made.family == AF_INET else [(0, 2), (4, 6)]
    if made.family != AF_INET:
        spans += [(7, 8), (8, 40)]
    start = len(data)
    at = made.transport_at
    if at is not None:
        start = at + made.header
        checksum = at + (8 if made.proto == 132 else CHECKSUM_AT[made.proto])
        spans.append((checksum, checksum + (4 if made.proto == 132 else 2)))
        if made.proto not in (1, 58):
            spans.append((at, at + 4))
        if made.proto in (17, 136):
            spans.append((at + 4, at + 6))
        if made.proto == 6:
            spans.append((at + 14, at + 16))
    headers = bytearray(data[:start])
    for low, high in spans:
        headers[low:high] = bytes(high - low)
    if made.family != AF_INET:
        headers[0:2] = bytes((data[0] & 0xF0, data[1] & 0x0F))
    return bytes(headers), data[end:]


def _check(made: Made, raw: RawPacket, edits: Sequence[Rewrite]) -> bytes | None:
    """Rewrite a packet, compare with the model, and return the result."""
    packet = decode(raw)
    try:
        fields = expected(made, edits)
    except CannotError:
        event("cannot be done")
        with pytest.raises(ActionFailedError):
            rewritten(packet, edits)
        return None
    if not _changed(made, fields):
        event("changes nothing")
        assert rewritten(packet, edits) is None
        return None
    event("rewritten")
    result = rewritten(packet, edits)
    assert result is not None
    assert seen(result, made.family) == fields
    end = made.end + len(result) - len(made.data)
    assert _untouchable(result, made, end) == _untouchable(made.data, made, made.end)
    if made.transport_at is not None:
        payload = fields["payload"]
        assert isinstance(payload, Payload)
        assert result[made.transport_at + made.header : end] == payload.data
    assert_network_right(made, result)
    again = decode(RawPacket(1, result, len(result), made.family))
    assert not again.cut
    return result


def _unchecked(made: Made) -> bool:
    """Whether this is a UDP datagram that came without a checksum."""
    at = made.transport_at
    return made.proto == 17 and at is not None and made.data[at + 6 : at + 8] == b"\0\0"


def _assert_right(made: Made, result: bytes, *, unchecked: bool) -> None:
    if made.transport_at is None:
        return
    segment = result[made.transport_at :]
    assert_transport_right(made, result, segment, unchecked=unchecked)
    if assert_scapy_rebuilds(made, result):
        event("scapy rebuilds the same")


@given(_with_edits(packets))
def test_what_is_asked_and_nothing_else(case: tuple[Made, list[Rewrite]]) -> None:
    made, edits = case
    carried = made.fragment or not made.pseudo_known
    assume(not (carried and made.proto == 132))
    _check(made, made.raw(), edits)


@given(_with_edits(wholes()))
def test_right_checksums_stay_right(case: tuple[Made, list[Rewrite]]) -> None:
    made, edits = case
    result = _check(made, made.raw(), edits)
    if result is not None:
        # IPv6 knows no "unchecked": a zero is filled in, where we know the pseudo header.
        unchecked = _unchecked(made) and (made.family == AF_INET or not made.pseudo_known)
        _assert_right(made, result, unchecked=unchecked)


@given(_with_edits(wholes().filter(lambda made: made.pseudo_known)))
def test_wrong_checksums_become_right(case: tuple[Made, list[Rewrite]]) -> None:
    made, edits = case
    result = _check(made, starts.wrong(made), edits)
    if result is not None:
        _assert_right(made, result, unchecked=_unchecked(made) and made.family == AF_INET)


_offloaded = wholes().filter(lambda made: made.transport_at and made.proto in starts.OFFLOADED)


@given(_with_edits(_offloaded))
def test_partial_checksums_are_completed(case: tuple[Made, list[Rewrite]]) -> None:
    made, edits = case
    raw = starts.partial(made)
    if not made.pseudo_known and made.proto != 132:
        try:
            assume(_changed(made, expected(made, edits)))
        except CannotError:
            assume(False)
        with pytest.raises(ActionFailedError):
            rewritten(decode(raw), edits)
        return
    result = _check(made, raw, edits)
    if result is not None:
        _assert_right(made, result, unchecked=False)


@given(_cut_with_edits())
def test_the_first_fragment_goes_with_the_untouched_rest(
    case: tuple[Fragments, list[Rewrite]],
) -> None:
    cut, edits = case
    first = cut.first
    assume(first.proto != 132)
    result = _check(first, first.raw(), edits)
    if result is not None and first.transport_at is not None:
        whole = result[first.transport_at :] + cut.rest
        assert_transport_right(first, result, whole, unchecked=_unchecked(first))


@given(_cut_with_edits(sctp()))
def test_a_fragment_of_sctp_keeps_its_bytes_or_fails(
    case: tuple[Fragments, list[Rewrite]],
) -> None:
    cut, edits = case
    first = cut.first
    at = first.transport_at
    assert at is not None
    try:
        result = rewritten(decode(first.raw()), edits)
    except ActionFailedError:
        fields = seen(first.data, first.family)
        try:
            after = expected(first, edits)
        except CannotError:
            return
        assert [after[name] for name in ("sport", "dport", "payload")] != [
            fields[name] for name in ("sport", "dport", "payload")
        ]
        return
    if result is not None:
        assert_network_right(first, result)
        assert result[at:] == first.data[at:]


@given(packets, st.lists(rewrites, min_size=1, max_size=2), st.binary(min_size=1, max_size=8))
def test_bytes_after_the_packets_end_are_left_out(
    made: Made, edits: list[Rewrite], padding: bytes
) -> None:
    data = made.data + padding
    padded = RawPacket(1, data, len(data), made.family)
    try:
        result = rewritten(decode(made.raw()), edits)
    except ActionFailedError:
        with pytest.raises(ActionFailedError):
            rewritten(decode(padded), edits)
        return
    assert rewritten(decode(padded), edits) == result


@given(packets)
def test_no_rewrite_changes_nothing(made: Made) -> None:
    assert rewritten(decode(made.raw()), []) is None
