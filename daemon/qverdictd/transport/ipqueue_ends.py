# SPDX-License-Identifier: GPL-2.0
"""The two sockets by which one of ip_queue's queues is held, as the transport sees them."""

from typing import Protocol

from qverdictd.transport import queue
from qverdictd.wire.ipqueue_control import Settings, Statistics


class Wire(queue.Link, Protocol):
    """What the transport needs of its socket: `NetlinkSocket`, or in a test a scripted module."""

    send_limit: int

    @property
    def portid(self) -> int:
        """The port id by which the kernel knows us."""

    def fileno(self) -> int:
        """Return the descriptor."""

    def size_receive_buffer(self, size: int) -> int:
        """Ask for room for ``size`` bytes; return what is granted."""

    def close(self) -> None:
        """Close the descriptor."""


class Control(Protocol):
    """What the transport needs of `ControlSocket`."""

    def statistics(self) -> Statistics:
        """Return the queue's state and counters."""

    def settings(self) -> Settings:
        """Return the settings in force."""

    def change(self, settings: Settings) -> None:
        """Change what the mask of ``settings`` selects."""

    def close(self) -> None:
        """Close the socket."""
