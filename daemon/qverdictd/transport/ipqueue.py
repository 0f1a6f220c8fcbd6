# SPDX-License-Identifier: GPL-2.0
"""ip_queue: the queue of our own kernel module, one transport for each of its two families."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Self

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import TransportError
from qverdictd.packet.raw import RawPacket
from qverdictd.transport.base import Link, Losses, Place
from qverdictd.transport.handed import NoStore, Store
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.ipqueue_control import ControlSocket
from qverdictd.transport.ipqueue_ends import Control, Wire
from qverdictd.transport.ipqueue_family import Family, refusal, refused
from qverdictd.transport.ipqueue_grant import IpqueueGrant
from qverdictd.transport.ipqueue_inbox import Inbox
from qverdictd.transport.ipqueue_peer import Peer, open_socket
from qverdictd.transport.ipqueue_resent import Resent
from qverdictd.transport.ipqueue_terms import Terms, agree
from qverdictd.transport.ledger import open_ledger
from qverdictd.transport.outbox import Outbox
from qverdictd.wire.ipqueue_batch import ANY_MARK, encode_item, encode_verdicts
from qverdictd.wire.ipqueue_classic import COPY_NONE, Mode
from qverdictd.wire.ipqueue_control import SET_LINGER, Settings, Statistics
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP, NF_REPEAT

_RECEIVE_BUFFER = 4 << 20
"""Bytes: room for two hundred datagrams of full packets. What does not fit waits in the queue."""
_LIST_OVERHEAD = len(encode_verdicts([], seq=0))
"""Bytes of a list's message before its first verdict."""
_MOST_NOTED = 256
"""Packets that a ledger has room for; `Peer` reads no more at a time."""


