# SPDX-License-Identifier: GPL-2.0
"""What systemd hands to us and keeps for us, in the messages of sd_notify(3)."""

import array
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from systemd.daemon import notify

from qverdictd.control import store as stores
from qverdictd.control.store import SystemdStore
from qverdictd.transport.handed import Handed, NoStore

NETFILTER = 12


class Manager:
    """Listens where systemd does; descriptors that come with a message are closed again."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def hear(self) -> tuple[list[str], list[tuple[int, int]]]:
        """Return the lines of a message, and what its descriptors are (device and inode)."""
        text, ancillary, _flags, _from = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
        came: list[tuple[int, int]] = []
        for _level, kind, data in ancillary:
            if kind == socket.SCM_RIGHTS:
                for descriptor in array.array("i", data):
                    came.append(identity(descriptor))
                    os.close(descriptor)
        return text.decode().split("\n"), came


def identity(descriptor: int) -> tuple[int, int]:
    there = os.fstat(descriptor)
    return there.st_dev, there.st_ino


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    listening = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening.socket:
        yield listening


def queue() -> int:
    """Return a socket as systemd makes one for ListenNetlink=netfilter."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETFILTER)
    os.set_inheritable(made.fileno(), True)
    return made.detach()


def closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def test_what_is_offered_is_ready_to_use(manager: Manager) -> None:
    kept, lasting, ledger = queue(), queue(), os.memfd_create("ledger")
    store = SystemdStore(notify, {lasting: "queue", kept: "queue-7", ledger: "ledger-7"})
    assert store.offered() == (
        Handed("queue", lasting, lasting=True),
        Handed("queue-7", kept, lasting=False),
        Handed("ledger-7", ledger, lasting=False),
    )
    assert all(os.get_blocking(descriptor) for descriptor in (kept, lasting))
    assert not any(os.get_inheritable(each.descriptor) for each in store.offered())
    # Of what is closed the number may be somebody else's by now.
    os.close(kept)
    os.dup2(ledger, lasting)
    assert [each.name for each in store.offered()] == ["ledger-7"]
    os.close(lasting)
    os.close(ledger)


def test_what_is_kept_is_offered_no_longer(manager: Manager) -> None:
    kept, other = queue(), queue()
    store = SystemdStore(notify, {kept: "queue-1", other: "queue-2"})
    store.keep("queue-1", kept)
    assert manager.hear() == (["FDSTORE=1", "FDNAME=queue-1", "FDPOLL=0"], [identity(kept)])
    assert [each.name for each in store.offered()] == ["queue-2"]
    store.forget("queue-1")
    assert manager.hear() == (["FDSTOREREMOVE=1", "FDNAME=queue-1"], [])
    os.close(kept)
    os.close(other)


def test_spare_sockets_are_not_spare_any_more_once_kept(manager: Manager) -> None:
    first, second, kept = queue(), queue(), queue()
    store = SystemdStore(notify, {kept: "queue-3", first: "spare", second: "spare"})
    # Forgotten before one is kept by another name, or systemd would forget that.
    assert manager.hear() == (["FDSTOREREMOVE=1", "FDNAME=spare"], [])
    assert [each.name for each in store.offered()] == ["queue-3"]
    taken = store.spare()
    assert taken in (first, second)
    assert os.get_blocking(taken)
    store.keep("queue-0", taken)
    assert manager.hear() == (["FDSTORE=1", "FDNAME=queue-0", "FDPOLL=0"], [identity(taken)])
    store.close()
    assert [closed(each) for each in (first, second)].count(True) == 1
    assert not closed(taken)
    assert store.spare() is None
    for descriptor in (taken, kept):
        os.close(descriptor)


@pytest.mark.parametrize("name", ["queues", "queue-", "queue-123456", "journal-0", "stored", ""])
def test_what_another_version_left_is_let_go(
    manager: Manager, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    descriptor = queue()
    store = SystemdStore(notify, {descriptor: name})
    assert store.offered() == ()
    assert closed(descriptor)
    assert manager.hear() == (["FDSTOREREMOVE=1", f"FDNAME={name}"], [])
    assert f"{name!r} is nothing that this version knows" in capsys.readouterr().err


def test_a_queue_is_a_netlink_socket(manager: Manager, capsys: pytest.CaptureFixture[str]) -> None:
    other = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).detach()
    file = os.memfd_create("queue")
    assert SystemdStore(notify, {other: "queue-0", file: "queue"}).offered() == ()
    assert closed(other)
    assert closed(file)
    assert capsys.readouterr().err.count("is no netlink socket of the netfilter family") == 2


def test_nobody_hands_over_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(stores.from_environment(), NoStore)


def test_what_is_handed_to_another_process_is_not_ours(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    assert stores.from_environment().offered() == ()


def test_numbers_of_descriptors_that_are_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LISTEN_FDS", "99999999999")
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    assert stores.from_environment().offered() == ()
    assert "what LISTEN_FDS hands over cannot be used" in capsys.readouterr().err


def test_who_cannot_be_told_ends_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was to be kept is ours alone then."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/nobody/listens")
    descriptor = os.memfd_create("ledger")
    stores.from_environment().keep("ledger-0", descriptor)
    assert "systemd was not told 'FDSTORE=1" in capsys.readouterr().err
    os.close(descriptor)


def test_descriptors_come_by_number(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a child, whose descriptor 3 is nobody's yet."""
    reading, writing = os.pipe()
    made = queue()
    child = os.fork()
    if not child:
        try:
            os.dup2(writing, 200)
            os.dup2(made, 3)
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="queue")
            (handed,) = stores.from_environment().offered()
            again = stores.from_environment().offered()
            os.write(200, f"{handed} {again}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(made)
    os.close(writing)
    assert os.read(reading, 4096).decode() == f"{Handed('queue', 3, lasting=True)} ()"
    os.close(reading)
