# SPDX-License-Identifier: GPL-2.0
"""Messages on their way to the kernel: as many as possible in one send, none lost."""

import errno
from collections.abc import Callable, Sequence
from itertools import islice

from qverdictd.errors import TransportError

#: The kernel had no memory for a copy of what we sent: it took none of it.
_NO_MEMORY = frozenset({errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN})


class Outbox:
    """Sends messages in order; what cannot be sent now waits for the next `flush`."""

    def __init__(
        self,
        send: Callable[[bytes], object],
        limit: int,
        *,
        most: int | None = None,
        join: Callable[[Sequence[bytes]], bytes] = b"".join,
    ) -> None:
        """Send with ``send``, which takes all bytes or raises `OSError`, up to ``limit`` bytes.

        ``join`` makes one send of up to ``most`` messages.
        """
        self._send = send
        self._limit = limit
        self._most = most
        self._join = join
        self._waiting: list[bytes] = []

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    def post(self, messages: Sequence[bytes]) -> None:
        """Send ``messages``, after those that wait. Raises `TransportError`."""
        self._waiting.extend(messages)
        self.flush()

    def flush(self) -> None:
        """Send what waits, or what of it the kernel takes now. Raises `TransportError`."""
        most = self._most or len(self._waiting)
        while self._waiting:
            count, data = self._pack(most)
            try:
                self._send(data)
            except OSError as error:
                if count > 1 and (error.errno in _NO_MEMORY or error.errno == errno.EMSGSIZE):
                    most = count // 2
                    continue
                if error.errno in _NO_MEMORY:
                    return
                raise TransportError(
                    f"the kernel took no verdict of {len(data)} bytes: {error.strerror}"
                ) from error
            del self._waiting[:count]

    def _pack(self, most: int) -> tuple[int, bytes]:
        """Return how many messages go into the next send, at least one, and their bytes."""
        count = size = 0
        for message in islice(self._waiting, most):
            size += len(message)
            if size > self._limit and count:
                break
            count += 1
        return count, self._join(self._waiting[:count])
