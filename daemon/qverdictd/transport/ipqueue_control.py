# SPDX-License-Identifier: GPL-2.0
"""The socket by whose options one of ip_queue's queues is looked at and set."""

import ctypes
import errno
import os
import socket
from typing import Self

from qverdictd.errors import TransportError
from qverdictd.transport.ipqueue_family import Family, refusal
from qverdictd.wire.ipqueue_control import (
    SETTINGS_SIZE,
    SO_SETTINGS,
    SO_STATS,
    STATISTICS_SIZE,
    Settings,
    Statistics,
    decode_settings,
    decode_statistics,
    encode_settings,
    encode_version,
)

_libc = ctypes.CDLL(None, use_errno=True)


class ControlSocket:
    """One queue's door, in the network namespace of the thread that opened it."""

    def __init__(self, sock: socket.socket, family: Family) -> None:
        self._socket = sock
        self._family = family

    @classmethod
    def open(cls, family: Family) -> Self:
        """Open the door, which may have nothing behind it. Raises `TransportError`."""
        try:
            return cls(socket.socket(family.number, socket.SOCK_DGRAM), family)
        except OSError as error:
            raise TransportError(f"no {family.name} socket: {error.strerror}") from error

    def statistics(self) -> Statistics:
        """Return the queue's state and counters. Raises `TransportError`."""
        return decode_statistics(self._get(SO_STATS, STATISTICS_SIZE))

    def settings(self) -> Settings:
        """Return the settings in force. Raises `TransportError`."""
        return decode_settings(self._get(SO_SETTINGS, SETTINGS_SIZE))

    def change(self, settings: Settings) -> None:
        """Change what the mask of ``settings`` selects. Raises `TransportError`."""
        self._set(SO_SETTINGS, encode_settings(settings))

    def reset(self) -> None:
        """Let the counters begin at 0 again. Raises `TransportError`."""
        self._set(SO_STATS, None)

    def _get(self, option: int, size: int) -> bytes:
        # socket.getsockopt hands in bytes that are not set; the module wants to read a version.
        value = ctypes.create_string_buffer(encode_version(size), size)
        length = ctypes.c_uint32(size)
        if _libc.getsockopt(
            self._socket.fileno(), self._family.level, option, value, ctypes.byref(length)
        ):
            raise refusal(self._family, ctypes.get_errno())
        return value.raw[: length.value]

    def _set(self, option: int, value: bytes | None) -> None:
        try:
            if value is None:
                self._socket.setsockopt(self._family.level, option, None, 0)
            else:
                self._socket.setsockopt(self._family.level, option, value)
        except OSError as error:
            raise refusal(self._family, error.errno or errno.EIO) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def has_family(family: Family) -> bool:
    """Say whether the kernel has the family at all: it can be booted without IPv6."""
    try:
        os.close(socket.socket(family.number, socket.SOCK_DGRAM).detach())
    except OSError as error:
        return error.errno != errno.EAFNOSUPPORT
    return True