class IpqueueTransport:
    """One family's queue, which this process owns while its socket is open.

    Should we end unasked, packets *linger* in the module: the next owner gets them again, in their
    order and before any other. A ledger in ``store`` tells it whom we were judging.
    """

    name = "ipqueue"
    can_requeue = False
    """The module has one queue a family: a packet could only come back to where it is."""

    def __init__(
        self, family: Family, socket: Wire, control: Control, terms: Terms, store: Store
    ) -> None:
        """Take the queue and let packets come; see `open`."""
        self._family = family
        self._socket = socket
        self._control = control
        self._terms = terms
        self._peer = peer = Peer(socket, family)
        hello = agree(peer, family, control)
        # Only now, as the owner: nobody else's queue is to be changed.
        linger = control.settings().linger_ms
        # Ours is what a process before us could not take back.
        self._linger_before = 0 if linger == terms.linger_ms else linger
        control.change(terms.settings)
        self._most_verdicts = hello.max_verdicts
        self._names = InterfaceNames(socket.fileno())
        self._inbox = Inbox(peer, family, self._names)
        self._outbox = Outbox(
            socket.send,
            socket.send_limit - _LIST_OVERHEAD,
            most=hello.max_verdicts,
            join=peer.verdicts,
        )
        self._remaining: int | None = None
        self._left = False
        self._before = before = control.statistics()
        self.description = str(
            IpqueueGrant(
                family=family.name,
                portid=socket.portid,
                copy_range=terms.mode.copy_range,
                buffer=socket.size_receive_buffer(_RECEIVE_BUFFER),
                hello=hello,
                settings=control.settings(),
            )
        )
        self._ledger, left, problem = open_ledger(f"ledger-{family.name}", store)
        peer.set_mode(terms.mode)
        backlog = lambda: control.statistics().backlog  # noqa: E731
        self._resent = Resent(self._inbox.read, backlog, left if before.lingering else None)
        self.taken_over = None
        """What was taken over with the queue; None if nobody had held it."""
        if before.lingering or problem is not None:
            name = f"0 for {family.name}"
            self.taken_over = self._resent.told(name, before.length, problem)
        self._ledger.begin(0, 0 if self.taken_over is None else self.taken_over.answered)

    @classmethod
    def open(
        cls,
        family: Family,
        *,
        queue_length: int,
        copy_range: int,
        fail_open: bool,
        linger_ms: int = 0,
        store: Store | None = None,
    ) -> Self:
        """Take the family's queue in the thread's network namespace, on `Terms`.

        Raises `PermissionMissingError` and `TransportError`, which say what to do.
        """
        socket = open_socket(family)
        try:
            control = ControlSocket.open(family)
        except BaseException:
            socket.close()
            raise
        terms = Terms(queue_length, copy_range, fail_open, linger_ms)
        transport = cls.over(family, socket, control, terms, store or NoStore())
        transport._ledger.watch()
        return transport

    @classmethod
    def over(
        cls, family: Family, socket: Wire, control: Control, terms: Terms, store: Store
    ) -> Self:
        """Take the queue over sockets, which are closed if it cannot be had; see `open`."""
        try:
            return cls(family, socket, control, terms, store)
        except BaseException:
            socket.close()
            control.close()
            raise

    @property
    def condemned(self) -> bool:
        """Whether the packet received last was in flight at two faults, and must not be judged."""
        return self._resent.condemned

    def fileno(self) -> int:
        """Return the descriptor that is readable when packets wait."""
        return self._socket.fileno()

    def receive(self) -> list[RawPacket]:
        """Return the packets that wait, oldest first, without blocking; empty if there are none.

        A packet whose record is broken, but not its id, has the family 0: it cannot be judged.
        Raises `TransportError`.
        """
        if self._outbox:
            self._outbox.flush()
        if self._left:
            return []
        self._names.forget()
        packets = self._resent.take(_MOST_NOTED)
        if not packets:
            packets = self._inbox.read() if self._remaining is None else self._read_last()
        # From here on these packets may be what ends us.
        self._ledger.note(0, [packet.id for packet in packets], self._resent.faults)
        return packets

    def answer(self, judged: Sequence[tuple[RawPacket, Decision]]) -> None:
        """Send the verdicts of packets that `receive` returned, in the order given.

        A mark is sent only where it changes. New bytes are sent only for a packet that we have
        whole, since the module would cut it to them; too few to be a packet, they drop it.
        Raises `TransportError`.
        """
        items = []
        for raw, decision in judged:
            verdict = decision.verdict
            if verdict is Verdict.DROP:
                items.append(encode_item(raw.id, NF_DROP))
                continue
            if verdict is Verdict.ACCEPT:
                code = NF_ACCEPT
            elif verdict is Verdict.REPEAT:
                code = NF_REPEAT
            else:
                raise ValueError(f"no verdict that the module knows: {decision}")
            payload = b""
            if decision.replacement is not None and raw.length == len(raw.data):
                payload = decision.replacement
                if len(payload) < self._family.header_size:
                    self._peer.losses.refused += 1
                    items.append(encode_item(raw.id, NF_DROP))
                    continue
            mask = ANY_MARK if decision.mark != raw.mark else 0
            items.append(encode_item(raw.id, code, decision.mark & mask, mask, payload))
        self._outbox.post(items)
        # Verdicts may wait for the kernel's memory; nobody is being judged any more.
        self._ledger.strike()

    def link(self) -> Link:
        """Return what a native worker has to know."""
        return Link(
            kind=self.name,
            descriptor=self._socket.fileno(),
            queue=0,
            send_limit=self._socket.send_limit,
            most_verdicts=self._most_verdicts,
            family=self._family.number,
            ledger=self._ledger,
        )

    def narrow(self, size: int) -> None:
        """Do nothing: the module has a copy mode for its owner's life, without an answer."""

    def ask_for(self, size: int) -> int:
        """Ask for nothing."""
        return 0

    def place(self) -> Place | None:
        """Return where a worker begins; None: not before `receive` was called once more."""
        if self._outbox or self._resent:
            return None
        return self._peer.place(self._inbox.last_id)

    def resume(self, place: Place) -> None:
        """Go on where a worker left off."""
        self._inbox.last_id = place.last_id
        self._peer.resume(place)

    def lost(self, what: str, code: int) -> TransportError:
        """Return the error for what a worker could not do."""
        if what == "verdicts":
            return refused(self._family, "a list of verdicts", code)
        return refusal(self._family, code)

    def stop(self) -> None:
        """Take no new packets from now on; what waits already can still be received.

        What comes from now on is dropped when the queue is given back, and the module counts it
        as flushed. Raises `TransportError`.
        """
        # Nothing shall wait for nobody.
        self._control.change(Settings(SET_LINGER, linger_ms=0))
        self._remaining = self._control.statistics().length - len(self._resent)

    def leave(self) -> None:
        """Receive nothing from now on; what waits lingers for the next process, if it is to."""
        if self._terms.linger_ms:
            self._left = True
        else:
            self.stop()

    def _read_last(self) -> list[RawPacket]:
        """Return packets that waited at the stop, which come first, and a few more."""
        left = self._remaining or 0
        if left > 0:
            packets = self._inbox.read()
            if not packets:
                # The module sends what it could not send before when it is told the mode.
                self._peer.set_mode(self._terms.mode)
                packets = self._inbox.read()
            # What was counted and did not come was flushed or expired meanwhile.
            self._remaining = left - len(packets) if packets else 0
            if packets:
                return packets
        # Nothing comes in any more, but what was sent to us before is in the socket.
        self._peer.set_mode(Mode(COPY_NONE))
        return self._inbox.read()

    def losses(self) -> Losses:
        """Return what was lost since the start, the module's own counters included."""
        losses = dataclasses.replace(self._peer.losses)
        with contextlib.suppress(TransportError):  # no rights any more: what we know ourselves
            now = self._control.statistics()
            losses.queue_full = self._since("overflow_dropped", now)
            losses.accepted_past = self._since("overflow_accepted", now)
            losses.socket_full = self._since("undeliverable", now)
            losses.refused += self._since("refused", now)
        return losses

    def _since(self, counter: str, now: Statistics) -> int:
        """Return what was counted since the start, or since somebody reset the counters."""
        before: int = getattr(self._before, counter)
        count: int = getattr(now, counter)
        return count - before if count >= before else count

    def close(self) -> None:
        """Give the queue back: what is unanswered lingers, or after `stop` is dropped."""
        self._socket.close()
        if self._remaining is not None and self._linger_before:
            with contextlib.suppress(TransportError):
                self._control.change(Settings(SET_LINGER, linger_ms=self._linger_before))
        self._control.close()
