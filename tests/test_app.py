# SPDX-License-Identifier: GPL-2.0
"""The daemon's loop over a transport that lives in memory."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.app import Daemon, check_policy, make_engine, missing_interfaces
from qverdictd.engine.base import Engine
from qverdictd.errors import Exit, PolicyError, TransportError
from qverdictd.packet.build import build
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.load import load
from qverdictd.transport.base import Fleeting, Losses, Transport

DROP_TELNET = """
version: 1
rules:
  - {name: telnet, match: {proto: tcp, dport: 23}, verdict: drop}
"""
DROP_ALL = "version: 1\ndefault: drop\n"


def packet(number: int, dport: int) -> RawPacket:
    raw = build({"proto": 6, "dport": dport}, b"")
    raw.id = number
    return raw


class Memory(Fleeting):
    """A queue in memory: what is put in is received, what is answered is kept."""

    name = "memory"
    can_requeue = False
    description = "a queue in memory"

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._waiting: list[RawPacket] = []
        self.answered: list[tuple[RawPacket, Decision]] = []
        self.stopped = False
        self.closed = False
        self.broken = False

    def put(self, *packets: RawPacket) -> None:
        self._waiting += packets
        self._theirs.send(b"\0")

    def fileno(self) -> int:
        return self._ours.fileno()

    def receive(self) -> list[RawPacket]:
        if self.broken:
            raise TransportError("the queue is lost")
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(4096)
        packets, self._waiting = self._waiting, []
        return packets

    def answer(self, judged: Sequence[tuple[RawPacket, Decision]]) -> None:
        self.answered += judged

    def stop(self) -> None:
        self.stopped = True

    def losses(self) -> Losses:
        return Losses(id_gaps=3)

    def close(self) -> None:
        self.closed = True
        self._ours.close()
        self._theirs.close()


class Kept(Memory):
    """A queue that somebody keeps when we end."""

    left = False

    def leave(self) -> None:
        self.left = True


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.005)


def run_daemon(
    rules: Path, transports: Sequence[Transport], script: Callable[[], None]
) -> tuple[Exit, Engine]:
    """Run the daemon on this thread, as signals need, and the script on another."""
    engine = make_engine("auto", load(rules))
    daemon = Daemon(rules, engine, transports, (0,), None)
    failures: list[BaseException] = []

    def play() -> None:
        try:
            eventually(lambda: signal.getsignal(signal.SIGTERM) is not nothing)
            script()
        except BaseException as error:
            failures.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def nothing(*_: object) -> None:
        """Outlive the script's SIGTERM where the daemon has ended before it."""

    before = signal.signal(signal.SIGTERM, nothing)
    player = threading.Thread(target=play)
    player.start()
    exit_code = daemon.run()
    player.join()
    signal.signal(signal.SIGTERM, before)
    if failures:
        raise failures[0]
    return exit_code, engine


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(DROP_TELNET)
    return file


