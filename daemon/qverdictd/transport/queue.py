# SPDX-License-Identifier: GPL-2.0
"""A kernel queue that a netlink socket holds: its configuration, its messages, what it lost."""

import dataclasses
import errno
import os
from collections.abc import Iterable, Sequence
from typing import Protocol

from qverdictd.errors import TransportError, WireError
from qverdictd.transport import proc
from qverdictd.transport.base import Losses
from qverdictd.transport.refusal import refusal
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.netlink import NLMSG_ERROR, NLMSGHDR, align, decode_error
from qverdictd.wire.nfnetlink_queue import (
    MSG_CONFIG,
    MSG_PACKET,
    MSG_VERDICT,
    MSG_VERDICT_BATCH,
    Config,
    encode_config,
)
from qverdictd.wire.packet_message import SLACK

_header = NLMSGHDR.unpack_from
_HEADER_SIZE = NLMSGHDR.size
_ID_MASK = 0xFFFF_FFFF
_CONFIG_TRIES = 3


MOST_KEPT = 128
"""Messages of those that were kept that are read at once: as many as of others."""


def laid_out(messages: Sequence[bytes]) -> tuple[Buffer, list[tuple[int, int]]]:
    """Return messages and where their bodies lie, as if they had just been read."""
    whole = bytearray()
    packets = []
    for message in messages:
        packets.append((len(whole) + _HEADER_SIZE, len(whole) + len(message)))
        whole += message + bytes(align(len(message)) - len(message))
    return bytes(whole) + bytes(SLACK), packets


class Link(Protocol):
    """What a queue needs of its socket: `NetlinkSocket`, or in a test a scripted kernel."""

    @property
    def buffer(self) -> Buffer:
        """What `receive` reads into."""

    def receive(self) -> list[tuple[int, int, int]]:
        """Return start, end and sender of the messages in ``buffer``; see `Receiver`."""

    def send(self, data: bytes) -> None:
        """Send to the kernel, which answers before this returns."""


