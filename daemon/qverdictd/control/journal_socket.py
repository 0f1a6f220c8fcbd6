# SPDX-License-Identifier: GPL-2.0
"""Entries for the journal, in its own protocol, by somebody who can not wait for it.

The protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. libsystemd's sender waits as long as
journald does not read, and its Python binding lets no other thread go on meanwhile: a journald
whose disk hangs would hang us, and with us the packets.
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
import threading
from typing import BinaryIO

PATH = "/run/systemd/journal/socket"
_PATIENCE_US = 100_000
"""For so long journald is waited for; who has not read by then is not waited for until it does."""
_OURS = {"SYSLOG_IDENTIFIER": "qverdictd"}
_TOO_LARGE = (errno.EMSGSIZE, errno.ENOBUFS)
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL


class JournalSocket:
    """Makes entries. What journald does not take in time is left out, and told of later."""

    def __init__(self, path: str = PATH) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._missed = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        patience = struct.pack("@ll", 0, _PATIENCE_US)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)

    def send(self, message: str, **fields: str) -> None:
        """Make an entry. Raises OSError where there is no journal."""
        with self._lock:
            try:
                self._post(encoded({"MESSAGE": message, **fields, **_OURS}))
            except BlockingIOError:
                self._missed += 1
                return
            if self._missed:
                text = f"{self._missed} entries are missing here: the journal did not take them"
                with contextlib.suppress(BlockingIOError):
                    self._post(encoded({"MESSAGE": text, "PRIORITY": "4", **_OURS}))
                    self._missed = 0

    def close(self) -> None:
        """Make no more entries."""
        self._socket.close()

    def _post(self, data: bytes) -> None:
        flags = socket.MSG_DONTWAIT if self._missed else 0
        try:
            self._socket.sendmsg([data], [], flags, self._path)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            with _sealed(data) as file:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", file.fileno()))
                self._socket.sendmsg([], [rights], flags, self._path)


def encoded(fields: dict[str, str]) -> bytes:
    """Return an entry as journald reads it."""
    lines = []
    for name, text in fields.items():
        value = text.encode(errors="replace")
        if b"\n" in value:
            lines.append(name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n")
        else:
            lines.append(name.encode() + b"=" + value + b"\n")
    return b"".join(lines)


def _sealed(data: bytes) -> BinaryIO:
    """Return memory with an entry that is too large for a message; nobody can change it."""
    descriptor = os.memfd_create("entry", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    file = os.fdopen(descriptor, "wb", buffering=0)
    file.write(data)
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return file
