# SPDX-License-Identifier: GPL-2.0
"""The interface of a transport: batches of packets in, their verdicts out.

A transport owes a verdict for each packet that `Transport.receive` returned, until
`Transport.answer` was called with it. It judges nothing, and it never waits: the caller waits on
`Transport.fileno` together with whatever else it serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from qverdictd._fast import Ledger
from qverdictd.action.decision import Decision
from qverdictd.errors import TransportError
from qverdictd.packet.raw import RawPacket


@dataclass(slots=True)
class Losses:
    """Packets that never reached us or whose verdict came too late: counted, never hidden."""

    queue_full: int = 0
    """Dropped by the kernel because ``queue_length`` packets waited already."""
    accepted_past: int = 0
    """Accepted past us by the kernel because ``queue_length`` packets waited already (fail-open);
    NFQUEUE does not tell, see ``id_gaps``."""
    socket_full: int = 0
    """Dropped by the kernel because our socket's buffer was full."""
    id_gaps: int = 0
    """Ids that never came; with fail-open these packets were accepted past us."""
    flushed: int = 0
    """Verdicts answered ENOENT: the kernel had flushed the packet (rules or a link went)."""
    refused: int = 0
    """Verdicts that the kernel refused for another reason."""
    forged: int = 0
    """Messages whose sender was not the kernel: ignored. It refuses them once we are connected."""
    broken: int = 0
    """Messages from the kernel that could not be parsed and held no packet id to answer."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a native worker has to know to serve a queue in its transport's place."""

    kind: str
    """``nfqueue`` or ``ipqueue``: how the kernel's messages look."""
    descriptor: int
    """The socket, which stays the transport's; only the kernel can send to it."""
    queue: int
    send_limit: int
    """Bytes a send."""
    most_verdicts: int
    """Verdicts a send."""
    family: int = 0
    """Over ipqueue: the queue's address family."""
    ledger: Ledger | None = None
    """Where the packets that are being judged are noted."""


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What there was of a process that had held a queue before us, for the log."""

    queue: int | str
    """As people call it."""
    waiting: int
    """Packets that waited for a verdict."""
    judged: int
    """Of these, packets that it was judging when it ended."""
    faulted: bool
    """Whether a fault of its own had ended it."""
    answered: int
    """Packets that were answered until then, by all that held the queue one after the other."""
    problem: str | None = None
    """Why it is not known who was being judged."""

    def __str__(self) -> str:
        """Return the line for the log."""
        if self.problem is not None:
            return (
                f"queue {self.queue} taken over: {self.waiting} packets waited; which of them were "
                f"being judged is not known: {self.problem}"
            )
        ended = "that a fault ended" if self.faulted else "that ended"
        return (
            f"queue {self.queue} taken over from a process {ended}: {self.waiting} packets waited, "
            f"{self.judged} of them were being judged; {self.answered} were answered before"
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a queue's messages one reader left off and the next one begins."""

    last_id: int | None
    """Of the packet received last; None: what comes next leaves no gap."""
    seq: int = 0
    """Over ipqueue: of the last list of verdicts."""
    missing_seq: int = 0
    """Over ipqueue: of the last list of verdicts whose missing ids were told."""


class Transport(Protocol):
    """A source of packets that wait for a verdict."""

    @property
    def name(self) -> str:
        """The name by which configuration and logs call it: ``nfqueue``, ``replay``, ..."""

    @property
    def can_requeue(self) -> bool:
        """Whether `answer` takes the verdict that sends a packet to another queue."""

    @property
    def description(self) -> str:
        """One line for the log at start: the queue, and what the kernel did and did not grant."""

    @property
    def taken_over(self) -> TakenOver | None:
        """What was taken over with the queue; None if nobody had held it."""

    @property
    def condemned(self) -> bool:
        """Whether the packet received last was in flight at two faults, and must not be judged."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when packets wait."""

    def receive(self) -> list[RawPacket]:
        """Return the packets that wait, oldest first, without blocking; empty if there are none."""

    def answer(self, judged: Sequence[tuple[RawPacket, Decision]]) -> None:
        """Send the verdicts of packets that `receive` returned, in the order given."""

    def stop(self) -> None:
        """Take no new packets from now on; what waits already can still be received."""

    def leave(self) -> None:
        """Receive nothing from now on; what waits is the next process's, if somebody keeps it.

        As `stop` where nobody does.
        """

    def losses(self) -> Losses:
        """Return what was lost since the start, the kernel's own counters included."""

    def close(self) -> None:
        """Give the queue back. The kernel drops whatever is still unanswered."""


class Fleeting:
    """What a transport says whose packets nobody keeps when the process ends."""

    taken_over = None
    """What was taken over with the queue: nothing."""
    condemned = False
    """Whether the packet received last must not be judged: nobody knows of a process before."""

    def stop(self) -> None:
        """Take no new packets from now on; what waits already can still be received."""
        raise NotImplementedError

    def leave(self) -> None:
        """Do what `stop` does."""
        self.stop()


@runtime_checkable
class LinkedTransport(Transport, Protocol):
    """A transport whose queue a native worker can serve, from `place` on until `resume`."""

    def link(self) -> Link:
        """Return what the worker has to know."""

    def narrow(self, size: int) -> None:
        """Have up to ``size`` bytes of each packet copied, as far as the terms of `open` allow.

        Packets that come meanwhile wait for `receive`. Raises `TransportError`.
        """

    def ask_for(self, size: int) -> int:
        """Ask for the same while a worker reads the socket.

        Returns the number that the worker sees acknowledged (``Worker.acknowledged``) when it is
        done, 0 if nothing was asked for. Raises `TransportError`.
        """

    def place(self) -> Place | None:
        """Return where the worker begins; None: not before `receive` was called once more."""

    def resume(self, place: Place) -> None:
        """Go on where the worker left off."""

    def lost(self, what: str, code: int) -> TransportError:
        """Return the error for what a worker could not do (``receive``, ``send``, ``verdicts``)."""
