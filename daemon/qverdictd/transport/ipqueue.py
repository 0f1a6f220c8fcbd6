# SPDX-License-Identifier: GPL-2.0
"""ip_queue: the queue of our own kernel module, one transport for each of its two families."""

import contextlib
import dataclasses
import errno
from collections.abc import Sequence
from typing import Self

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import TransportError, WireError
from qverdictd.packet.raw import HOOKS, RawPacket
from qverdictd.transport.base import Fleeting, Link, Losses, Place
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.ipqueue_control import ControlSocket, has_family
from qverdictd.transport.ipqueue_ends import Control, Wire
from qverdictd.transport.ipqueue_family import IPV4, IPV6, Family, refusal, refused
from qverdictd.transport.ipqueue_grant import IpqueueGrant
from qverdictd.transport.ipqueue_peer import Peer, open_socket
from qverdictd.transport.outbox import Outbox
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.ipqueue import (
    FEATURE_FLOW,
    FEATURE_OWNER,
    FEATURE_PACKETS,
    FEATURE_VERDICTS,
    MAX_DATAGRAM,
    Hello,
)
from qverdictd.wire.ipqueue_batch import (
    ANY_MARK,
    PACKET_OWNER,
    PACKET_RESENT,
    BrokenPacketError,
    encode_item,
    encode_verdicts,
    parse_packets,
)
from qverdictd.wire.ipqueue_classic import COPY_NONE, COPY_PACKET, COPY_RANGE_MAX, Mode
from qverdictd.wire.ipqueue_control import (
    MAXLEN_MAX,
    SET_MAXLEN,
    SET_OVERFLOW,
    Settings,
    Statistics,
)
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP, NF_REPEAT

_AF_UNSPEC = 0
_HOOKS = len(HOOKS)

_RECEIVE_BUFFER = 4 << 20
"""Bytes: room for two hundred datagrams of full packets. What does not fit waits in the queue."""
_NEEDED = FEATURE_PACKETS | FEATURE_VERDICTS | FEATURE_FLOW
_WANTED = Hello(
    features=_NEEDED | FEATURE_OWNER,
    max_bytes=MAX_DATAGRAM,  # for which `NetlinkSocket` has room
    max_packets=128,
    # Packets are held only while we judge others, and our verdicts release them: this is how long
    # the first of them waits at most should we stall.
    hold=2_000,
)
_LIST_OVERHEAD = len(encode_verdicts([], seq=0))
"""Bytes of a list's message before its first verdict."""


