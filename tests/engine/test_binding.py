# SPDX-License-Identifier: GPL-2.0
"""The extension module: what it takes, what it refuses and how, what it leaves behind."""

import errno
import gc
import struct
import threading
import tracemalloc
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from qverdictd import _fast
from qverdictd.action.decision import Reason, Verdict
from qverdictd.packet.numbering import FINGERPRINT
from qverdictd.packet.raw import AF_INET, RawPacket
from qverdictd.policy.lower import lower
from qverdictd.policy.program import VERDICTS, VERSION
from tests.engine.policies import policy, syn

RULES = """
rules:
  - {name: telnet, match: {dport: 23}, verdict: drop, log: true}
  - {name: web, match: {dport: [80, 443]}, mark: 7, verdict: {queue: 9}}
"""


PROGRAM = lower(policy(RULES))


def test_the_numbers_of_c_are_those_of_python() -> None:
    assert _fast.PROGRAM_VERSION == VERSION
    assert _fast.FIELDS_FINGERPRINT == FINGERPRINT
    assert tuple(verdict.value for verdict in VERDICTS) == _fast.VERDICTS
    assert tuple(map(Verdict, _fast.VERDICTS)) == tuple(Verdict)
    assert tuple(map(Reason, _fast.REASONS)) == tuple(Reason)


def test_a_decision_says_all() -> None:
    engine = _fast.Engine(PROGRAM)
    told = engine.judge([syn(23), syn(80), syn(22)], 0)
    assert [_fast.VERDICTS[each[0]] for each in told] == ["drop", "queue", "accept"]
    assert [_fast.REASONS[each[1]] for each in told] == ["rule", "rule", "default"]
    assert [each[2:] for each in told] == [
        (0, 0, 0, None, (0,)),
        (1, 9, 7, None, ()),
        (None, 0, 0, None, ()),
    ]


def test_packets_of_many_batches_keep_their_order() -> None:
    engine = _fast.Engine(PROGRAM)
    ports = [(23, 80, 22)[number % 3] for number in range(1000)]
    told = engine.judge([syn(port) for port in ports], 0)
    assert [each[2] for each in told] == [{23: 0, 80: 1, 22: None}[port] for port in ports]
    assert engine.judge([], 0) == []
    assert engine.judge((syn(23) for _ in range(3)), 0) == engine.judge([syn(23)] * 3, 0)  # type: ignore[arg-type]


def test_rules_count_what_they_decide_in_all_lanes() -> None:
    engine = _fast.Engine(PROGRAM, lanes=3)
    size = syn(23).length
    engine.judge([syn(23), syn(80), syn(22)], 100)
    engine.judge([syn(23)], 300, 2)
    engine.judge([syn(23)], 200, lane=1)
    assert engine.counts() == [(3, 3 * size, 300), (1, size, 100)]
    assert engine.lanes == 3
    assert engine.memory > 0


@pytest.mark.parametrize("family", [0, 1, 7, 255, 256, 256 + AF_INET, 2**32 - 1])
def test_other_families_are_not_judged(family: int) -> None:
    (told,) = _fast.Engine(PROGRAM).judge([replace(syn(23), family=family)], 0)
    assert _fast.REASONS[told[1]] == Reason.UNSUPPORTED.value


