# SPDX-License-Identifier: GPL-2.0
"""A queue's ledger: which packets are being judged, kept where a process's end does not reach.

See ``daemon/fast/ledger.h`` for what is in it and why it can be relied upon.
"""

import contextlib
import fcntl
import os
from collections.abc import Container
from dataclasses import dataclass
from typing import Self

from qverdictd._fast import LEDGER_SIZE, Ledger
from qverdictd.transport.base import TakenOver
from qverdictd.transport.handed import Store

_MOST_FAULTS = 2
"""A packet that was in flight at so many is not judged again."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the process before us left in the ledger."""

    queue: int
    """The number of the queue whose ids the next are."""
    ids: list[int]
    """Packets that it was judging, in their order. It may have answered some."""
    faulted: bool
    """Whether a fault ended it, which may have been their doing."""
    before: int
    """Faults that they had been in before that."""
    last_id: int
    """Of the packet noted last."""
    answered: int
    """Packets that were answered since the queue was first held, but for ``ids``."""
    told_queue_full: int
    """Of the kernel's counters, which go on as long as the queue is held, what was told already."""
    told_socket_full: int

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        """Read a ledger."""
        return cls(*ledger.left())

    @property
    def faults(self) -> int:
        """How many faults ``ids`` have been in by now."""
        return self.before + self.faulted

    @property
    def suspected(self) -> bool:
        """Whether ``ids`` must be judged one at a time, as one of them may be the fault's cause."""
        return self.faults > 0

    @property
    def condemned(self) -> bool:
        """Whether ``ids``, which then is one packet, must not be judged again."""
        return self.faults >= _MOST_FAULTS


def taken_over(
    queue: int | str, waiting: int, judged: int, left: Left | None, problem: str | None
) -> TakenOver:
    """Return what the log is to say of a queue that another process has held.

    ``judged``: how many of those that it left in the ledger wait still, the others of which it had
    answered. ``problem``: why nothing can be read of the ledger.
    """
    return TakenOver(
        queue=queue,
        waiting=waiting,
        judged=judged,
        faulted=left is not None and left.faulted,
        answered=0 if left is None else left.answered + len(left.ids) - judged,
        problem=problem,
    )


def let_go_of_ledgers(names: Container[str], store: Store) -> None:
    """Have those kept no longer that are not of these names: their queues are served no more."""
    for handed in store.offered():
        if handed.name.startswith("ledger-") and handed.name not in names:
            store.forget(handed.name)
            os.close(handed.descriptor)


def open_ledger(name: str, store: Store) -> tuple[Ledger, Left | None, str | None]:
    """Return the ledger that is kept by ``name``, what is in it, and why nothing can be read of it.

    If none is kept a new one is, from now on. Raises `OSError`.
    """
    problem = None
    for handed in store.offered():
        if handed.name == name:
            try:
                ledger = Ledger(handed.descriptor)
            except (OSError, ValueError) as error:
                problem = f"the ledger that was kept cannot be used: {error}"
                store.forget(name)
                with contextlib.suppress(OSError):
                    os.close(handed.descriptor)
                break
            return ledger, Left.of(ledger), None
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, LEDGER_SIZE)
    # Whoever else has it cannot take its pages from under us.
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    ledger = Ledger(descriptor, fresh=True)
    store.keep(name, descriptor)
    os.close(descriptor)
    return ledger, None, problem
