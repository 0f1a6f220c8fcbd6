# SPDX-License-Identifier: GPL-2.0
"""How large a queue's buffer is, and how the log tells what was granted."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.transport.grant import Grant, receive_buffer
from qverdictd.wire.nfnetlink_queue import F_FAIL_OPEN, F_GSO, F_UID_GID

ALL = F_FAIL_OPEN | F_GSO | F_UID_GID
GRANT = Grant(
    queue=3,
    portid=4711,
    queue_length=1024,
    copy_range=65531,
    flags_wanted=ALL,
    flags=ALL,
    buffer_wanted=1 << 21,
    buffer=1 << 21,
    counted=True,
)
SMALLEST, FULL, LARGEST = 830, 2300, 67_000
"""Bytes of the buffer that packets of 46, 1,400 and 65,531 bytes cost."""


@given(st.integers(1, 1_000_000))
def test_the_queue_is_full_before_the_buffer_unless_it_fails_open(length: int) -> None:
    assert receive_buffer(length, fail_open=False) >= length * FULL
    assert receive_buffer(length, fail_open=True) < length * SMALLEST


@pytest.mark.parametrize("length", [1, 10, 100])
def test_a_short_queue_has_room_for_large_packets(length: int) -> None:
    assert receive_buffer(length, fail_open=False) >= length * LARGEST


def test_all_that_was_asked_for() -> None:
    assert str(GRANT) == (
        "queue 3, portid 4711; length 1024; copy range 65531; receive buffer 2048 KiB; "
        "granted: GSO, UID_GID, fail-open"
    )


@pytest.mark.parametrize(
    ("less", "said"),
    [
        ({"flags": F_GSO}, "granted: GSO; not known to this kernel: UID_GID, fail-open"),
        ({"flags": 0}, "2048 KiB; not known to this kernel: GSO, UID_GID, fail-open"),
        ({"buffer": 425_984}, "receive buffer 416 KiB of 2048 (raise net.core.rmem_max, or run"),
        ({"counted": False}, "; the kernel's drop counters are not readable"),
    ],
)
def test_less_than_was_asked_for(less: dict[str, int], said: str) -> None:
    assert said in str(replace(GRANT, **less))  # type: ignore[arg-type]
