# SPDX-License-Identifier: GPL-2.0
"""A queue over a scripted kernel: configuration under adverse conditions, and the books."""

import errno
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.errors import Exit, TransportError
from qverdictd.transport.queue import Queue
from qverdictd.wire.netlink import Error, encode_error, encode_message
from qverdictd.wire.nfnetlink_queue import (
    F_FAIL_OPEN,
    F_GSO,
    F_UID_GID,
    MSG_CONFIG,
    MSG_PACKET,
    MSG_VERDICT,
    Config,
)
from qverdictd.wire.packet_message import PacketParser

from .kernel import ScriptedKernel, packet

ALL = F_FAIL_OPEN | F_GSO | F_UID_GID


@pytest.fixture
def kernel() -> Iterator[ScriptedKernel]:
    scripted = ScriptedKernel()
    yield scripted
    scripted.close()


def drain(queue: Queue) -> list[int]:
    """Read to the end; return the ids."""
    parser = PacketParser()
    ids: list[int] = []
    while True:
        buffer, bodies = queue.read()
        if not bodies:
            return ids
        batch = [parser.parse(buffer, start, end).packet_id for start, end in bodies]
        queue.came(len(batch), batch[-1])
        ids += batch


@pytest.mark.parametrize(
    ("known", "asked", "granted"),
    [
        (0xFFFF_FFFF, [ALL], ALL),
        (F_GSO | F_FAIL_OPEN, [ALL, F_GSO | F_FAIL_OPEN], F_GSO | F_FAIL_OPEN),
        (F_FAIL_OPEN, [ALL, F_GSO | F_FAIL_OPEN, F_FAIL_OPEN], F_FAIL_OPEN),
        (0, [ALL, F_GSO | F_FAIL_OPEN, F_FAIL_OPEN, 0], 0),
    ],
)
def test_flags_that_the_kernel_does_not_know_are_left_out(
    kernel: ScriptedKernel, known: int, asked: list[int], granted: int
) -> None:
    kernel.known_flags = known
    config = Config(bind=True, copy_range=100, max_length=5, flags=ALL)
    assert Queue(kernel, 0).negotiate(config) == granted
    assert kernel.configs == [
        Config(bind=True, copy_range=100, max_length=5, flags=flags, mask=flags) for flags in asked
    ]


def test_a_kernel_without_nfqueue(kernel: ScriptedKernel) -> None:
    kernel.refuse = errno.EINVAL
    with pytest.raises(TransportError, match="no NFQUEUE: load the module nfnetlink_queue") as told:
        Queue(kernel, 0).negotiate(Config(bind=True))
    assert told.value.exit_code == Exit.CONFIG


def test_another_refusal_is_told_as_it_is(kernel: ScriptedKernel) -> None:
    kernel.refuse = errno.ENOMEM
    with pytest.raises(TransportError, match="queue 3 cannot be had: Cannot allocate memory"):
        Queue(kernel, 3).negotiate(Config(bind=True))


def test_a_kernel_that_refuses_even_no_flags_is_asked_no_more(kernel: ScriptedKernel) -> None:
    kernel.refuse = errno.EOPNOTSUPP
    with pytest.raises(TransportError, match="not supported"):
        Queue(kernel, 0).negotiate(Config(bind=True, flags=F_GSO))
    assert len(kernel.configs) == 2


def test_an_answer_lost_in_a_full_socket_is_asked_for_again(kernel: ScriptedKernel) -> None:
    kernel.lose_answers = 1
    Queue(kernel, 0).stop()
    assert kernel.configs == [Config(max_length=0)] * 2


def test_a_kernel_that_never_answers(kernel: ScriptedKernel) -> None:
    kernel.lose_answers = 99
    with pytest.raises(TransportError, match="did not answer"):
        Queue(kernel, 0).stop()


