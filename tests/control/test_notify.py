# SPDX-License-Identifier: GPL-2.0
"""What a service manager hears: in words as sd_notify(3) has them, and only what is true."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from qverdictd.control.notify import Notifier, Served


class Source(Served):
    """Packets that move, or do not."""

    def __init__(self) -> None:
        self.moved = 0
        self.busy = False

    def progress(self) -> int:
        return self.moved

    def waiting(self) -> bool:
        return self.busy


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("qverdictd.control.notify.time.monotonic", clock.monotonic)
    return clock


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Be the service manager of this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.delenv("WATCHDOG_USEC", raising=False)
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        yield listening


def heard(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def test_the_words(manager: socket.socket) -> None:
    notifier = Notifier.from_environment()
    notifier.ready("judging: queue 0")
    assert heard(manager) == ["READY=1", "STATUS=judging: queue 0"]
    notifier.reloading()
    reloading, moment, status = heard(manager)
    assert (reloading, status) == ("RELOADING=1", "STATUS=loading the policy again")
    assert int(moment.removeprefix("MONOTONIC_USEC=")) > 0
    notifier.ready("not reloaded:\na.yaml:1:1: bad\na.yaml:2:1: " + "x" * 600)
    _ready, status = heard(manager)
    assert status.startswith("STATUS=not reloaded: a.yaml:1:1: bad; a.yaml:2:1: xxx")
    assert len(status) == 507
    notifier.status("judging: 1 rules\nset 'a' stays as it was:\na.txt:1:1: bad")
    assert heard(manager) == ["STATUS=judging: 1 rules; set 'a' stays as it was: a.txt:1:1: bad"]
    notifier.stopping()
    assert heard(manager)[0] == "STOPPING=1"


@pytest.mark.parametrize(("pid", "watched"), [(None, True), (str(os.getpid()), True), ("1", False)])
def test_whose_watchdog_it_is(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, pid: str | None, watched: bool
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert (Notifier.from_environment().patience is not None) == watched


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    notifier = Notifier.from_environment()
    notifier.ready("x")
    notifier.feed([Source()])
    assert notifier.patience is None


def fed(clock: Clock, sources: list[Source], *steps: tuple[int, bool]) -> list[bool]:
    """Let packets move and wait; return which of the feedings there were."""
    sent: list[str] = []
    notifier = Notifier(sent.append, watchdog=2.0)
    told = []
    for moved, busy in steps:
        sources[-1].moved += moved
        sources[-1].busy = busy
        before = len(sent)
        notifier.feed(sources)
        told.append(sent[before:] == ["WATCHDOG=1"])
        assert notifier.patience == 0.5
        clock.now += 0.5
    return told


def test_it_is_fed_while_packets_move_or_none_wait(clock: Clock) -> None:
    assert fed(clock, [Source()], (0, False), (0, False), (1, True), (5, True), (1, False)) == (
        [True] * 5
    )


def test_it_is_not_fed_while_packets_wait_and_none_moves(clock: Clock) -> None:
    steps = [(1, True), (0, True), (0, True), (1, True), (0, False), (0, True)]
    assert fed(clock, [Source()], *steps) == [True, False, False, True, True, False]


def test_one_queue_that_is_stuck_is_enough(clock: Clock) -> None:
    assert fed(clock, [Source(), Source()], (1, True), (0, True)) == [True, False]


def test_not_more_often_than_needed(clock: Clock) -> None:
    sent: list[str] = []
    notifier = Notifier(sent.append, watchdog=2.0)
    assert notifier.patience == 0
    for _ in range(100):
        notifier.feed([])
        clock.now += 0.0102
    assert len(sent) == 2
    clock.now += 60
    assert notifier.patience == 0


def test_what_waits_on_a_descriptor() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        served = Served(ours.fileno(), lambda: 0)
        assert not served.waiting()
        theirs.send(b"x")
        assert served.waiting()
        ours.recv(1)
        assert not served.waiting()


@pytest.mark.parametrize("error", [InterruptedError(4, "Interrupted"), ConnectionRefusedError()])
def test_a_manager_that_does_not_listen_ends_nobody(error: OSError) -> None:
    """A signal may come while its socket is full; it may be away while it is replaced."""
    heard: list[str] = []
    errors = [error]

    def send(text: str) -> None:
        if errors:
            raise errors.pop()
        heard.append(text)

    notifier = Notifier(send)
    notifier.ready("judging")
    notifier.stopping()
    stopping = "STOPPING=1\nSTATUS=answering the packets that wait"
    again = ["READY=1\nSTATUS=judging"] if isinstance(error, InterruptedError) else []
    assert heard == [*again, stopping]
