# SPDX-License-Identifier: GPL-2.0
"""The netlink socket that a queue belongs to."""

import contextlib
import errno
import os
import socket
from typing import Self

from qverdictd.errors import TransportError
from qverdictd.transport.recvmmsg import Receiver
from qverdictd.transport.refusal import no_nfqueue, no_socket
from qverdictd.wire.netlink import NETLINK_NETFILTER
from qverdictd.wire.packet_message import SLACK

_SOL_NETLINK = 270  # linux/socket.h
_NETLINK_NO_ENOBUFS = 5
_NETLINK_CAP_ACK = 10
_SO_SNDBUFFORCE = 32  # asm-generic/socket.h, for these two
_SO_RCVBUFFORCE = 33

_BATCH = 128
"""Messages a read: with twice as many a packet costs no less."""
_ROOM = 68 * 1024
"""Bytes for a message: a payload of up to 65,535, and what goes before it."""
_SEND_BUFFER = 1 << 20
"""Bytes of verdicts a send: room for a batch of rewritten packets of 1,500 bytes several times."""
_SEND_OVERHEAD = 32
"""What ``netlink_sendmsg`` keeps of the send buffer for itself."""
_BUFFER_MAX = (1 << 30) - 1
"""The kernel doubles what it is asked for, and stays below 2 GiB."""


def netfilter_socket(descriptor: int) -> socket.socket | None:
    """Return the socket behind a descriptor if it is one of the netfilter family, as its owner."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        return None
    if (found.family, found.proto) == (socket.AF_NETLINK, NETLINK_NETFILTER):
        return found
    found.detach()
    return None


class NetlinkSocket:
    """A socket of the netfilter family, read many messages at a time."""

    def __init__(self, sock: socket.socket, batch: int = _BATCH) -> None:
        """Take ``sock`` over, to read up to ``batch`` datagrams at a time. Raises `OSError`."""
        self._socket = sock
        # From now on the kernel refuses what others send to us: native workers rely on it. What
        # came before is known by its sender's port id.
        sock.connect((0, 0))
        # An overrun is seen in the ids and the kernel's counters. Told of it by ENOBUFS we would
        # know no more, and would have to tell this error from those that end the queue.
        sock.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
        with contextlib.suppress(OSError):  # before Linux 4.2: errors repeat the verdict, no more
            sock.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._set_buffer(_SO_SNDBUFFORCE, socket.SO_SNDBUF, _SEND_BUFFER)
        self.send_limit = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - _SEND_OVERHEAD
        self._receiver = Receiver(sock.fileno(), count=batch, room=_ROOM, slack=SLACK)
        self.buffer = self._receiver.buffer
        self.receive = self._receiver.receive

    @classmethod
    def open(cls) -> Self:
        """Make a socket with a port id that the kernel chose. Raises `TransportError`."""
        try:
            sock = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
            )
        except OSError as error:
            if error.errno == errno.EPROTONOSUPPORT:
                raise no_nfqueue() from error
            if error.errno == errno.EAFNOSUPPORT:
                raise no_socket() from error
            raise TransportError(f"no netlink socket: {error.strerror}") from error
        sock.bind((0, 0))
        return cls(sock)

    @classmethod
    def of(cls, descriptor: int) -> Self:
        """Share the socket behind ``descriptor``, which stays its owner's to close."""
        return cls(socket.socket(fileno=os.dup(descriptor)))

    @property
    def portid(self) -> int:
        """The port id by which the kernel knows us."""
        portid: int = self._socket.getsockname()[0]
        return portid

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Send to the kernel, which has handled all of it on return. Raises `OSError`.

        The kernel takes all or nothing, and puts its answers into the receive buffer.
        """
        self._socket.send(data)

    def size_receive_buffer(self, size: int) -> int:
        """Ask for room for ``size`` bytes as the kernel counts them; return what is granted."""
        self._set_buffer(_SO_RCVBUFFORCE, socket.SO_RCVBUF, min(size // 2, _BUFFER_MAX))
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def _set_buffer(self, force: int, ask: int, size: int) -> None:
        """Set a buffer's size past the system's limit if we may, else up to it."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, force, size)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, ask, size)

    def close(self) -> None:
        """Close the descriptor."""
        self._socket.close()
