# SPDX-License-Identifier: GPL-2.0
"""Many datagrams from a netlink socket in one system call, each with its sender's port id.

Python's own socket reads one datagram a call. The layouts here are those of recvmmsg(2) and of
``struct sockaddr_nl`` (linux/netlink.h).
"""

import ctypes
import errno
import os
import socket
from mmap import mmap
from operator import add

_libc = ctypes.CDLL(None, use_errno=True)


class _Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class _Msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Mmsghdr(ctypes.Structure):
    _fields_ = [("hdr", _Msghdr), ("len", ctypes.c_uint)]


class _SockaddrNl(ctypes.Structure):
    _fields_ = [
        ("family", ctypes.c_ushort),
        ("pad", ctypes.c_ushort),
        ("pid", ctypes.c_uint32),
        ("groups", ctypes.c_uint32),
    ]


_WORD = ctypes.sizeof(ctypes.c_uint)


class Receiver:
    """Reads up to ``count`` datagrams of up to ``room`` bytes a call into one buffer of its own."""

    def __init__(self, descriptor: int, *, count: int, room: int, slack: int) -> None:
        """Take ``room`` as a multiple of 4; ``slack`` bytes follow the last datagram's room."""
        self._descriptor = descriptor
        self._count = count
        #: The memory is taken when it is first written, so room for large packets costs nothing.
        self.buffer = mmap(-1, count * room + slack)
        self._starts = tuple(range(0, count * room, room))
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        self._senders = (_SockaddrNl * count)()
        self._iovecs = (_Iovec * count)(*(_Iovec(base + start, room) for start in self._starts))
        self._messages = (_Mmsghdr * count)()
        for index, message in enumerate(self._messages):
            message.hdr.name = ctypes.addressof(self._senders[index])
            message.hdr.namelen = ctypes.sizeof(_SockaddrNl)
            message.hdr.iov = ctypes.addressof(self._iovecs[index])
            message.hdr.iovlen = 1
        # The two columns that each call fills, as views with a stride: reading them costs no
        # object a field.
        words = memoryview(self._messages).cast("B").cast("I")
        self._sizes = words[_Mmsghdr.len.offset // _WORD :: ctypes.sizeof(_Mmsghdr) // _WORD]
        words = memoryview(self._senders).cast("B").cast("I")
        self._portids = words[
            _SockaddrNl.pid.offset // _WORD :: ctypes.sizeof(_SockaddrNl) // _WORD
        ]

    def receive(self) -> list[tuple[int, int, int]]:
        """Return where in `buffer` each datagram that waits starts and ends, and its sender.

        The sender is a netlink port id, 0 for the kernel. The bytes are valid until the next
        call. Never blocks: an empty list says that nothing waits. A datagram larger than its room
        is cut to it. Raises `OSError`.
        """
        while True:
            got = _libc.recvmmsg(
                self._descriptor, self._messages, self._count, socket.MSG_DONTWAIT, None
            )
            if got >= 0:
                break
            code = ctypes.get_errno()
            if code == errno.EAGAIN:
                return []
            if code not in (errno.EINTR, errno.ENOBUFS):
                raise OSError(code, os.strerror(code))
            # ENOBUFS says once that datagrams were lost; those that wait are still there. What
            # was lost shows in the ids and in the kernel's counters.
        starts = self._starts[:got]
        sizes = self._sizes[:got].tolist()
        return list(zip(starts, map(add, starts, sizes), self._portids[:got].tolist(), strict=True))
