# SPDX-License-Identifier: GPL-2.0
"""The end of an ip_queue's owner, in order or not: what waits is answered, or comes again."""

import dataclasses
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.action.decision import Verdict
from qverdictd.engine.reference import ReferenceEngine
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.load import load
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.wire.ipqueue_classic import COPY_NONE
from qverdictd.worker.python import PythonWorkers

from .ipqueue_module import Link, Module
from .ipqueue_serving import Shelf, decide, serve, take


def answered(module: Module) -> list[int]:
    return [verdict.packet_id for verdict in module.decided]


LINGER = 5000
FAULTED = 12
"""Where in a ledger the flag of a fault is (daemon/fast/ledger.h)."""


def drain(transport: IpqueueTransport) -> list[int]:
    """Serve to the end, as the daemon does when it stops; return the ids."""
    ids = []
    while batch := serve(transport):
        ids += batch
    return ids


STEPS = st.lists(st.sampled_from(["arrive", "serve"]), max_size=60)


def play(module: Module, transport: IpqueueTransport, steps: list[str]) -> None:
    for step in steps:
        if step == "arrive":
            module.arrive()
        else:
            serve(transport)


@given(STEPS, st.integers(1, 5), st.integers(0, 30))
def test_all_that_waits_at_the_stop_is_answered(steps: list[str], room: int, late: int) -> None:
    """Also what was not sent to us yet; what comes later is answered or given back, not held."""
    module = Module()
    transport = take(module, Link(module, room=room))
    module.hello = dataclasses.replace(module.hello, max_packets=2)
    play(module, transport, steps)
    transport.stop()
    waiting = list(module.waiting)
    for _ in range(late):
        module.arrive()
    drain(transport)
    assert answered(module)[-len(waiting) :] == waiting or set(waiting) <= set(answered(module))
    assert answered(module) == list(range(1, len(module.decided) + 1))
    assert module.mode.value == COPY_NONE
    assert module.arrive() is None
    transport.close()
    assert not module.waiting
    assert sorted(answered(module) + module.gone) == list(range(1, module.last_id + 1))
    assert module.counters.get("flushed", 0) <= late


@given(STEPS, st.integers(1, 5))
def test_nothing_is_dropped_when_nothing_comes_after_the_stop(steps: list[str], room: int) -> None:
    module = Module()
    transport = take(module, Link(module, room=room))
    module.hello = dataclasses.replace(module.hello, max_packets=2)
    play(module, transport, steps)
    transport.stop()
    drain(transport)
    transport.close()
    assert answered(module) == list(range(1, module.last_id + 1))
    assert module.gone == []


def test_a_stop_ends_although_packets_keep_coming() -> None:
    for linger in (0, LINGER):
        module = Module()
        transport = take(module, Link(module, room=2), linger_ms=linger)
        module.arrive()
        transport.stop()
        rounds = 0
        while serve(transport):
            module.arrive()
            rounds += 1
            assert rounds < 10


def test_what_was_flushed_after_the_stop_is_not_waited_for() -> None:
    module = Module()
    transport = take(module, Link(module, room=1))
    module.hello = dataclasses.replace(module.hello, max_packets=1)
    for _ in range(4):
        module.arrive()
    transport.stop()
    module.flush(2)
    module.flush(4)
    assert drain(transport) == [1, 3]


@given(STEPS, STEPS, st.integers(1, 5), st.booleans())
def test_with_linger_the_next_owner_gets_the_rest_in_order(
    before: list[str], between: list[str], room: int, told: bool
) -> None:
    """After a kill, or when it leaves the rest, every packet that was not answered comes again."""
    module = Module()
    transport = take(module, Link(module, room=room), linger_ms=LINGER)
    play(module, transport, before)
    if told:
        transport.leave()
        assert transport.receive() == []
    transport.close()
    done = answered(module)
    waited = len(module.waiting)
    for step in between:
        if step == "arrive":
            module.arrive()
            waited += 1
    successor = take(module, Link(module, room=room, portid=4712), linger_ms=LINGER)
    assert successor.taken_over is not None
    assert successor.taken_over.waiting == waited
    came = drain(successor)
    assert done + came == list(range(1, module.last_id + 1))
    assert answered(module) == done + came
    assert successor.losses().id_gaps == 0
    assert module.gone == []


