# SPDX-License-Identifier: GPL-2.0
"""The end of an ip_queue's owner, in order or not: what waits is answered, or comes again."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.wire.ipqueue_classic import COPY_NONE

from .ipqueue_module import Link, Module
from .ipqueue_serving import serve, take


def answered(module: Module) -> list[int]:
    return [verdict.packet_id for verdict in module.decided]


def lingering() -> Module:
    module = Module()
    module.settings = dataclasses.replace(module.settings, linger_ms=5000)
    return module


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
    for module in (Module(), lingering()):
        transport = take(module, Link(module, room=2))
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
    before: list[str], between: list[str], room: int, in_order: bool
) -> None:
    """After a kill every packet that was not answered comes again; a stop leaves fewer."""
    module = lingering()
    transport = take(module, Link(module, room=room))
    play(module, transport, before)
    if in_order:
        transport.stop()
        for _ in range(3):
            module.arrive()
        drain(transport)
    transport.close()
    done = answered(module)
    for step in between:
        if step == "arrive":
            module.arrive()
    successor = take(module, Link(module, room=room, portid=4712))
    came = drain(successor)
    assert done + came == list(range(1, module.last_id + 1))
    assert answered(module) == done + came
    assert successor.losses().id_gaps == 0
    assert module.gone == []
