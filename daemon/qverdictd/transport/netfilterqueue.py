# SPDX-License-Identifier: GPL-2.0
"""NFQUEUE through the NetfilterQueue library.

The library parses packets and sends verdicts. Reading is ours, over the same descriptor: its own
loop ends only when nothing waits, cuts messages at 4 KiB, and tells neither who sent a message
nor what the kernel refused.

What it leaves out: packets to another queue, the owner of a packet's socket, large (GSO) packets,
which the kernel splits for it, and the result of sending a verdict. It binds and configures in
several messages; what arrives between the first and the second is dropped.
"""

import contextlib
import errno
from collections.abc import Sequence
from typing import Self

from netfilterqueue import NetfilterQueue, Packet

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import TransportError
from qverdictd.packet.raw import AF_INET, AF_INET6, HOOKS, RawPacket
from qverdictd.transport import proc
from qverdictd.transport.base import Fleeting, Losses
from qverdictd.transport.grant import Grant, receive_buffer
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.queue import Queue
from qverdictd.transport.refusal import refusal
from qverdictd.wire.netlink import NLMSGHDR
from qverdictd.wire.nfnetlink_queue import COPY_RANGE_MAX, F_FAIL_OPEN, Config

_AF_UNSPEC = 0
_FAMILY_OF_ETHERTYPE = {0x0800: AF_INET, 0x86DD: AF_INET6}
_HOOKS = len(HOOKS)
_ETHERNET = 6
_IPV6_HEADER = 40
_LENGTHS = 6
"""Bytes up to the end of the length fields of IPv4 (2 to 4) and IPv6 (4 to 6)."""
_LIBRARY_COPY_RANGE = 4096 - 80
"""The most that the library itself asks for; we ask for more afterwards."""


