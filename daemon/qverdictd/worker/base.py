# SPDX-License-Identifier: GPL-2.0
"""The interface of workers: they serve all queues on threads of their own."""

from collections.abc import Callable
from typing import Protocol

from qverdictd.control.counters import Counters
from qverdictd.control.notify import Served
from qverdictd.errors import QverdictdError
from qverdictd.policy.model import Policy
from qverdictd.transport.base import Losses


class Workers(Protocol):
    """Carry each batch through: received, judged, answered, counted, shown.

    A method is called from one thread, which is not one of theirs.
    """

    @property
    def description(self) -> str:
        """What judges, and how, for the log."""

    @property
    def ended(self) -> bool:
        """Whether one of them cannot go on; `stop` tells why."""

    def start(self, ended: Callable[[], object]) -> None:
        """Begin to serve; ``ended`` is called, from a thread of theirs, when one cannot go on.

        Raises `QverdictdError` if that cannot be; `stop` is to be called all the same.
        """

    def served(self) -> list[Served]:
        """Return what the watchdog looks at: how each queue is served, once they have begun."""

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Make another policy ready; return what puts it in force. As `Engine.prepare`."""

    def stop(self, *, leave: bool = False) -> list[QverdictdError]:
        """Take no more packets, answer every held one; return what went wrong since the start.

        ``leave``: what waits is left to the next process where somebody keeps it.
        """

    def counters(self) -> Counters:
        """Return what was done until now."""

    def losses(self) -> Losses:
        """Return what was lost until now, over all queues."""
