# SPDX-License-Identifier: GPL-2.0
"""A listener at the tap of one of ip_queue's queues."""

from typing import Self

from qverdictd.errors import WireError
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.ipqueue_family import Family
from qverdictd.transport.ipqueue_peer import open_socket
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.queue import Link
from qverdictd.wire.ipqueue import IPQM_TAP
from qverdictd.wire.ipqueue_tap import GROUP_TAP, TapRecord, decode_tap
from qverdictd.wire.netlink import NLMSGHDR

_BATCH = 64
"""Datagrams a read, of up to 32 records each."""
_RECEIVE_BUFFER = 8 << 20
"""Bytes: what does not fit is lost, and its number is told."""


class TapReader:
    """Reads records over ``link``, and counts those that are missing."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._next: int | None = None

    def read(self) -> tuple[int, list[TapRecord]]:
        """Return how many records were lost since the last call, and those that wait.

        Never blocks. Raises `OSError`.
        """
        lost = 0
        found: list[TapRecord] = []
        for start, stop, sender in self._link.receive():
            body = start + NLMSGHDR.size
            if sender or body > stop:
                continue
            size, kind, _flags, _seq, _portid = NLMSGHDR.unpack_from(self._link.buffer, start)
            if kind != IPQM_TAP or start + size > stop:
                continue
            try:
                seq, records = decode_tap(self._link.buffer, body, start + size)
            except WireError:
                continue  # its records are missing in the count, and so told
            if self._next is not None:
                lost += seq - self._next
            self._next = seq + len(records)
            found += records
        return lost, found


class Tap:
    """A tap that was joined."""

    def __init__(self, family: Family, sock: NetlinkSocket) -> None:
        self.family = family
        self.names = InterfaceNames(sock.fileno())
        self._socket = sock
        self._reader = TapReader(sock)

    @classmethod
    def open(cls, family: Family) -> Self:
        """Join in the thread's network namespace. Raises as `open_socket` does."""
        joined = open_socket(family, _BATCH, 1 << GROUP_TAP - 1)
        joined.size_receive_buffer(_RECEIVE_BUFFER)
        return cls(family, joined)

    def fileno(self) -> int:
        """Return the descriptor that is readable when records wait."""
        return self._socket.fileno()

    def read(self) -> tuple[int, list[TapRecord]]:
        """Return how many records were lost since the last call, and those that wait."""
        self.names.forget()
        return self._reader.read()

    def close(self) -> None:
        """Leave."""
        self._socket.close()
