# SPDX-License-Identifier: GPL-2.0
"""What goes to the journal, byte for byte, and that nobody waits for who does not read it."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qverdictd.control.journal_socket import JournalSocket

OURS = b"SYSLOG_IDENTIFIER=qverdictd\n"


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "socket"))
        sock.settimeout(5)
        yield sock


@pytest.fixture
def journal(journald: socket.socket) -> Iterator[JournalSocket]:
    with contextlib.closing(JournalSocket(journald.getsockname())) as journal:
        yield journal


def test_an_entry(journal: JournalSocket, journald: socket.socket) -> None:
    journal.send("ready: ü", PRIORITY="6")
    assert journald.recv(4096) == "MESSAGE=ready: ü\nPRIORITY=6\n".encode() + OURS


def test_lines_are_one_field(journal: JournalSocket, journald: socket.socket) -> None:
    journal.send("two\nlines", PRIORITY="6")
    length = b"\x09\0\0\0\0\0\0\0"
    assert journald.recv(4096) == b"MESSAGE\n" + length + b"two\nlines\nPRIORITY=6\n" + OURS


def test_a_large_one_is_handed_over(journal: JournalSocket, journald: socket.socket) -> None:
    text = "x" * (1 << 20)
    journal.send(text)
    data, (descriptor,), _, _ = socket.recv_fds(journald, 4096, 4)
    assert data == b""
    with os.fdopen(descriptor, "rb+", buffering=0) as file:
        assert file.seek(0) == 0
        assert file.readall() == f"MESSAGE={text}\n".encode() + OURS
        with pytest.raises(PermissionError):  # journald takes none that could be changed
            file.write(b"y")


def test_nobody_waits_for_long(journal: JournalSocket, journald: socket.socket) -> None:
    start = time.monotonic()
    for number in range(2000):
        journal.send(str(number))
    assert time.monotonic() - start < 1
    journald.setblocking(False)
    taken = []
    with contextlib.suppress(BlockingIOError):
        while True:
            taken.append(journald.recv(4096))
    assert taken == [b"MESSAGE=%d\n" % number + OURS for number in range(len(taken))]
    missed = 2000 - len(taken)
    assert missed > 0
    journal.send("again")
    assert journald.recv(4096) == b"MESSAGE=again\n" + OURS
    told = f"{missed} entries are missing here: the journal did not take them"
    assert journald.recv(4096) == f"MESSAGE={told}\nPRIORITY=4\n".encode() + OURS
    journal.send("as before")
    assert journald.recv(4096) == b"MESSAGE=as before\n" + OURS


def test_without_a_journal(tmp_path: Path) -> None:
    none = contextlib.closing(JournalSocket(str(tmp_path / "none")))
    with none as journal, pytest.raises(FileNotFoundError):
        journal.send("x")
