# SPDX-License-Identifier: GPL-2.0
"""What makes the daemon's sockets before it starts: systemd/sockets.py."""

import array
import errno
import importlib.util
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "systemd/sockets.py"
NETFILTER = 12


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(tmp_path / "notify"))
    listening.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return listening


@pytest.fixture
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sockets", FILE)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_new_sockets_take_the_place_of_those_that_were_not_used(manager: socket.socket) -> None:
    subprocess.run([sys.executable, "-IS", FILE, "5"], check=True)
    assert manager.recv(4096) == b"FDSTOREREMOVE=1\nFDNAME=spare"
    text, ((_level, kind, data),), _flags, _from = manager.recvmsg(4096, socket.CMSG_SPACE(1024))
    assert text == b"FDSTORE=1\nFDNAME=spare\nFDPOLL=0"
    assert kind == socket.SCM_RIGHTS
    made = list(array.array("i", data))
    assert len(made) == 5
    for descriptor in made:
        with socket.socket(fileno=descriptor) as one:
            assert (one.family, one.proto) == (socket.AF_NETLINK, NETFILTER)
    manager.close()


def test_as_many_as_there_may_be_queues(manager: socket.socket) -> None:
    subprocess.run([sys.executable, "-IS", FILE, "256"], check=True)
    assert manager.recv(4096).startswith(b"FDSTOREREMOVE=1")
    for _ in range(2):
        _text, made, _flags, _from = socket.recv_fds(manager, 4096, 253)
        assert len(made) == 128
        for descriptor in made:
            os.close(descriptor)
    manager.close()


def test_a_kernel_that_makes_none_is_the_daemon_s_to_tell_of(
    manager: socket.socket,
    module: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPROTONOSUPPORT, os.strerror(errno.EPROTONOSUPPORT))

    monkeypatch.setattr(sys, "argv", ["sockets", "2"])
    monkeypatch.setattr("socket.socket", refused)
    assert module.main() == 0
    assert capsys.readouterr().err == (
        "the kernel makes no netfilter sockets: Protocol not supported\n"
    )
    monkeypatch.undo()
    with pytest.raises(BlockingIOError):
        manager.recv(1)
    manager.close()