@pytest.mark.parametrize("lane", [-1, 1, 2**31 - 1])
def test_a_lane_that_is_not_there_is_refused(lane: int) -> None:
    with pytest.raises(IndexError):
        _fast.Engine(PROGRAM).judge([syn(23)], 0, lane)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"lanes": 0}, ValueError),
        ({"lanes": 10**6}, ValueError),
        ({"lanes": 2**80}, OverflowError),
        ({"memory": -1}, ValueError),
        ({"cached_flows": 3}, ValueError),
        ({"cached_flows": -1}, ValueError),
        ({"cached_flows": 2**40}, ValueError),
        ({"speed": 1}, TypeError),
    ],
)
def test_limits_out_of_their_range_are_refused(
    arguments: dict[str, int], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _fast.Engine(PROGRAM, **arguments)


@pytest.mark.parametrize(
    "broken",
    [b"", b"QVP1", b"\0" * 4096, PROGRAM[:-1], PROGRAM + bytes(8), PROGRAM[8:]],
)
def test_a_broken_program_is_refused_by_both(broken: bytes) -> None:
    with pytest.raises(_fast.ProgramError) as by_engine:
        _fast.Engine(broken)
    with pytest.raises(_fast.ProgramError) as by_verifier:
        _fast.verify(broken)
    for refused in (by_engine.value, by_verifier.value):
        assert refused.error == errno.EINVAL
        assert refused.text
        assert str(refused) == refused.text
        assert refused.rule is None
    assert _fast.verify(PROGRAM) is None  # type: ignore[func-returns-value]


def test_a_program_made_with_another_table_is_refused() -> None:
    other = bytearray(PROGRAM)
    place = other.index(struct.pack("=I", FINGERPRINT))
    other[place] ^= 1
    with pytest.raises(_fast.ProgramError):
        _fast.verify(other)


def test_a_program_that_may_change_is_refused() -> None:
    with pytest.raises(TypeError, match="read-only"):
        _fast.Engine(bytearray(PROGRAM))
    with pytest.raises(TypeError):
        _fast.Engine("text")  # type: ignore[arg-type]


def test_a_program_that_needs_more_memory_than_it_may_is_refused() -> None:
    with pytest.raises(_fast.ProgramError) as refused:
        _fast.Engine(PROGRAM, memory=1)
    assert refused.value.error == errno.E2BIG
    needed = _fast.Engine(PROGRAM).memory
    assert _fast.Engine(PROGRAM, memory=2 * needed + (1 << 20)).memory == needed


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"data": bytearray(b"E")}, TypeError),
        ({"data": None}, TypeError),
        ({"length": -1}, OverflowError),
        ({"length": 2**32}, ValueError),
        ({"length": "1"}, TypeError),
        ({"mark": 2**32}, ValueError),
        ({"mark": 2**64}, OverflowError),
        ({"hook": 255}, ValueError),
        ({"hook": "input"}, TypeError),
        ({"uid": 2**32}, ValueError),
        ({"gid": 1.5}, TypeError),
        ({"mac": "00:00:00:00:00:01"}, TypeError),
        ({"indev": b"lo"}, TypeError),
        ({"outdev": 3}, TypeError),
        ({"family": -2}, OverflowError),
    ],
)
def test_a_packet_that_is_none_is_refused(change: dict[str, Any], error: type[Exception]) -> None:
    engine = _fast.Engine(PROGRAM)
    with pytest.raises(error):
        engine.judge([syn(23), replace(syn(23), **change)], 0)
    with pytest.raises(AttributeError):
        engine.judge([object()], 0)  # type: ignore[list-item]
    assert engine.counts()[0] == (0, 0, 0), "a batch is judged whole or not at all"


def test_an_engine_holds_its_program() -> None:
    text = memoryview(bytes(bytearray(PROGRAM)))
    engine = _fast.Engine(text)
    with pytest.raises(BufferError):
        text.release()
    assert engine.judge([syn(23)], 0)[0][2] == 0
    del engine
    gc.collect()
    text.release()


def test_judging_within_a_judgement_is_refused() -> None:
    engine = _fast.Engine(PROGRAM)
    caught: list[str] = []

    class Sly:
        """A packet that asks for a judgement while it is read."""

        def __getattr__(self, name: str) -> object:
            try:
                engine.judge([syn(23)], 0)
            except RuntimeError as error:
                caught.append(str(error))
            return getattr(syn(23), name)

    assert engine.judge([Sly()], 0)[0][2] == 0  # type: ignore[list-item]
    assert set(caught) == {"judge was called within judge"}
    assert engine.counts()[0][0] == 1


def test_threads_judge_on_one_engine() -> None:
    engine = _fast.Engine(PROGRAM, lanes=4)
    failed: list[object] = []

    def work(lane: int) -> None:
        for _ in range(50):
            told = engine.judge([syn(23)] * 100, 1, lane)
            if [each[2] for each in told] != [0] * 100:
                failed.append(told)

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert engine.counts()[0][0] == 4 * 50 * 100


def _build() -> None:
    _fast.Engine(PROGRAM, lanes=2, cached_flows=16).judge([syn(23), syn(80)], 0)


def _refuse() -> None:
    with pytest.raises(_fast.ProgramError):
        _fast.Engine(PROGRAM[:-8])
    with pytest.raises(_fast.ProgramError):
        _fast.Engine(PROGRAM, memory=1)


def _refuse_packet() -> None:
    with pytest.raises(ValueError, match="mark is 4294967296, above 4294967295"):
        _fast.Engine(PROGRAM).judge([syn(23), replace(syn(23), mark=2**32)], 0)


@pytest.mark.parametrize("work", [_build, _refuse, _refuse_packet])
def test_nothing_is_left_behind(work: Callable[[], None]) -> None:
    rounds = 200
    for _ in range(5):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(rounds):
            work()
        gc.collect()
        more = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert more < rounds * object.__basicsize__, "a leak of one object a round"


def test_the_module_keeps_nothing_alive() -> None:
    class Packet(RawPacket):
        """One that can be watched."""

    packet = Packet(0, syn(23).data, syn(23).length, syn(23).family)
    gone = weakref.ref(packet)
    engine = _fast.Engine(PROGRAM)
    engine.judge([packet], 0)
    del packet
    assert gone() is None
