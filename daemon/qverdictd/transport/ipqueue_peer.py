# SPDX-License-Identifier: GPL-2.0
"""The peer of one of ip_queue's queues: what it says to the module, and what it hears."""

import errno
import os
import socket
from collections.abc import Sequence

from qverdictd.errors import TransportError, WireError
from qverdictd.transport.base import Losses, Place
from qverdictd.transport.ipqueue_family import Family, refusal, refused
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.queue import Link
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.ipqueue import (
    IPQM_HELLO,
    IPQM_MISSING,
    IPQM_MODE,
    IPQM_PACKETS,
    IPQM_RANGE,
    Hello,
    decode_hello,
    encode_hello,
)
from qverdictd.wire.ipqueue_batch import decode_missing, encode_verdicts
from qverdictd.wire.ipqueue_classic import Mode, encode_mode
from qverdictd.wire.netlink import NLMSG_ERROR, NLMSGHDR, Error, decode_error

_BATCH = 2
"""Datagrams a read: each can hold more packets than are worth judging at a time, and what is read
must fit into a ledger."""

_header = NLMSGHDR.unpack_from
_HEADER_SIZE = NLMSGHDR.size
_Message = tuple[int, int, int, int]
"""Type, sequence number, and where the body starts and ends."""


def open_socket(family: Family, batch: int = _BATCH, groups: int = 0) -> NetlinkSocket:
    """Make a socket of the queue's netlink family, with a port id that the kernel chose.

    It reads ``batch`` datagrams at a time, and listens to the multicast ``groups``, a bit each.
    Raises `PermissionMissingError` and `TransportError`.
    """
    try:
        sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family.protocol
        )
        sock.bind((0, groups))
    except OSError as error:
        raise refusal(family, error.errno or errno.EIO) from error
    return NetlinkSocket(sock, batch)


class Peer:
    """Speaks to the module over ``link``; it sorts what the module says."""

    def __init__(self, link: Link, family: Family) -> None:
        self._link = link
        self._family = family
        self._seq = 0
        self._told_missing = 0
        self.losses = Losses()
        """What the messages tell; the module's counters know the rest."""

    def place(self, last_id: int | None) -> Place:
        """Return where a worker begins whose last packet was ``last_id``."""
        return Place(last_id, self._seq, self._told_missing)

    def resume(self, place: Place) -> None:
        """Go on with the numbers of messages where a worker left off."""
        self._seq = place.seq
        self._told_missing = place.missing_seq

    def agree(self, wanted: Hello) -> Hello:
        """Become the queue's owner; return what the module gives of what is wanted.

        Raises `OSError` with the errno of a refusal, `TransportError` without an answer.
        """
        self._seq += 1
        self._link.send(encode_hello(wanted, seq=self._seq))
        while messages := self._receive():  # the module has answered by now
            for kind, seq, start, end in messages:
                if kind == IPQM_HELLO and seq == self._seq:
                    return decode_hello(self._link.buffer, start, end)
                if kind == NLMSG_ERROR and seq == self._seq:
                    code = decode_error(self._link.buffer, start, end).errno
                    raise OSError(code, os.strerror(code))
        raise TransportError(f"the {self._family.name} queue did not answer: is its module ours?")

    def set_mode(self, mode: Mode) -> None:
        """Say what is to be sent from now on; packets may come at once.

        The module answers only if it refuses, and `read` raises. Raises `TransportError`.
        """
        self._seq += 1
        try:
            self._link.send(encode_mode(mode, seq=self._seq))
        except OSError as error:
            raise refusal(self._family, error.errno or errno.EIO) from error

    def verdicts(self, items: Sequence[bytes]) -> bytes:
        """Return the message for a list of verdicts."""
        self._seq += 1
        return encode_verdicts(items, seq=self._seq)

    def read(self) -> tuple[Buffer, list[tuple[int, int]]]:
        """Return a buffer and where in it the bodies of packet messages lie, after their headers.

        Never blocks: an empty list says that none waits. Valid until the next call. Raises
        `TransportError`.
        """
        while messages := self._receive():
            packets = []
            for kind, seq, start, end in messages:
                if kind == IPQM_PACKETS:
                    packets.append((start, end))
                else:
                    self._note(kind, seq, start, end)
            if packets:
                return self._link.buffer, packets
        return self._link.buffer, []

    def _receive(self) -> list[_Message]:
        """Read once; return the messages of the module."""
        while True:
            try:
                datagrams = self._link.receive()
            except OSError as error:
                raise refusal(self._family, error.errno or errno.EIO) from error
            messages = self._sort(datagrams)
            if messages or not datagrams:
                return messages

    def _sort(self, datagrams: list[tuple[int, int, int]]) -> list[_Message]:
        """Return what the module sent; count what others did, and what is broken."""
        messages = []
        for start, stop, sender in datagrams:
            if sender:  # whoever has CAP_NET_ADMIN here can write to us, in the module's words
                self.losses.forged += 1
                continue
            body = start + _HEADER_SIZE
            if body <= stop:
                size, kind, _flags, seq, _portid = _header(self._link.buffer, start)
                if body <= start + size <= stop:
                    messages.append((kind, seq, body, start + size))
                    continue
            self.losses.broken += 1
        return messages

    def _note(self, kind: int, seq: int, start: int, end: int) -> None:
        """Count ids that did not wait any more; raise what cannot be mended."""
        try:
            if kind == IPQM_MISSING:
                self.losses.flushed += decode_missing(self._link.buffer, start, end).total
                self._told_missing = seq
            elif kind == NLMSG_ERROR:
                self._note_error(decode_error(self._link.buffer, start, end))
        except WireError:
            self.losses.broken += 1

    def _note_error(self, error: Error) -> None:
        """Take note of the answer to a list of verdicts, or to a mode."""
        if error.type == IPQM_RANGE:
            return  # by which a worker was woken
        if error.errno == errno.ENOENT:
            # Comes after the ids; without them the module had no memory to tell how many.
            self.losses.flushed += error.seq != self._told_missing
        elif error.errno == errno.EPERM:
            raise refusal(self._family, error.errno)
        elif error.errno:
            # A list is taken whole or not at all: its packets would wait for ever.
            what = "a copy mode" if error.type == IPQM_MODE else "a list of verdicts"
            raise refused(self._family, what, error.errno)
