# SPDX-License-Identifier: GPL-2.0
"""The cursor reads what is in its slice, and never a byte beside it."""

from mmap import mmap
from struct import Struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Cursor

WORD = Struct(">H")


def test_reads_move_on_and_end_at_the_end() -> None:
    cursor = Cursor(b"\x01\x02abc", 0, 5)
    assert cursor.read(WORD) == (0x0102,)
    assert cursor.take(1) == b"a"
    assert cursor.left == 2
    assert cursor.rest() == b"bc"
    assert cursor.left == 0


@pytest.mark.parametrize("size", [6, -1])
def test_what_is_not_there_cannot_be_taken(size: int) -> None:
    cursor = Cursor(b"12345")
    with pytest.raises(WireError):
        cursor.take(size)
    assert cursor.rest() == b"12345"


def test_bytes_after_the_slice_are_out_of_reach() -> None:
    cursor = Cursor(b"\x01\x02\x03", 0, 1)
    with pytest.raises(WireError, match="2 bytes wanted, 1 left"):
        cursor.read(WORD)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_a_slice_lies_in_its_buffer(start: int, end: int) -> None:
    with pytest.raises(WireError):
        Cursor(b"123", start, end)


def test_an_inner_slice_must_be_read_to_its_end() -> None:
    cursor = Cursor(b"abcd")
    with pytest.raises(WireError, match="1 of 3 bytes left over"), cursor.slice(3) as inner:
        inner.take(2)


def test_an_inner_slice_cannot_be_left() -> None:
    cursor = Cursor(b"abcd")
    with pytest.raises(WireError), cursor.slice(3) as inner:
        inner.take(4)


@given(st.binary(max_size=40), st.lists(st.integers(0, 12)))
def test_pieces_are_the_whole(data: bytes, sizes: list[int]) -> None:
    area = mmap(-1, 4096)
    area[: len(data)] = data
    for buffer in (data, area):
        cursor = Cursor(buffer, 0, len(data))
        pieces = []
        for size in sizes:
            if size > cursor.left:
                break
            with cursor.slice(size) as inner:
                pieces.append(inner.rest())
        pieces.append(cursor.rest())
        assert b"".join(pieces) == data