class _Feed:
    """The socket that the library believes to read: messages that we have read and checked."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = iter(messages)

    def recv(self, _size: int) -> bytes:
        """Return a whole message, whatever its size; then say that reading would block."""
        for message in self._messages:
            return message
        raise BlockingIOError(errno.EAGAIN, "no message left")


class NetfilterQueueTransport(Fleeting):
    """A queue that the NetfilterQueue library holds."""

    name = "netfilterqueue"
    can_requeue = False
    """Whether `answer` takes the verdict that sends a packet to another queue."""

    def __init__(self, queue: int) -> None:
        """Open the library; `open` makes a transport that can be used. Raises `OSError`."""
        self._library: NetfilterQueue | None = NetfilterQueue()
        self._socket = NetlinkSocket.of(self._library.get_fd())
        self._queue = Queue(self._socket, queue)
        self._names = InterfaceNames(self._socket.fileno())
        self._cut_at = _LIBRARY_COPY_RANGE
        self._taken: list[RawPacket] = []
        self._held: dict[int, Packet] = {}
        self.description = f"queue {queue}"

    @classmethod
    def open(cls, queue: int, *, queue_length: int, copy_range: int, fail_open: bool) -> Self:
        """Take ``queue``; arguments and errors are those of `NfqueueTransport.open`."""
        try:
            transport = cls(queue)
        except OSError as error:
            NetlinkSocket.open().close()  # the library does not say where it failed; this does
            code = errno.EINVAL if proc.has_net_admin() else errno.EPERM
            raise refusal(queue, code) from error
        try:
            transport._bind(queue, queue_length, min(copy_range, COPY_RANGE_MAX), fail_open)
        except BaseException:
            transport.close()
            raise
        return transport

    def _bind(self, queue: int, queue_length: int, copy_range: int, fail_open: bool) -> None:
        """Let the library bind, then ask for what it cannot ask for."""
        assert self._library is not None
        wanted = receive_buffer(queue_length, fail_open=fail_open)
        buffer = self._socket.size_receive_buffer(wanted)
        self._cut_at = min(copy_range, _LIBRARY_COPY_RANGE)
        try:
            self._library.bind(
                queue,
                self._take,
                max_len=queue_length,
                range=self._cut_at,
                sock_len=buffer // 2,  # the kernel doubles it, and the library warns if it did not
            )
        except OSError as error:
            raise refusal(queue, errno.EPERM) from error
        flags = F_FAIL_OPEN if fail_open else 0
        granted = self._queue.negotiate(Config(copy_range=copy_range, flags=flags))
        self.description = str(
            Grant(
                queue=queue,
                portid=self._socket.portid,
                queue_length=queue_length,
                copy_range=copy_range,
                flags_wanted=flags,
                flags=granted,
                buffer_wanted=wanted,
                buffer=buffer,
                counted=self._queue.counted,
            )
        )

    def fileno(self) -> int:
        """Return the descriptor that is readable when packets wait."""
        return self._socket.fileno()

    def receive(self) -> list[RawPacket]:
        """Return the packets that wait, oldest first, without blocking; empty if there are none.

        Raises `TransportError`.
        """
        assert self._library is not None
        self._names.forget()
        while True:
            buffer, bodies = self._queue.read()
            self._library.run_socket(
                _Feed([buffer[start - NLMSGHDR.size : end] for start, end in bodies])
            )
            packets, self._taken = self._taken, []
            for _ in range(len(bodies) - len(packets)):
                self._queue.broke()
            if packets:
                self._queue.came(len(packets), packets[-1].id)
            if packets or not bodies:
                return packets

    def _take(self, packet: Packet) -> None:
        """Note a packet that the library found; its verdict is given later."""
        # We copy the bytes here, so the library need not (Packet.retain).
        data = packet.get_payload() if packet.get_payload_len() else b""
        names = self._names
        hardware = packet.get_hw()
        self._held[packet.id] = packet
        self._taken.append(
            RawPacket(
                packet.id,
                data,
                _length(data) if len(data) >= self._cut_at else len(data),
                _FAMILY_OF_ETHERTYPE.get(packet.hw_protocol, _AF_UNSPEC),
                packet.hook if packet.hook < _HOOKS else None,
                names[packet.indev],
                names[packet.outdev],
                packet.mark,
                hardware and hardware[:_ETHERNET],
                None,
                None,
                packet.get_timestamp() or None,
            )
        )

    def answer(self, judged: Sequence[tuple[RawPacket, Decision]]) -> None:
        """Send the verdicts of packets that `receive` returned, in the order given.

        An empty replacement leaves nothing to send, and the library cannot say it: the packet is
        dropped.
        """
        for raw, decision in judged:
            packet = self._held.pop(raw.id)
            verdict = decision.verdict
            replacement = decision.replacement
            if verdict is Verdict.DROP or replacement == b"":
                packet.drop()
                continue
            if decision.mark != raw.mark:
                packet.set_mark(decision.mark)
            if replacement is not None and raw.length == len(raw.data):
                packet.set_payload(replacement)
            if verdict is Verdict.ACCEPT:
                packet.accept()
            elif verdict is Verdict.REPEAT:
                packet.repeat()
            else:
                packet.drop()
                raise ValueError(f"no verdict that the library knows: {decision}")

    def stop(self) -> None:
        """Take no new packets from now on; what waits already can still be received."""
        self._queue.stop()

    def losses(self) -> Losses:
        """Return what was lost since the start, the kernel's own counters included."""
        return self._queue.losses()

    def close(self) -> None:
        """Give the queue back. The kernel drops whatever is still unanswered."""
        if self._library is None:
            return
        self._queue.close()
        # The library waits for the kernel's answer, which is lost if the buffer is full.
        with contextlib.suppress(TransportError):
            self._queue.stop()
            while self._queue.read()[1]:
                pass
        self._library.unbind()
        self._library = None
        self._held.clear()
        self._socket.close()


def _length(data: bytes) -> int:
    """Return the length that a packet's own header claims: the library tells no other.

    Only for a packet that may be cut; the kernel checked the claim on the way in.
    """
    if len(data) < _LENGTHS:
        return len(data) + 1  # cut, and so early that it does not matter by how much
    if data[0] >> 4 == 4:
        claimed = int.from_bytes(data[2:4], "big")
    else:
        claimed = _IPV6_HEADER + int.from_bytes(data[4:6], "big")
    return max(claimed, len(data))