@pytest.mark.parametrize(("before", "after"), [(0, 0), (700, 700), (LINGER, 0)])
def test_after_a_stop_nothing_waits_for_nobody(before: int, after: int) -> None:
    """The module's linger is what it was; ours, which a killed process left there, is nobody's."""
    module = Module()
    module.settings = dataclasses.replace(module.settings, linger_ms=before)
    transport = take(module, Link(module), linger_ms=LINGER)
    assert module.settings.linger_ms == LINGER
    module.arrive()
    transport.stop()
    assert module.settings.linger_ms == 0
    assert drain(transport) == [1]
    transport.close()
    assert not module.lingering
    assert module.settings.linger_ms == after


def test_without_linger_to_leave_is_to_stop() -> None:
    module = Module()
    transport = take(module, Link(module))
    module.arrive()
    transport.leave()
    assert drain(transport) == [1]
    transport.close()
    assert take(module, Link(module, portid=4712)).taken_over is None


def end(transport: IpqueueTransport, shelf: Shelf, *, fault: bool) -> None:
    """End a process; a fault is what the handler of its signal writes."""
    if fault:
        os.pwrite(shelf.kept["ledger-IPv4"], (1).to_bytes(4, sys.byteorder), FAULTED)
    transport.close()


def test_who_was_in_flight_at_a_fault_is_judged_alone() -> None:
    module, shelf = Module(), Shelf()
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    for _ in range(3):
        module.arrive()
    assert serve(transport) == [1, 2, 3]
    for _ in range(4):
        module.arrive()
    transport.receive()
    end(transport, shelf, fault=True)
    for _ in range(2):
        module.arrive()
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    taken = transport.taken_over
    assert taken is not None
    assert (taken.waiting, taken.judged, taken.faulted, taken.answered) == (6, 4, True, 3)
    assert "queue 0 for IPv4 taken over from a process that a fault ended" in str(taken)
    assert transport.place() is None
    for suspect in (4, 5, 6):
        assert serve(transport) == [suspect]
        assert not transport.condemned
    # It is the seventh's doing, and not the others'.
    assert [raw.id for raw in transport.receive()] == [7]
    end(transport, shelf, fault=True)
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    assert [raw.id for raw in transport.receive()] == [7]
    assert transport.condemned
    transport.answer([(RawPacket(7, b"", 0, 0), decide(Verdict.DROP))])
    assert serve(transport) == [8, 9]
    assert not transport.condemned
    assert transport.place() is not None
    assert answered(module) == list(range(1, 10))


def test_a_kill_makes_nobody_suspect() -> None:
    module, shelf = Module(), Shelf()
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    for _ in range(4):
        module.arrive()
    transport.receive()
    end(transport, shelf, fault=False)
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    assert transport.taken_over is not None
    assert (transport.taken_over.judged, transport.taken_over.faulted) == (4, False)
    assert serve(transport) == [1, 2, 3, 4]
    assert not transport.condemned


def test_what_was_read_ahead_is_served_though_no_descriptor_tells(tmp_path: Path) -> None:
    module, shelf = Module(), Shelf()
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    for _ in range(4):
        module.arrive()
    transport.receive()
    end(transport, shelf, fault=True)
    transport = take(module, Link(module), linger_ms=LINGER, store=shelf)
    (tmp_path / "rules.yaml").write_text("version: 1\ndefault: accept\non_error: accept\n")
    defects: list[Exception] = []
    engine = ReferenceEngine(load(tmp_path / "rules.yaml"), defects.append)
    workers = PythonWorkers(engine, [transport], lambda *_: 0)
    workers.start(lambda: None)
    deadline = time.monotonic() + 10
    while len(module.decided) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert answered(module) == [1, 2, 3, 4]
    assert workers.stop(leave=True) == defects == []
    transport.close()
    assert module.lingering


def test_a_ledger_of_packets_that_are_gone() -> None:
    """Linger was over before anybody came: nobody who waits now was there then."""
    module, shelf = Module(), Shelf()
    transport = take(module, Link(module), store=shelf)
    module.arrive()
    transport.receive()
    end(transport, shelf, fault=True)
    transport = take(module, Link(module), store=shelf)
    assert transport.taken_over is None
    module.arrive()
    module.arrive()
    assert serve(transport) == [2, 3]
