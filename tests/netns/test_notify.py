# SPDX-License-Identifier: GPL-2.0
"""The daemon tells its service manager when things are so, and not before."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns.daemon import Daemon
from tests.netns.lab import Lab
from tests.netns.traffic import Udp, queue_rule

PATIENCE = 60.0


class Manager:
    """Listens as systemd does."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.path = path

    def hear(self, patience: float = PATIENCE) -> dict[str, str] | None:
        """Return what is told next; None if nothing is."""
        self.socket.settimeout(patience)
        try:
            text = self.socket.recv(4096).decode()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in text.split("\n"))

    def hear_state(self) -> dict[str, str]:
        """Return what is told next of the service's state, not of descriptors or the watchdog."""
        while (told := self.hear()) is not None:
            if "STATUS" in told:
                return told
        raise AssertionError("nothing was told")

    def feedings(self, seconds: float) -> int:
        """Count how often the watchdog is fed."""
        end, count = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            count += (self.hear(left) or {}).get("WATCHDOG") == "1"
        return count


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    with contextlib.closing(manager.socket):
        yield manager


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\ndefault: accept\n")
    return file


def started(lab: Lab, rules: Path, manager: Manager, *environment: str) -> Daemon:
    told = ["env", f"NOTIFY_SOCKET={manager.path}", *environment]
    return Daemon(lab, rules, "--transport", "nfqueue", wrapper=told)


def test_states(lab: Lab, rules: Path, manager: Manager) -> None:
    queue_rule(lab)
    daemon = started(lab, rules, manager)
    told = manager.hear_state()
    assert told["READY"] == "1"
    assert told["STATUS"].startswith("judging: queue 0 over nfqueue")
    assert lab.queues("gateway").keys() == {0}
    with Udp(lab) as udp:
        udp.send(b"x")
        assert udp.arrived(1) == [b"x"]
    rules.write_text("version: 1\ndefault: drop\nrules: []\n")
    daemon.reload()
    assert manager.hear_state()["RELOADING"] == "1"
    assert manager.hear_state() == {"READY": "1", "STATUS": f"judging: 0 rules from {rules}"}
    rules.write_text("version: 1\ndefault: dorp\n")
    daemon.reload()
    assert manager.hear_state()["RELOADING"] == "1"
    told = manager.hear_state()
    assert told["READY"] == "1"
    assert told["STATUS"].startswith("not reloaded, the policy before stays in force: ")
    assert f"{rules}:2:10: expected 'accept' or 'drop'" in told["STATUS"]
    daemon.process.send_signal(signal.SIGTERM)
    assert manager.hear_state()["STOPPING"] == "1"
    assert daemon.wait() == 0


def test_what_cannot_start_is_never_ready(lab: Lab, rules: Path, manager: Manager) -> None:
    rules.write_text("version: 2\n")
    assert started(lab, rules, manager).wait() == 78
    assert manager.hear(0.1) is None


def test_the_watchdog(lab: Lab, rules: Path, manager: Manager) -> None:
    queue_rule(lab)
    daemon = started(lab, rules, manager, "WATCHDOG_USEC=400000")
    assert manager.hear_state()["READY"] == "1"
    assert manager.feedings(1) >= 5  # idle
    with Udp(lab) as udp:
        for _ in range(100):
            udp.send(*[b"x"] * 10)
            udp.arrived(10)
    assert manager.feedings(1) >= 5
    daemon.process.send_signal(signal.SIGSTOP)
    manager.feedings(0.3)  # what was on its way
    assert manager.feedings(1) == 0
    daemon.process.send_signal(signal.SIGCONT)
    assert manager.feedings(1) >= 5
    assert daemon.end() == 0