def test_each_packet_is_answered_once_in_order(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = Memory()

    def script() -> None:
        for number in range(100):
            queue.put(packet(number, 23 if number % 2 else 80))
        eventually(lambda: len(queue.answered) == 100)

    exit_code, _ = run_daemon(rules, [queue], script)
    assert exit_code is Exit.OK
    assert [raw.id for raw, _ in queue.answered] == list(range(100))
    assert {decision.verdict for raw, decision in queue.answered if raw.id % 2} == {Verdict.DROP}
    told = capsys.readouterr().err
    assert "ready: queue 0 over memory, engine native in Python's loop, 1 rules" in told
    assert "received 100 = accepted 50 + dropped 50 + repeated 0 + requeued 0 + pending 0" in told
    assert "lost or late: ids that never came 3" in told


def test_what_waits_at_sigterm_is_answered_before_the_queue_is_closed(rules: Path) -> None:
    queue = Memory()

    class AtTheLastMoment(Memory):
        """Packets come in while the daemon is told to stop."""

        def stop(self) -> None:
            super().stop()
            self.put(packet(1, 80), packet(2, 23))

    late = AtTheLastMoment()
    run_daemon(rules, [queue, late], lambda: None)
    assert [raw.id for raw, _ in late.answered] == [1, 2]
    assert queue.stopped
    assert late.closed


def test_several_queues_are_served_together(rules: Path) -> None:
    queues = [Memory(), Memory()]

    def script() -> None:
        for number in range(10):
            for queue in queues:
                queue.put(packet(number, 80))
        eventually(lambda: all(len(queue.answered) == 10 for queue in queues))

    run_daemon(rules, queues, script)


def test_sighup_puts_the_new_policy_in_force(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = Memory()

    def script() -> None:
        queue.put(packet(1, 80))
        eventually(lambda: len(queue.answered) == 1)
        rules.write_text(DROP_ALL)
        os.kill(os.getpid(), signal.SIGHUP)
        number = 1

        def dropped() -> bool:
            nonlocal number
            number += 1
            queue.put(packet(number, 80))
            eventually(lambda: queue.answered[-1][0].id == number)
            return queue.answered[-1][1].verdict is Verdict.DROP

        eventually(dropped)

    run_daemon(rules, [queue], script)
    assert queue.answered[0][1].verdict is Verdict.ACCEPT
    assert {decision.generation for _, decision in queue.answered[:-1]} == {1}
    assert queue.answered[-1][1].generation == 2
    assert "reloaded: 0 rules" in capsys.readouterr().err


def test_a_bad_policy_at_sighup_leaves_the_old_one_in_force(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = Memory()
    told: list[str] = []

    def script() -> None:
        rules.write_text("version: 2\n")
        os.kill(os.getpid(), signal.SIGHUP)

        def refused() -> bool:
            told.append(capsys.readouterr().err)
            return "not reloaded" in "".join(told)

        eventually(refused)
        queue.put(packet(1, 23))
        eventually(lambda: len(queue.answered) == 1)

    run_daemon(rules, [queue], script)
    assert queue.answered[0][1].rule == "telnet"
    assert f"{rules}:1:10: expected 1" in "".join(told)


def test_a_queue_that_is_lost_ends_the_daemon_with_its_exit_code(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost, other, kept = Memory(), Memory(), Kept()
    lost.broken = True

    def script() -> None:
        lost.put(packet(1, 80))
        eventually(lambda: lost.closed)

    exit_code, _ = run_daemon(rules, [lost, other, kept], script)
    assert exit_code is Exit.UNAVAILABLE
    assert lost.closed
    assert other.stopped
    assert kept.left, "what waits is the next daemon's"
    assert not kept.stopped
    told = capsys.readouterr().err
    assert "the queue is lost" in told
    assert "not all packets of memory were answered" in told
    assert "received 0 = accepted 0" in told


def test_a_second_sigterm_does_not_cut_the_first_one_short(rules: Path) -> None:
    class Impatient(Memory):
        """While the daemon stops, its operator tells it again."""

        def stop(self) -> None:
            super().stop()
            os.kill(os.getpid(), signal.SIGTERM)
            self.put(packet(1, 80))

    queue = Impatient()
    exit_code, _ = run_daemon(rules, [queue], lambda: None)
    assert exit_code is Exit.OK
    assert len(queue.answered) == 1


def test_a_defect_of_ours_pays_its_packet_with_on_error(
    rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = make_engine("reference", load(rules))
    real = engine.policy

    def broken(policy: object, raw: RawPacket) -> Decision:
        if raw.id == 2:
            raise ZeroDivisionError("a defect")
        return Decision(Verdict.ACCEPT, Reason.DEFAULT)

    monkeypatch.setattr("qverdictd.engine.reference.evaluate", broken)
    for _ in range(2):
        decisions = engine.judge([packet(number, 80) for number in (1, 2, 3)])
        assert [decision.verdict for decision in decisions] == [
            Verdict.ACCEPT,
            real.on_error,
            Verdict.ACCEPT,
        ]
        assert decisions[1].reason is Reason.INTERNAL
    assert capsys.readouterr().err.count("please report it") == 1


def test_a_policy_that_sends_packets_in_circles_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\nrules:\n  - {name: round, verdict: {queue: 3}}\n")
    policy = load(file)
    queue = Memory()
    with pytest.raises(PolicyError, match=r"rules.yaml:3:5: rule 'round' .* go round for ever"):
        check_policy(policy, [], (2, 3))
    with pytest.raises(PolicyError, match=r"transport memory cannot requeue: use transport: nfq"):
        check_policy(policy, [queue], (0,))
    queue.name = "ipqueue"
    with pytest.raises(PolicyError, match=r"ipqueue cannot requeue: unload the module and use"):
        check_policy(policy, [queue], (0,))
    queue.close()
    check_policy(policy, [], (0,))


@pytest.mark.parametrize(
    ("asked", "given"), [("auto", "native"), ("native", "native"), ("reference", "reference")]
)
def test_the_engine_that_is_asked_for_judges(asked: str, given: str, rules: Path) -> None:
    assert make_engine(asked, load(rules)).name == given


def test_interfaces_that_are_not_there_are_named(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "version: 1\nrules:\n"
        "  - {name: a, match: {in: [lo, nosuch0], out: {not: gone*}}, verdict: drop}\n"
        "  - {name: b, match: {any: [{out: nosuch0}, {not: {in: nosuch1}}]}, verdict: drop}\n"
    )
    with socket.socket(socket.AF_UNIX) as here:
        missing = missing_interfaces(load(file), here.fileno())
    assert missing == {"nosuch0": "a", "nosuch1": "b"}
