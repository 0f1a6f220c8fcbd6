# SPDX-License-Identifier: GPL-2.0
"""NFQUEUE over a netlink descriptor of our own."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from qverdictd._fast import Ledger
from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import TransportError, WireError
from qverdictd.packet.raw import AF_INET, AF_INET6, HOOKS, RawPacket
from qverdictd.transport.base import Link, Losses, Place, TakenOver
from qverdictd.transport.claim import Claim, GivenBack, claim
from qverdictd.transport.grant import Grant, receive_buffer
from qverdictd.transport.handed import NoStore, Store
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.ledger import let_go_of_ledgers, open_ledger, taken_over
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.outbox import Outbox
from qverdictd.transport.queue import Queue
from qverdictd.transport.takeover import Moved, side_of, take_over
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.nfnetlink_queue import (
    COPY_RANGE_MAX,
    F_FAIL_OPEN,
    F_GSO,
    F_UID_GID,
    NF_ACCEPT,
    NF_DROP,
    NF_QUEUE,
    NF_REPEAT,
    NF_VERDICT_QUEUE_SHIFT,
    Config,
    VerdictEncoder,
)
from qverdictd.wire.packet_message import (
    SKB_CSUMNOTREADY,
    SKB_GSO,
    PacketParser,
    readable_id,
)

_AF_UNSPEC = 0
_NFPROTO_BRIDGE = 7  # linux/netfilter.h
_FAMILY_OF_ETHERTYPE = {0x0800: AF_INET, 0x86DD: AF_INET6}
_HOOKS = len(HOOKS)
_MOST_VERDICTS = 1024
"""In a send: more would bring nothing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a queue outlives this process."""

    ledger: Ledger
    lasting: bool = False
    """Whether somebody keeps the socket when the service is stopped, too."""
    by_anybody: bool = False
    """Whether somebody keeps it while the service is on."""


class NfqueueTransport:
    """A queue that this process holds on a socket of its own."""

    name = "nfqueue"
    can_requeue = True
    """Whether `answer` takes the verdict that sends a packet to another queue."""

    def __init__(
        self,
        socket: NetlinkSocket,
        queue: Queue,
        grant: Grant,
        kept: Kept,
        moved: Moved | None = None,
        taken_over: TakenOver | None = None,
    ) -> None:
        self._socket = socket
        self._queue = queue
        self._grant = grant
        self._kept = kept
        self._moved = moved
        self.taken_over = taken_over
        """What was taken over with the queue; None if nobody had held it."""
        self.condemned = False
        """Whether the packet received last was in flight at two faults, and must not be judged."""
        self._left = False
        self._copy_range = grant.copy_range
        self._names = InterfaceNames(socket.fileno())
        self._parser = PacketParser()
        self._encoder = VerdictEncoder(queue.number if moved is None else moved.number)
        self._outbox = Outbox(socket.send, socket.send_limit)

    @classmethod
    def open(cls, queue: int, *, queue_length: int, copy_range: int, fail_open: bool) -> Self:
        """Take ``queue`` in the thread's network namespace.

        ``queue_length`` packets may wait for a verdict; ``copy_range`` bytes of each are copied;
        with ``fail_open`` the kernel accepts what does not fit, else it drops it. Raises
        `PermissionMissingError` and `TransportError`, which say what to do.
        """
        (transport,), _ = cls.open_all(
            [queue], queue_length=queue_length, copy_range=copy_range, fail_open=fail_open
        )
        return transport

    @classmethod
    def open_all(
        cls,
        queues: Sequence[int],
        *,
        queue_length: int,
        copy_range: int,
        fail_open: bool,
        store: Store | None = None,
    ) -> tuple[list[Self], list[GivenBack]]:
        """Take ``queues`` as `open` does, with all that waits in those that ``store`` has for us.

        Returns them, and the queues that were given back as nobody asks for them.
        """
        store = store or NoStore()
        if both := {number for number in queues if side_of(number) in queues}:
            raise TransportError(
                f"queues {min(both)} and {max(both)} cannot be served by one daemon, which moves "
                "packets from one to the other when it takes them over: choose another number"
            )
        claims, back = claim(queues, store, accept=fail_open)
        let_go_of_ledgers({f"ledger-{number}" for number in queues}, store)
        opened: list[Self] = []
        try:
            for one in claims:
                opened.append(cls._take(one, queue_length, copy_range, fail_open, store))
        except BaseException:
            for transport in opened:
                transport.close()
            for one in claims:
                one.socket.close()
            raise
        return opened, back

    @classmethod
    def _take(
        cls, one: Claim, queue_length: int, copy_range: int, fail_open: bool, store: Store
    ) -> Self:
        socket, held = one.socket, one.queue
        ledger, left, problem = open_ledger(f"ledger-{held.number}", store)
        wanted = receive_buffer(queue_length, fail_open=fail_open)
        # What waits comes again while more comes: there must be room for both.
        buffer = socket.size_receive_buffer(2 * wanted if one.held else wanted)
        terms = Config(
            copy_range=min(copy_range, COPY_RANGE_MAX),
            max_length=queue_length,
            flags=F_GSO | F_UID_GID | (F_FAIL_OPEN if fail_open else 0),
        )
        granted = held.negotiate(dataclasses.replace(terms, bind=not one.held))
        moved = taken = None
        if one.held:
            terms = dataclasses.replace(terms, flags=granted, mask=granted)
            moved = take_over(held, terms, left)
            buffer = socket.size_receive_buffer(wanted)
            taken = moved.told(problem)
            if not fail_open:  # the process before may have had it so
                held.configure(Config(flags=0, mask=F_FAIL_OPEN))
            ledger.begin(moved.last_id, taken.answered)
            if left is not None:
                held.told_before(left.told_queue_full, left.told_socket_full)
        else:
            if problem is not None:
                taken = taken_over(held.number, 0, 0, None, problem)
            ledger.begin(0, 0)
            ledger.tell(0, 0)
        ledger.watch()
        grant = Grant(
            queue=held.number,
            portid=socket.portid,
            queue_length=queue_length,
            copy_range=terms.copy_range or 0,
            flags_wanted=terms.flags or 0,
            flags=granted,
            buffer_wanted=wanted,
            buffer=buffer,
            counted=held.counted,
        )
        kept = Kept(ledger, one.lasting, one.lasting or not isinstance(store, NoStore))
        return cls(socket, held, grant, kept, moved, taken)

    @property
    def description(self) -> str:
        """One line for the log at start: the queue, and what the kernel did and did not grant."""
        return str(dataclasses.replace(self._grant, copy_range=self._copy_range))

    def fileno(self) -> int:
        """Return the descriptor that is readable when packets wait."""
        return self._socket.fileno()

    def receive(self) -> list[RawPacket]:
        """Return the packets that wait, oldest first, without blocking; empty if there are none.

        A packet whose message is broken, but not its id, has the family 0: it cannot be judged.
        Raises `TransportError`.
        """
        if self._outbox:
            self._flush()
        self._names.forget()
        if self._left:
            return []
        if self._moved is not None:
            packets = self._receive_moved(self._moved)
            if packets or self._moved is not None:
                return packets
        while True:
            buffer, bodies = self._queue.read()
            if not bodies:
                return []
            if packets := self._packets(buffer, bodies):
                self._queue.came(len(packets), packets[-1].id)
                self._note(self._queue.number, packets)
                return packets

    def _receive_moved(self, moved: Moved) -> list[RawPacket]:
        """Return packets that waited for a process before us; none once all are answered."""
        while True:
            buffer, bodies = moved.read()
            if not bodies:
                break
            if packets := self._packets(buffer, bodies):
                self.condemned = moved.condemned
                self._note(moved.number, packets, moved.faults)
                return packets
        if not self._outbox:
            moved.close()
            self.condemned = False
            self._moved = None
            self._encoder = VerdictEncoder(self._queue.number)
        return []

    def _note(self, number: int, packets: list[RawPacket], faults: int = 0) -> None:
        """From here on these packets may be what ends us."""
        self._kept.ledger.note(number, [packet.id for packet in packets], faults)

    def _flush(self) -> None:
        """Send verdicts that wait; once all are sent nobody is being judged."""
        self._outbox.flush()
        if not self._outbox:
            self._kept.ledger.strike()

    def _packets(self, buffer: Buffer, bodies: list[tuple[int, int]]) -> list[RawPacket]:
        """Return the packets in the message ``bodies``; count those that have no id."""
        names = self._names
        parse = self._parser.parse
        packets = []
        for start, end in bodies:
            try:
                (
                    packet_id, family, hw_protocol, hook, payload, length, indev, outdev, mark,
                    hwaddr, timestamp, uid, gid, skb_info,
                ) = parse(buffer, start, end)  # fmt: skip
            except WireError:
                broken_id = readable_id(buffer, start, end)
                if broken_id is None:
                    self._queue.broke()
                else:
                    packets.append(RawPacket(broken_id, b"", 0, _AF_UNSPEC))
                continue
            if family == _NFPROTO_BRIDGE:
                family = _FAMILY_OF_ETHERTYPE.get(hw_protocol, _AF_UNSPEC)
            packets.append(
                RawPacket(
                    packet_id,
                    payload,
                    length,
                    family,
                    hook if hook < _HOOKS else None,
                    names[indev],
                    names[outdev],
                    mark,
                    hwaddr or None,
                    uid,
                    gid,
                    timestamp / 1e6 if timestamp is not None else None,
                    skb_info & SKB_CSUMNOTREADY != 0,
                    skb_info & SKB_GSO != 0,
                )
            )
        return packets

    def answer(self, judged: Sequence[tuple[RawPacket, Decision]]) -> None:
        """Send the verdicts of packets that `receive` returned, in the order given.

        A mark is sent only where it changes. New bytes are sent only for a packet that we have
        whole, since the kernel would cut it to them; too many for their attribute, they drop it.
        Raises `TransportError`.
        """
        encode = self._encoder.encode
        messages = []
        for raw, decision in judged:
            verdict = decision.verdict
            if verdict is Verdict.DROP:
                messages.append(encode(raw.id, NF_DROP))
                continue
            if verdict is Verdict.ACCEPT:
                code = NF_ACCEPT
            elif verdict is Verdict.REPEAT:
                code = NF_REPEAT
            elif verdict is Verdict.QUEUE and decision.queue is not None:
                code = decision.queue << NF_VERDICT_QUEUE_SHIFT | NF_QUEUE
            else:
                raise ValueError(f"no verdict that the kernel knows: {decision}")
            mark = decision.mark if decision.mark != raw.mark else None
            payload = decision.replacement if raw.length == len(raw.data) else None
            if payload is not None and len(payload) > COPY_RANGE_MAX:
                self._queue.refuse()
                messages.append(encode(raw.id, NF_DROP))
                continue
            messages.append(encode(raw.id, code, mark, payload))
        self._outbox.post(messages)
        self._flush()

    def link(self) -> Link:
        """Return what a native worker has to know."""
        return Link(
            kind=self.name,
            descriptor=self._socket.fileno(),
            queue=self._queue.number,
            send_limit=self._socket.send_limit,
            most_verdicts=_MOST_VERDICTS,
            ledger=self._kept.ledger,
        )

    def narrow(self, size: int) -> None:
        """Have up to ``size`` bytes of each packet copied, up to those of `open`."""
        self._queue.narrow(self._bounded(size))

    def ask_for(self, size: int) -> int:
        """Ask for the same while a worker reads; return the number that it sees acknowledged."""
        return self._queue.ask(Config(copy_range=self._bounded(size)))

    def _bounded(self, size: int) -> int:
        self._copy_range = min(size, self._grant.copy_range)
        return self._copy_range

    def place(self) -> Place | None:
        """Return where a worker begins; None: not before `receive` was called once more."""
        last_id = self._queue.last_id
        if last_id is None or self._outbox or self._moved is not None:
            return None
        return Place(last_id)

    def resume(self, place: Place) -> None:
        """Go on where a worker left off."""
        assert place.last_id is not None
        self._queue.resume(place.last_id)

    def lost(self, what: str, code: int) -> TransportError:
        """Return the error for what a worker could not do."""
        if what == "receive":
            return TransportError(f"queue {self._queue.number} is lost: {os.strerror(code)}")
        return TransportError(f"the kernel took no verdict: {os.strerror(code)}")

    def stop(self) -> None:
        """Take no new packets from now on; what waits already can still be received.

        From a lasting socket nothing is received any more: what waits there is the next one's.
        """
        if self._kept.lasting:
            self.leave()
        else:
            self._queue.stop()

    def leave(self) -> None:
        """Receive nothing from now on; what waits is the next process's, if somebody keeps it."""
        if self._kept.by_anybody:
            self._left = True
        else:
            self._queue.stop()

    def losses(self) -> Losses:
        """Return what was lost since the start, the kernel's own counters included."""
        return self._queue.losses()

    def close(self) -> None:
        """Give the queue back. The kernel drops whatever is still unanswered."""
        with contextlib.suppress(TransportError):
            self._outbox.flush()
        self._kept.ledger.tell(*self._queue.kernel_drops())
        self._queue.close()
        self._socket.close()
