# SPDX-License-Identifier: GPL-2.0
"""The outbox: few sends, and whatever the kernel answers, every message once and in order."""

import errno
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.errors import TransportError
from qverdictd.transport.outbox import Outbox

MESSAGES = st.lists(st.binary(min_size=1, max_size=12), max_size=30)


def numbered(messages: list[bytes]) -> list[bytes]:
    return [f"<{number}:".encode() + message + b">" for number, message in enumerate(messages)]


@given(
    st.lists(MESSAGES, min_size=1, max_size=4),
    st.lists(st.sampled_from([errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN, 0]), max_size=40),
    st.integers(20, 200),
)
def test_nothing_is_lost_doubled_or_reordered(
    batches: list[list[bytes]], failures: list[int], limit: int
) -> None:
    taken = b""
    left = list(failures)

    def send(data: bytes) -> None:
        nonlocal taken
        if left and (code := left.pop(0)):
            raise OSError(code, "no")
        assert len(data) <= limit
        taken += data

    outbox = Outbox(send, limit)
    wanted = []
    for batch in batches:
        messages = numbered(batch)
        wanted += messages
        outbox.post(messages)
    while outbox:
        outbox.flush()
    assert taken == b"".join(wanted)


def test_a_batch_is_one_send_if_it_fits() -> None:
    sends: list[bytes] = []
    outbox = Outbox(sends.append, 64)
    outbox.post([b"x" * 32] * 5)
    assert [len(data) for data in sends] == [64, 64, 32]


def test_a_kernel_that_takes_less_than_it_said_gets_smaller_pieces() -> None:
    sends: list[bytes] = []
    outbox = Outbox(at_most(8, sends), 64)
    outbox.post([b"1234"] * 5)
    assert b"".join(sends) == b"1234" * 5


def test_a_message_that_can_never_be_sent_is_an_error() -> None:
    outbox = Outbox(at_most(8, []), 64)
    with pytest.raises(TransportError, match="no verdict of 12 bytes: too long"):
        outbox.post([b"123456789012"])


def test_another_error_is_told() -> None:
    def send(_data: bytes) -> None:
        raise OSError(errno.EPERM, "not permitted")

    with pytest.raises(TransportError, match="not permitted"):
        Outbox(send, 64).post([b"1234"])


def at_most(size: int, sends: list[bytes]) -> Callable[[bytes], None]:
    def send(data: bytes) -> None:
        if len(data) > size:
            raise OSError(errno.EMSGSIZE, "too long")
        sends.append(data)

    return send


@given(MESSAGES, st.integers(1, 5))
def test_messages_that_are_joined_otherwise(messages: list[bytes], most: int) -> None:
    sends: list[bytes] = []
    Outbox(sends.append, 1000, most=most, join=b"|".join).post(messages)
    assert len(sends) == -(-len(messages) // most)
    assert [message for data in sends for message in data.split(b"|")] == messages or any(
        b"|" in message for message in messages
    )
