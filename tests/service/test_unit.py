# SPDX-License-Identifier: GPL-2.0
"""The unit under systemd: started, judged by, reloaded, stopped, killed, hung."""

import threading
import time

import pytest

from qverdictd.control.journal import Event
from tests.netns.datagrams import Datagrams
from tests.netns.traffic import PORT, Udp, eventually, queue_rule
from tests.service.machine import UNIT, Machine

WINDOW = 500
"""Datagrams that may be on their way."""
EXPOSURE = 6
"""As systemd-analyze counts, 6 is 0.6."""
POLICY = """version: 1
default: accept
rules:
  - {name: refuse, match: {proto: udp, payload: {text: refuse me}}, verdict: drop, log: true}
"""


@pytest.fixture
def running(machine: Machine) -> Machine:
    """Start the service, and send all that the gateway forwards to its queue."""
    machine.path("/etc/qverdictd/rules.yaml").write_text(POLICY)
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    queue_rule(machine.lab, family=6)
    return machine


def test_packets_are_judged_under_least_rights(running: Machine) -> None:
    assert running.property("ActiveState") == "active"
    assert running.property("StatusText").startswith("judging: queue 0 over nfqueue, engine native")
    for family in (4, 6):
        with Udp(running.lab, family) as udp:
            udp.send(b"refuse me", b"yes")
            assert udp.arrived(1) == [b"yes"]
    # The rights are what the gate below weighs: on the unit as it is loaded, drop-ins and all.
    words = ["systemd-analyze", "security", f"--threshold={EXPOSURE}", "--no-pager", UNIT]
    done = running.run(*words)
    assert done.returncode == 0, done.stdout
    pid = running.property("MainPID")
    status = dict(
        line.split(":\t", 1) for line in running.do("cat", f"/proc/{pid}/status").splitlines()
    )
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0000000000001000"}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert set(status["Uid"].split()) == {running.do("id", "-u", "qverdictd").strip()}


def test_the_journal_has_fields(running: Machine) -> None:
    with Udp(running.lab) as udp:
        udp.send(b"refuse me")
        eventually(lambda: bool(running.entries(Event.LOGGED)))
    (logged,) = running.entries(Event.LOGGED)
    assert logged["QVERDICT_RULE"] == "refuse"
    assert logged["QVERDICT_VERDICT"] == "drop"
    assert logged["QVERDICT_DPORT"] == str(PORT)
    assert logged["SYSLOG_IDENTIFIER"] == "qverdictd"
    (ready,) = running.entries(Event.READY)
    assert ready["QVERDICT_RULES"] == "1"
    explained = running.journal("-x", f"MESSAGE_ID={Event.READY.value}")
    assert "ready: queue 0" in explained
    catalog = running.do("journalctl", "--list-catalog", "--no-pager")
    assert all(event.value in catalog for event in Event)


def test_the_kernel_s_counters_can_be_read(running: Machine) -> None:
    assert "drop counters are not readable" not in running.journal()


class Sender:
    """Sends numbered datagrams for as long as the block lasts, not far ahead of what arrives."""

    def __init__(self, machine: Machine) -> None:
        self.sent = 0
        self.datagrams = Datagrams(machine.lab, (PORT,))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        while not self._stop.is_set():
            self.datagrams.send(PORT, self.sent.to_bytes(4))
            self.sent += 1
            while self.sent - self.datagrams.count > WINDOW and not self._stop.is_set():
                self.datagrams.read(0.01)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self.datagrams.read_until(self.sent)
        self.datagrams.__exit__()

    def moving(self, machine: Machine) -> None:
        """Wait until a good many more have arrived."""
        more = self.datagrams.count + 500
        machine.wait_for(lambda: self.datagrams.count > more)

    @property
    def numbers(self) -> list[int]:
        """The numbers that arrived, in their order."""
        return [int.from_bytes(data) for data in self.datagrams.arrived[PORT]]


def queued(machine: Machine) -> int:
    """Return how many packets the gateway has sent to the queue."""
    return machine.lab.rules("gateway", "FORWARD")[0].packets


def summed_up(machine: Machine) -> str:
    """Return what the daemon, stopped, says of all packets."""
    told = [entry["MESSAGE"] for entry in machine.entries(Event.STOPPED)]
    assert "lost or late: nothing" in told
    return next(text for text in told if text.startswith("received "))


def test_reloads_under_load_lose_nothing(running: Machine) -> None:
    pid = running.property("MainPID")
    with Sender(running) as sender:
        for _ in range(5):
            running.do("systemctl", "reload", UNIT)
            sender.moving(running)
        running.path("/etc/qverdictd/rules.yaml").write_text("version: 1\ndefault: dorp\n")
        assert running.run("systemctl", "reload", UNIT).returncode != 0
        running.wait_for(lambda: "dorp" in running.property("StatusText"))
        sender.moving(running)
        running.path("/etc/qverdictd/rules.yaml").write_text(POLICY)
        running.do("systemctl", "reload", UNIT)
        running.wait_for(lambda: "dorp" not in running.property("StatusText"))
    count = queued(running)
    assert count > 3000
    assert sender.numbers == list(range(count))
    assert running.property("MainPID") == pid
    (refused,) = running.entries(Event.NOT_RELOADED)
    assert "rules.yaml:2:10: expected 'accept' or 'drop'" in refused["MESSAGE"]
    assert refused["PRIORITY"] == "3"
    running.do("systemctl", "stop", UNIT)
    assert summed_up(running).startswith(f"received {count} = accepted {count} ")


def test_stop_answers_every_packet(running: Machine) -> None:
    with Sender(running) as sender:
        sender.moving(running)
        running.lab.iptables("gateway", "-I", "FORWARD", "-j", "ACCEPT")  # as detach has it
        running.do("systemctl", "stop", UNIT)
        sender.moving(running)
    # What goes past overtakes what waits: all are there, but not in order.
    assert sorted(sender.numbers) == list(range(sender.sent))
    assert running.property("Result") == "success"
    assert summed_up(running).endswith("pending 0")


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"])
def test_who_is_killed_comes_back(running: Machine, signal: str) -> None:
    pid = running.property("MainPID")
    running.do("kill", "-s", signal, pid)
    running.wait_for(lambda: running.property("MainPID") not in (pid, "0"), 10)
    running.wait_for(lambda: running.property("ActiveState") == "active", 10)
    with Udp(running.lab) as udp:
        udp.send(b"refuse me", b"yes")
        assert udp.arrived(1) == [b"yes"]


def test_who_hangs_is_replaced(running: Machine) -> None:
    pid = running.property("MainPID")
    start = time.monotonic()
    running.do("kill", "-s", "SIGSTOP", pid)
    running.wait_for(lambda: running.property("MainPID") != pid, 10)
    # The watchdog's time, the start, and what ending it takes on a machine that others use too.
    assert time.monotonic() - start < 5
    running.wait_for(lambda: running.property("ActiveState") == "active", 10)
    with Udp(running.lab) as udp:
        udp.send(b"yes")
        assert udp.arrived(1) == [b"yes"]
    assert "watchdog" in running.do("journalctl", "--no-pager", "-o", "cat", "-u", UNIT)


def test_the_manager_anew_changes_nothing(running: Machine) -> None:
    pid = running.property("MainPID")
    with Sender(running) as sender:
        running.do("systemctl", "daemon-reexec")
        sender.moving(running)
    assert sender.numbers == list(range(sender.sent))
    assert running.property("MainPID") == pid
