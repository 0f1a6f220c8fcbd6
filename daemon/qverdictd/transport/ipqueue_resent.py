# SPDX-License-Identifier: GPL-2.0
"""Packets that a process before us was judging, which the module sends again, before any other.

They keep their ids. So the ledger tells of each whether it was in flight when that process ended;
if a fault ended it, one of these may have been the cause, and each is judged alone.
"""

import time
from collections.abc import Callable

from qverdictd.packet.raw import RawPacket
from qverdictd.transport.base import TakenOver
from qverdictd.transport.ledger import Left, taken_over

_PATIENCE = 1.0
"""Seconds until what the module has no memory to send again is no longer waited for."""
_GLANCE = 0.001


class Resent:
    """What was read ahead, until all that were in flight were among it."""

    def __init__(
        self,
        read: Callable[[], list[RawPacket]],
        backlog: Callable[[], int],
        left: Left | None,
    ) -> None:
        """``read`` packets as `Inbox.read` does; ``backlog`` tells how many were not sent yet."""
        self._left = left
        noted = frozenset(() if left is None else left.ids)
        self._packets: list[RawPacket] = []
        until = time.monotonic() + _PATIENCE
        # They are the oldest that wait: the first that is not one of them comes after all of them.
        while noted and (not self._packets or self._packets[-1].id in noted):
            more = read()
            self._packets += more
            if not more:
                if not backlog() or time.monotonic() > until:
                    break
                time.sleep(_GLANCE)
        self.judged = sum(packet.id in noted for packet in self._packets)
        """How many that were in flight wait still."""
        self._suspects = noted if left is not None and left.suspected else frozenset()
        self.faults = 0
        """Faults that the packets taken last have been in."""
        self.condemned = False
        """Whether the packet taken last must not be judged."""

    def __len__(self) -> int:
        """Return how many are to be taken yet."""
        return len(self._packets)

    def take(self, most: int) -> list[RawPacket]:
        """Return the next packets, up to ``most``; a suspect alone; nothing at the end."""
        self.faults, self.condemned = 0, False
        if self._left is not None and self._packets and self._packets[0].id in self._suspects:
            self.faults, self.condemned = self._left.faults, self._left.condemned
            most = 1
        taken, self._packets = self._packets[:most], self._packets[most:]
        return taken

    def told(self, queue: str, waiting: int, problem: str | None) -> TakenOver:
        """Return what the log is to say; ``problem``: why there is no ledger."""
        return taken_over(queue, waiting, self.judged, self._left, problem)