class Queue:
    """One queue, configured and read over ``link``; it sorts what the kernel says."""

    def __init__(self, link: Link, number: int) -> None:
        self.number = number
        self._link = link
        self._table = proc.QueueTable.open()
        self._losses = Losses()
        self._seq = 0
        self._answer = (0, 0)
        self._backlog: list[bytes] = []
        self._last_id = 0
        self._stopped = False
        self._empty = False
        self._refused: dict[int, int] | None = None
        self._told = (0, 0)

    @property
    def counted(self) -> bool:
        """Whether the kernel's own drop counters can be read."""
        return self._table.readable

    # Configuration

    def configure(self, config: Config, number: int | None = None) -> int:
        """Ask the kernel for ``config``; return 0 or the errno with which it refused.

        ``number``: of another queue on our socket. Packets that come meanwhile are kept for
        `read`. The answer is the one with our sequence number: others may wait in a socket that
        had an owner before us. Raises `TransportError`.
        """
        for _ in range(_CONFIG_TRIES):
            self._seq += 1
            asked = self.number if number is None else number
            self._send(encode_config(asked, self._seq, config))
            # The kernel has answered by now, unless the buffer was full: then it is empty after
            # this, and there is room for the answer when we ask once more.
            while packets := self._read_link():
                self._keep(packets)
            seq, code = self._answer
            if seq == self._seq:
                self._nudge()
                return code
        raise TransportError(
            f"queue {self.number}: the kernel did not answer a configuration message; "
            f"stop the traffic to this queue and start again"
        )

    def ask(self, config: Config) -> int:
        """Ask for ``config`` while somebody else reads our socket; return the message's number."""
        self._seq += 1
        self._send(encode_config(self.number, self._seq, config))
        return self._seq

    def _nudge(self) -> None:
        """Make the descriptor readable if packets were kept, or nobody would come to read them."""
        if self._backlog:
            self._seq += 1
            self._send(encode_config(self.number, self._seq, Config()))

    def exchange(self, data: bytes) -> dict[int, int]:
        """Send verdicts; return the errno of each that failed, by its sequence number.

        Packets that come meanwhile are kept for `read`. Raises `TransportError`.
        """
        self._refused = {}
        try:
            self._send(data)
            self.configure(Config())  # its answer comes after all errors
            return self._refused
        finally:
            self._refused = None

    def negotiate(self, config: Config) -> int:
        """Ask for ``config``; return which of its flags the kernel granted.

        A kernel refuses a message with a flag that it does not know, and does not say which. The
        newer a flag the higher its bit, so the highest is left out until the kernel agrees.
        Raises `PermissionMissingError` or `TransportError`, which say what to do.
        """
        flags = config.flags or 0
        while True:
            code = self.configure(dataclasses.replace(config, flags=flags, mask=flags))
            if not code:
                return flags
            if code != errno.EOPNOTSUPP or not flags:
                raise refusal(self.number, code)
            flags &= ~(1 << flags.bit_length() - 1)

    def narrow(self, size: int) -> None:
        """Have up to ``size`` bytes of each packet copied from now on. Raises `TransportError`."""
        if code := self.configure(Config(copy_range=size)):
            raise TransportError(f"queue {self.number}: no other copy range: {os.strerror(code)}")

    def stop(self) -> None:
        """Let no new packet in from now on: once `read` is empty, none waits.

        The kernel counts those it turns away as `Losses.queue_full`, or accepts them (fail-open).
        """
        if code := self.configure(Config(max_length=0)):
            raise TransportError(
                f"queue {self.number} cannot be stopped: {os.strerror(code)}; its packets wait on"
            )
        self._stopped = True

    # Messages

    def take_kept(self) -> list[bytes]:
        """Return the messages that were kept, whichever queue on our socket they are of.

        Whoever takes them reads them in our place.
        """
        self._keep(self._read_link())
        while packets := self._read_link():
            self._keep(packets)
        kept = list(self._backlog)
        self._backlog.clear()
        return kept

    def keep(self, messages: Iterable[bytes]) -> None:
        """Let `read` return these, after what is kept already."""
        self._backlog.extend(messages)
        self._nudge()

    def newest_id(self, number: int) -> int | None:
        """Return the newest id of a queue; None if the kernel's table is not readable."""
        state = self._table.state(number)
        return None if state is None else state.last_id

    @property
    def last_id(self) -> int | None:
        """The id of the packet read last; None while packets are kept that nobody has read."""
        return None if self._backlog else self._last_id

    def resume(self, last_id: int) -> None:
        """Go on after packets that somebody else has read from our socket."""
        self._last_id = last_id

    def read(self) -> tuple[Buffer, list[tuple[int, int]]]:
        """Return a buffer and where in it the bodies of packet messages lie, after their headers.

        Never blocks: an empty list says that none waits. Valid until the next call. `SLACK` bytes
        follow each message. Raises `TransportError`.
        """
        if self._backlog:
            return self._take_backlog()
        packets = self._read_link()
        return self._link.buffer, packets

    def came(self, count: int, last_id: int) -> None:
        """Count the ids that are missing since the last call, of ``count`` up to ``last_id``."""
        self._losses.id_gaps += (last_id - self._last_id & _ID_MASK) - count
        self._last_id = last_id

    def refuse(self) -> None:
        """Count a verdict that cannot be said to the kernel."""
        self._losses.refused += 1

    def broke(self) -> None:
        """Count a message that could not be parsed and has no id to answer."""
        self._losses.broken += 1

    def _read_link(self) -> list[tuple[int, int]]:
        """Read until there are packets, or nothing is left."""
        while True:
            try:
                datagrams = self._link.receive()
            except OSError as error:
                raise TransportError(f"queue {self.number} is lost: {error.strerror}") from error
            self._empty = not datagrams
            if self._empty:
                return []
            if packets := self._sort(datagrams):
                return packets

    def _sort(self, datagrams: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
        """Return the packets among ``datagrams``; take note of everything else."""
        buffer = self._link.buffer
        packets = []
        for start, stop, sender in datagrams:
            if sender:  # until we were connected, any CAP_NET_ADMIN here could write to us
                self._losses.forged += 1
                continue
            while start < stop:
                if stop - start < _HEADER_SIZE:
                    self._losses.broken += 1
                    break
                size, kind, _flags, _seq, _portid = _header(buffer, start)
                if size < _HEADER_SIZE:
                    self._losses.broken += 1
                    break
                end = start + size
                if end > stop:  # broken, but it may hold an id to answer
                    end = stop
                if kind == MSG_PACKET:
                    packets.append((start + _HEADER_SIZE, end))
                elif kind == NLMSG_ERROR:
                    self._note_error(start + _HEADER_SIZE, end)
                start = stop if end == stop else start + align(size)
        return packets

    def _note_error(self, start: int, end: int) -> None:
        """Count a verdict that failed, or keep the answer to a configuration message."""
        try:
            error = decode_error(self._link.buffer, start, end)
        except WireError:
            self._losses.broken += 1
            return
        if error.type == MSG_CONFIG:
            self._answer = (error.seq, error.errno)
            return
        if self._refused is not None:
            self._refused[error.seq] = error.errno
            return
        count = {MSG_VERDICT: 1, MSG_VERDICT_BATCH: error.portid}.get(error.type, 0)
        if error.errno == errno.ENOENT:
            self._losses.flushed += count
        elif error.errno:
            self._losses.refused += count

    def _send(self, data: bytes) -> None:
        try:
            self._link.send(data)
        except OSError as error:
            raise TransportError(f"queue {self.number}: {error.strerror}") from error

    def _keep(self, packets: list[tuple[int, int]]) -> None:
        """Copy packets out of the buffer, which the next reading overwrites."""
        self._backlog.extend(
            self._link.buffer[start - _HEADER_SIZE : end] for start, end in packets
        )

    def _take_backlog(self) -> tuple[Buffer, list[tuple[int, int]]]:
        """Return the oldest packets that were kept."""
        taken, self._backlog = self._backlog[:MOST_KEPT], self._backlog[MOST_KEPT:]
        return laid_out(taken)

    # Losses

    def missed(self, count: int) -> None:
        """Count ids that never came and that `came` does not see."""
        self._losses.id_gaps += count

    def told_before(self, queue_full: int, socket_full: int) -> None:
        """Count the kernel's drops from here on: a process before us has told of these."""
        self._told = (queue_full, socket_full)

    def kernel_drops(self) -> tuple[int, int]:
        """Return the kernel's own two counters, as they were since the queue is held."""
        state = self._table.state(self.number)
        return self._told if state is None else (state.queue_dropped, state.user_dropped)

    def losses(self) -> Losses:
        """Return what was lost so far, with the kernel's counters if they can be read."""
        losses = dataclasses.replace(self._losses)
        if state := self._table.state(self.number):
            losses.queue_full = max(state.queue_dropped - self._told[0], 0)
            losses.socket_full = max(state.user_dropped - self._told[1], 0)
            if self._stopped and self._empty:  # no packet comes after a gap at the end
                losses.id_gaps += state.last_id - self._last_id & _ID_MASK
        return losses

    def close(self) -> None:
        """Read the kernel's counters for the last time, while the queue is still ours."""
        self._losses = self.losses()
        self._table.close()