class IpqueueTransport(Fleeting):
    """One family's queue, which this process owns while its socket is open.

    The module keeps the queue's settings when the socket closes, and if *linger* is set also the
    packets that wait: the next owner gets these again, in their order and before any other.
    """

    name = "ipqueue"
    can_requeue = False
    """The module has one queue a family: a packet could only come back to where it is."""

    def __init__(
        self,
        family: Family,
        socket: Wire,
        control: Control,
        peer: Peer,
        hello: Hello,
        mode: Mode,
    ) -> None:
        """Let packets come, as ``mode`` says; `open` takes the queue first."""
        self._family = family
        self._socket = socket
        self._control = control
        self._peer = peer
        self._mode = mode
        self._most_verdicts = hello.max_verdicts
        self._names = InterfaceNames(socket.fileno())
        self._outbox = Outbox(
            socket.send,
            socket.send_limit - _LIST_OVERHEAD,
            most=hello.max_verdicts,
            join=peer.verdicts,
        )
        self._last_id: int | None = None
        self._left: int | None = None
        self._lingers = False
        self._before = control.statistics()
        self.description = str(
            IpqueueGrant(
                family=family.name,
                portid=socket.portid,
                copy_range=mode.copy_range,
                buffer=socket.size_receive_buffer(_RECEIVE_BUFFER),
                hello=hello,
                settings=control.settings(),
            )
        )
        peer.set_mode(mode)

    @classmethod
    def open(cls, family: Family, *, queue_length: int, copy_range: int, fail_open: bool) -> Self:
        """Take the family's queue in the thread's network namespace.

        ``queue_length`` packets may wait for a verdict; ``copy_range`` bytes of each are copied;
        with ``fail_open`` the module accepts what does not fit, else it drops it. Raises
        `PermissionMissingError` and `TransportError`, which say what to do.
        """
        socket = open_socket(family)
        try:
            control = ControlSocket.open(family)
        except BaseException:
            socket.close()
            raise
        return cls.over(
            family,
            socket,
            control,
            queue_length=queue_length,
            copy_range=copy_range,
            fail_open=fail_open,
        )

    @classmethod
    def over(
        cls,
        family: Family,
        socket: Wire,
        control: Control,
        *,
        queue_length: int,
        copy_range: int,
        fail_open: bool,
    ) -> Self:
        """Take the queue over sockets, which are closed if it cannot be had; see `open`."""
        try:
            peer = Peer(socket, family)
            hello = _agree(peer, family, control)
            # Only now, as the owner: nobody else's queue is to be changed.
            control.change(
                Settings(
                    mask=SET_MAXLEN | SET_OVERFLOW,
                    maxlen=min(queue_length, MAXLEN_MAX),
                    overflow_verdict=NF_ACCEPT if fail_open else NF_DROP,
                )
            )
            mode = Mode(COPY_PACKET, min(copy_range, COPY_RANGE_MAX))
            return cls(family, socket, control, peer, hello, mode)
        except BaseException:
            control.close()
            socket.close()
            raise

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
        self._names.forget()
        return self._read() if self._left is None else self._read_last(self._left)

    def _read(self) -> list[RawPacket]:
        """Read until there are packets, or nothing is left."""
        while True:
            buffer, bodies = self._peer.read()
            packets: list[RawPacket] = []
            for start, end in bodies:
                try:
                    self._add(packets, buffer, start, end)
                except BrokenPacketError as error:
                    if error.packet_id is None:
                        self._peer.losses.broken += 1
                    else:
                        packets.append(RawPacket(error.packet_id, b"", 0, _AF_UNSPEC))
                except WireError:
                    self._peer.losses.broken += 1
            if packets or not bodies:
                return packets

    def _add(self, packets: list[RawPacket], buffer: Buffer, start: int, end: int) -> None:
        """Append the packets of one message; count the ids that are missing between them."""
        family = self._family.number
        names = self._names
        for (
            packet_id, payload, length, mark, time, indev, outdev, _physindev, _physoutdev,
            uid, gid, _hw_protocol, _hw_type, hook, flags, hwaddr,
        ) in parse_packets(buffer, start, end):  # fmt: skip
            if flags & PACKET_RESENT:
                self._last_id = None  # what is missing here, the owner before us decided
            else:
                if self._last_id is not None:
                    self._peer.losses.id_gaps += packet_id - self._last_id - 1
                self._last_id = packet_id
            owned = flags & PACKET_OWNER
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
                    uid if owned else None,
                    gid if owned else None,
                    time / 1e9,
                )
            )

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

    def link(self) -> Link:
        """Return what a native worker has to know."""
        return Link(
            kind=self.name,
            descriptor=self._socket.fileno(),
            queue=0,
            send_limit=self._socket.send_limit,
            most_verdicts=self._most_verdicts,
            family=self._family.number,
        )

    def narrow(self, size: int) -> None:
        """Do nothing: the module has a copy mode for its owner's life, without an answer."""

    def ask_for(self, size: int) -> int:
        """Ask for nothing."""
        return 0

    def place(self) -> Place | None:
        """Return where a worker begins; None: not before `receive` was called once more."""
        return None if self._outbox else self._peer.place(self._last_id)

    def resume(self, place: Place) -> None:
        """Go on where a worker left off."""
        self._last_id = place.last_id
        self._peer.resume(place)

    def lost(self, what: str, code: int) -> TransportError:
        """Return the error for what a worker could not do."""
        if what == "verdicts":
            return refused(self._family, "a list of verdicts", code)
        return refusal(self._family, code)

    def stop(self) -> None:
        """Take no new packets from now on; what waits already can still be received.

        With linger, what comes from now on waits for the next owner. Without, it is dropped, and
        the module counts it as flushed. Raises `TransportError`.
        """
        self._lingers = self._control.settings().linger_ms > 0
        self._left = self._control.statistics().length

    def _read_last(self, left: int) -> list[RawPacket]:
        """Return packets that waited at the stop: ``left``, which come first, and a few more."""
        if left > 0:
            packets = self._read()
            if not packets:
                # The module sends what it could not send before when it is told the mode.
                self._peer.set_mode(self._mode)
                packets = self._read()
            # What was counted and did not come was flushed or expired meanwhile.
            self._left = left - len(packets) if packets else 0
            if packets:
                return packets
        if self._lingers:
            return []
        # Nothing comes in any more, but what was sent to us before is in the socket.
        self._peer.set_mode(Mode(COPY_NONE))
        return self._read()

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
        """Give the queue back. The module drops whatever is still unanswered, unless it lingers."""
        self._control.close()
        self._socket.close()


def _agree(peer: Peer, family: Family, control: Control) -> Hello:
    """Become the queue's owner, for batches. Raises `TransportError`."""
    try:
        hello = peer.agree(_WANTED)
    except OSError as error:
        code = error.errno or errno.EIO
        holder = control.statistics().peer if code == errno.EBUSY else 0
        raise refusal(family, code, holder) from error
    if hello.features & _NEEDED != _NEEDED:
        raise TransportError(
            f"the loaded ip_queue module gives the features {hello.features:#x}, and "
            f"{_NEEDED:#x} are needed: install a newer one"
        )
    return hello


def open_queues(
    numbers: Sequence[int], *, queue_length: int, copy_range: int, fail_open: bool
) -> list[IpqueueTransport]:
    """Take the queues of both families; if one cannot be had, none is kept.

    ``numbers``: queue 0, the only one there is. Raises `PermissionMissingError` and
    `TransportError`.
    """
    if tuple(numbers) != (0,):
        raise TransportError(
            "ipqueue has only queue 0: use --queue 0, or transport: nfqueue for others"
        )
    opened: list[IpqueueTransport] = []
    try:
        for family in (IPV4, IPV6):
            if has_family(family):
                opened.append(
                    IpqueueTransport.open(
                        family,
                        queue_length=queue_length,
                        copy_range=copy_range,
                        fail_open=fail_open,
                    )
                )
    except BaseException:
        for transport in opened:
            transport.close()
        raise
    if not opened:
        raise TransportError("this process may have sockets of neither IPv4 nor IPv6")
    return opened
