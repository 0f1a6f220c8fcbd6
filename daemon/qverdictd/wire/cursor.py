# SPDX-License-Identifier: GPL-2.0
"""A reader over a slice of a buffer that cannot leave the slice."""

from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from struct import Struct
from typing import Any, Self

from qverdictd.errors import WireError

#: What a message may lie in: a slice of either is a copy of its own, as `bytes`.
Buffer = bytes | mmap


class Cursor:
    """A position in ``buffer[start:end]``; each read moves it, none reads past ``end``."""

    __slots__ = ("_buffer", "_end", "_position")

    def __init__(self, buffer: Buffer, start: int = 0, end: int | None = None) -> None:
        self._buffer = buffer
        self._position = start
        self._end = len(buffer) if end is None else end
        if not 0 <= start <= self._end <= len(buffer):
            raise WireError(f"no bytes {start} to {self._end} in a buffer of {len(buffer)}")

    @property
    def left(self) -> int:
        """How many bytes are still unread."""
        return self._end - self._position

    def _advance(self, size: int) -> int:
        """Step over ``size`` bytes and return where they start."""
        if not 0 <= size <= self.left:
            raise WireError(f"{size} bytes wanted, {self.left} left")
        start = self._position
        self._position = start + size
        return start

    def read(self, layout: Struct) -> tuple[Any, ...]:
        """Return the values of ``layout``."""
        return layout.unpack_from(self._buffer, self._advance(layout.size))

    def take(self, size: int) -> bytes:
        """Return a copy of the next ``size`` bytes."""
        start = self._advance(size)
        return self._buffer[start : start + size]

    def rest(self) -> bytes:
        """Return a copy of all that is left."""
        return self.take(self.left)

    @contextmanager
    def slice(self, size: int) -> Iterator[Self]:
        """Give the next ``size`` bytes to a parser that must read all of them and no more.

        Raises `WireError` when the block ends normally and bytes of the slice are left over.
        """
        start = self._advance(size)
        inner = type(self)(self._buffer, start, start + size)
        yield inner
        if inner.left:
            raise WireError(f"{inner.left} of {size} bytes left over")