def test_a_stop_that_is_refused_is_an_error(kernel: ScriptedKernel) -> None:
    kernel.refuse = errno.ENODEV
    with pytest.raises(TransportError, match="queue 0 cannot be stopped: No such device"):
        Queue(kernel, 0).stop()


def test_an_answer_to_somebody_before_us_is_not_ours(kernel: ScriptedKernel) -> None:
    kernel.before_answer = [encode_error(Error(errno.EPERM, MSG_CONFIG, 4711))]
    assert Queue(kernel, 0).configure(Config()) == 0


@given(
    before=st.integers(0, 20),
    between=st.integers(0, 20),
    after=st.integers(0, 20),
    batch=st.integers(1, 9),
)
def test_packets_around_an_answer_come_once_and_in_order(
    before: int, between: int, after: int, batch: int
) -> None:
    kernel = ScriptedKernel()
    kernel.batch = batch
    queue = Queue(kernel, 0)
    for packet_id in range(1, before + 1):
        kernel.queue(packet_id)
    kernel.before_answer = [packet(before + number) for number in range(1, between + 1)]
    queue.stop()
    # Whoever waits for the descriptor must be woken for what was read meanwhile.
    assert bool(kernel.inbox) == bool(before + between)
    for packet_id in range(before + between + 1, before + between + after + 1):
        kernel.queue(packet_id)
    assert drain(queue) == list(range(1, before + between + after + 1))
    assert queue.losses().id_gaps == 0
    kernel.close()


@given(st.sets(st.integers(1, 60)), st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_every_missing_id_before_the_last_is_counted_once(
    lost: set[int], first: int, batch: int
) -> None:
    """Also where the ids begin again at 0."""
    kernel = ScriptedKernel()
    kernel.batch = batch
    queue = Queue(kernel, 0)
    queue.came(0, first)
    queue_before = queue.losses().id_gaps
    for step in range(1, 62):
        if step not in lost:
            kernel.queue(first + step & 0xFFFF_FFFF)
    drain(queue)
    assert queue.losses().id_gaps - queue_before == len(lost)
    kernel.close()


def test_only_the_kernel_is_heard(kernel: ScriptedKernel) -> None:
    queue = Queue(kernel, 0)
    kernel.say(packet(1), sender=4711)
    kernel.say(encode_error(Error(errno.ENOENT, MSG_VERDICT, 1)), sender=4711)
    kernel.queue(1)
    assert drain(queue) == [1]
    losses = queue.losses()
    assert (losses.forged, losses.flushed, losses.id_gaps) == (2, 0, 0)


def test_verdicts_that_failed_are_counted(kernel: ScriptedKernel) -> None:
    queue = Queue(kernel, 0)
    for code in (errno.ENOENT, errno.EINVAL, errno.ENOENT, errno.EPERM, 0):
        kernel.say(encode_error(Error(code, MSG_VERDICT, 1)))
    assert drain(queue) == []
    losses = queue.losses()
    assert (losses.flushed, losses.refused) == (2, 2)


def test_messages_that_cannot_be_parsed_are_counted(kernel: ScriptedKernel) -> None:
    queue = Queue(kernel, 0)
    kernel.say(b"\x10\0\0")  # no header
    kernel.say(bytes(16))  # a length of 0
    kernel.say(encode_message(2, b"\0"))  # an error without its fields
    kernel.say(struct.pack("=IHHII", 15, MSG_PACKET, 0, 0, 0))  # shorter than its own header
    kernel.queue(1)
    assert drain(queue) == [1]
    assert queue.losses().broken == 4


def test_several_messages_in_one_datagram(kernel: ScriptedKernel) -> None:
    queue = Queue(kernel, 0)
    error = encode_error(Error(errno.ENOENT, MSG_VERDICT, 1))
    kernel.say(packet(1, b"1234") + error + packet(2, b"5678") + encode_message(3, b""))
    assert drain(queue) == [1, 2]
    assert queue.losses().flushed == 1
