# SPDX-License-Identifier: GPL-2.0
"""NFQUEUE over a netlink descriptor of our own."""

import contextlib
import dataclasses
import os
from collections.abc import Sequence
from typing import Self

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import TransportError, WireError
from qverdictd.packet.raw import AF_INET, AF_INET6, HOOKS, RawPacket
from qverdictd.transport.base import Link, Losses, Place
from qverdictd.transport.grant import Grant, receive_buffer
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.outbox import Outbox
from qverdictd.transport.queue import Queue
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


class NfqueueTransport:
    """A queue that this process holds on a socket of its own."""

    name = "nfqueue"
    can_requeue = True
    """Whether `answer` takes the verdict that sends a packet to another queue."""

    def __init__(self, socket: NetlinkSocket, queue: Queue, grant: Grant) -> None:
        self._socket = socket
        self._queue = queue
        self._grant = grant
        self._copy_range = grant.copy_range
        self._names = InterfaceNames(socket.fileno())
        self._parser = PacketParser()
        self._encoder = VerdictEncoder(queue.number)
        self._outbox = Outbox(socket.send, socket.send_limit)

    @classmethod
    def open(cls, queue: int, *, queue_length: int, copy_range: int, fail_open: bool) -> Self:
        """Take ``queue`` in the thread's network namespace.

        ``queue_length`` packets may wait for a verdict; ``copy_range`` bytes of each are copied;
        with ``fail_open`` the kernel accepts what does not fit, else it drops it. Raises
        `PermissionMissingError` and `TransportError`, which say what to do.
        """
        socket = NetlinkSocket.open()
        held = Queue(socket, queue)
        try:
            wanted = receive_buffer(queue_length, fail_open=fail_open)
            buffer = socket.size_receive_buffer(wanted)
            copy_range = min(copy_range, COPY_RANGE_MAX)
            flags = F_GSO | F_UID_GID | (F_FAIL_OPEN if fail_open else 0)
            granted = held.negotiate(
                Config(bind=True, copy_range=copy_range, max_length=queue_length, flags=flags)
            )
            grant = Grant(
                queue=queue,
                portid=socket.portid,
                queue_length=queue_length,
                copy_range=copy_range,
                flags_wanted=flags,
                flags=granted,
                buffer_wanted=wanted,
                buffer=buffer,
                counted=held.counted,
            )
        except BaseException:
            held.close()
            socket.close()
            raise
        return cls(socket, held, grant)

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
            self._outbox.flush()
        self._names.forget()
        while True:
            buffer, bodies = self._queue.read()
            if not bodies:
                return []
            if packets := self._packets(buffer, bodies):
                self._queue.came(len(packets), packets[-1].id)
                return packets

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

    def link(self) -> Link:
        """Return what a native worker has to know."""
        return Link(
            kind=self.name,
            descriptor=self._socket.fileno(),
            queue=self._queue.number,
            send_limit=self._socket.send_limit,
            most_verdicts=_MOST_VERDICTS,
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
        return None if last_id is None or self._outbox else Place(last_id)

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
        """Take no new packets from now on; what waits already can still be received."""
        self._queue.stop()

    def losses(self) -> Losses:
        """Return what was lost since the start, the kernel's own counters included."""
        return self._queue.losses()

    def close(self) -> None:
        """Give the queue back. The kernel drops whatever is still unanswered."""
        with contextlib.suppress(TransportError):
            self._outbox.flush()
        self._queue.close()
        self._socket.close()
