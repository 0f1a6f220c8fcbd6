# SPDX-License-Identifier: GPL-2.0
"""A daemon that is killed or replaced while somebody keeps its descriptors loses no packet."""

import itertools
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qverdictd.errors import Exit
from qverdictd.transport.nfqueue import NfqueueTransport
from tests.netns.daemon import Daemon
from tests.netns.datagrams import Datagrams
from tests.netns.lab import SERVER, Lab
from tests.netns.manager import Manager
from tests.netns.traffic import PATIENCE, PORT, Udp, eventually, held, queue_rule

PORTS = (4001, 4002, 4003, 4004)
MARKED = """version: 1
default: drop
rules: [{name: marked, match: {mark: 77}, verdict: accept}]
"""
ENGINES = pytest.mark.parametrize("engine", ["native", "reference"])
REWRITTEN = """version: 1
default: accept
rules: [{name: ttl, match: {proto: tcp}, rewrite: [{set: {ttl: 40}}], verdict: accept}]
"""
STREAM = 8 << 20
POISONED = """version: 1
default: accept
on_error: drop
rules: [{name: search, match: {payload: {text: poison}}, verdict: accept}]
"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path) as manager:
        yield manager


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\ndefault: accept\n")
    return file


class Flows:
    """Numbered datagrams to several ports, not far ahead of what arrives, while the block lasts."""

    def __init__(self, lab: Lab, window: int = 200) -> None:
        self.sent = 0
        self._window = window
        self.datagrams = Datagrams(lab, PORTS)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        while not self._stop.is_set():
            self.datagrams.send(PORTS[self.sent % len(PORTS)], self.sent.to_bytes(4))
            self.sent += 1
            while self.sent - self.datagrams.count > self._window and not self._stop.is_set():
                self.datagrams.read(0.01)
            self.datagrams.read()

    def __enter__(self) -> "Flows":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self.datagrams.read_until(self.sent)
        self.datagrams.__exit__()

    def move(self, count: int = 500) -> None:
        """Wait until so many more have arrived."""
        more = self.datagrams.count + count
        eventually(lambda: self.datagrams.count > more)

    def wait_full(self) -> None:
        """Wait until as many are on their way as may be."""
        eventually(lambda: self.sent - self.datagrams.count > self._window)

    def check(self) -> None:
        """Each flow arrived whole, once, and in order."""
        for start, port in enumerate(PORTS):
            numbers = [int.from_bytes(data) for data in self.datagrams.arrived[port]]
            assert numbers == list(range(start, self.sent, len(PORTS)))


def kill(daemon: Daemon, number: int = signal.SIGKILL) -> None:
    daemon.process.send_signal(number)
    daemon.wait()


def built(source: str, place: Path) -> Path:
    """Compile what LD_PRELOAD puts before the C library."""
    library = place / f"{source}.so"
    text = Path(__file__).with_name(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, text], check=True)
    return library


@ENGINES
def test_kills_under_load_lose_nothing(
    lab: Lab, manager: Manager, rules: Path, engine: str
) -> None:
    queue_rule(lab)
    daemon = manager.start(lab, rules, "--engine", engine).wait_ready()
    with Flows(lab) as flows:
        for _ in range(4):
            flows.move()
            kill(daemon)
            time.sleep(0.1)
            daemon = manager.start(lab, rules, "--engine", engine).wait_ready()
            assert daemon.wait_for_words("queue 0 taken over")
        flows.move()
    flows.check()
    assert lab.queues("gateway").keys() == {0}
    assert daemon.end() == 0
    assert daemon.summary().lost == "nothing"
    # The books of all lives: what those killed had done is in the ledger.
    before = next(line for line in daemon.said if "taken over" in line)
    answered = int(re.search(r"(\d+) were answered before", before)[1])  # type: ignore[index]
    assert answered + daemon.summary().received == flows.sent


@ENGINES
def test_who_holds_a_lasting_socket_can_end_and_come_back(
    lab: Lab, manager: Manager, rules: Path, engine: str
) -> None:
    """Packets that come while nobody runs wait in it; the first daemon finds it without a queue."""
    manager.make_socket(lab)
    queue_rule(lab)
    daemon = manager.start(lab, rules, "--engine", engine).wait_ready()
    assert not any("taken over" in line for line in daemon.said)
    with Flows(lab) as flows:
        flows.move()
        assert daemon.end() == 0
        flows.wait_full()
        daemon = manager.start(lab, rules, "--engine", engine).wait_ready()
        flows.move()
    flows.check()
    assert manager.kept.keys() == {"queue", "ledger-0"}
    assert daemon.end() == 0
    assert lab.queues("gateway").keys() == {0}


def test_kills_within_a_takeover(lab: Lab, manager: Manager, rules: Path, tmp_path: Path) -> None:
    """Each daemon gets one system call further than the one before."""
    shim = built("dying.c", tmp_path)
    queue_rule(lab)
    daemon = manager.start(lab, rules).wait_ready()
    with Flows(lab, 100) as flows:
        flows.move()
        kill(daemon)
        flows.wait_full()
        for calls in itertools.count(1):
            dying = f"LD_PRELOAD={shim} DIE_AFTER={calls}"
            daemon = manager.start(lab, rules, environment=dying)
            if daemon.wait_for_words("ready:"):
                break
            assert daemon.wait() == -signal.SIGKILL
        kill(daemon)
        daemon = manager.start(lab, rules).wait_ready()
        flows.move()
    flows.check()
    assert calls > 10
    assert lab.queues("gateway").keys() == {0}
    assert daemon.end() == 0
    assert daemon.summary().lost == "nothing"


def test_a_queue_that_is_no_longer_configured_is_given_back(
    lab: Lab, manager: Manager, rules: Path
) -> None:
    queue_rule(lab, number=7)
    daemon = manager.start(lab, rules, "--queue", "7").wait_ready()
    with Udp(lab) as udp:
        daemon.process.send_signal(signal.SIGSTOP)
        udp.send(b"a", b"b", b"c")
        kill(daemon)
        daemon = manager.start(lab, rules, "--queue", "8").wait_ready()
        assert daemon.wait_for_words("queue 7 is no longer configured and was given back; 3 pack")
    assert lab.queues("gateway").keys() == {8}
    assert manager.kept.keys() == {"queue-7", "ledger-8"}
    daemon.end()


def test_a_ledger_of_garbage_costs_no_packet(lab: Lab, manager: Manager, rules: Path) -> None:
    queue_rule(lab)
    daemon = manager.start(lab, rules).wait_ready()
    with Udp(lab) as udp:
        daemon.process.send_signal(signal.SIGSTOP)
        udp.send(b"a", b"b")
        kill(daemon)
        os.pwrite(manager.kept["ledger-0"], os.urandom(64), 0)
        daemon = manager.start(lab, rules).wait_ready()
        assert udp.arrived(2) == [b"a", b"b"]
        assert daemon.wait_for_words("cannot be used: it is no ledger of this version")
    daemon.end()


def test_the_queue_to_move_to_is_another_s(lab: Lab, manager: Manager, rules: Path) -> None:
    """Nothing is lost: the packets wait until it is free."""
    queue_rule(lab)
    daemon = manager.start(lab, rules).wait_ready()
    with Udp(lab) as udp:
        daemon.process.send_signal(signal.SIGSTOP)
        udp.send(b"a", b"b")
        kill(daemon)
        with held(lab, NfqueueTransport, 0x8000):
            daemon = manager.start(lab, rules)
            assert daemon.wait_for_words("queue 0 cannot be taken over: queue 32768 is held by")
            assert daemon.wait() == Exit.UNAVAILABLE
        daemon = manager.start(lab, rules).wait_ready()
        assert udp.arrived(2) == [b"a", b"b"]
    daemon.end()


def test_marks_survive(lab: Lab, manager: Manager, rules: Path) -> None:
    rules.write_text(
        "version: 1\ndefault: drop\nrules: [{name: m, match: {mark: 77}, verdict: accept}]\n"
    )
    lab.iptables("gateway", "-t", "mangle", "-A", "FORWARD", "-j", "MARK", "--set-mark", "77")
    queue_rule(lab)
    daemon = manager.start(lab, rules).wait_ready()
    with Udp(lab) as udp:
        daemon.process.send_signal(signal.SIGSTOP)
        udp.send(b"a", b"b")
        kill(daemon)
        daemon = manager.start(lab, rules).wait_ready()
        assert udp.arrived(2) == [b"a", b"b"]
    daemon.end()


def test_what_faults_twice_is_not_judged_a_third_time(
    lab: Lab, manager: Manager, rules: Path, tmp_path: Path
) -> None:
    """Other packets wait with it, of which none may be lost."""
    defect = built("poison.c", tmp_path)
    rules.write_text(POISONED)
    queue_rule(lab)

    def start() -> Daemon:
        return manager.start(lab, rules, environment=f"LD_PRELOAD={defect}")

    daemon = start().wait_ready()
    with Udp(lab) as udp:
        daemon.process.send_signal(signal.SIGSTOP)
        sent = [b"%d" % number for number in range(40)]
        udp.send(*sent[:20], b"poison", *sent[20:30], b"poison", *sent[30:])
        daemon.process.send_signal(signal.SIGCONT)
        ends = 0
        while ends == 0 or not daemon.wait_for_words("ready:"):
            assert daemon.wait() == -signal.SIGSEGV
            ends += 1
            daemon = start()
        assert udp.arrived(len(sent)) == sent
        # The first with a batch around it, then alone; and so the second, which waited meanwhile.
        assert ends == 4
        said = "\n".join(daemon.said)
        assert said.count("quarantined: ") == 1
        udp.send(b"after")
        assert udp.arrived(1) == [b"after"]
    assert daemon.end() == 0


def test_streams_survive_kills(lab: Lab, manager: Manager, rules: Path) -> None:
    """TCP's packets are larger than the link's frames, and their checksums partial."""
    rules.write_text(REWRITTEN)
    queue_rule(lab)
    daemon = manager.start(lab, rules, "--queue", "0").wait_ready()
    data = random.Random(0).randbytes(STREAM)
    with lab.inside("server"):
        listener = socket.create_server((SERVER[4], PORT))
    got = bytearray()

    def receive() -> None:
        connection, _ = listener.accept()
        with connection:
            while part := connection.recv(1 << 16):
                got.extend(part)

    def send() -> None:
        with lab.inside("client"), socket.create_connection((SERVER[4], PORT)) as client:
            for start in range(0, STREAM, STREAM // 40):
                client.sendall(data[start : start + STREAM // 40])
                time.sleep(0.1)

    ends = [threading.Thread(target=receive), threading.Thread(target=send)]
    for end in ends:
        end.start()
    kills = 0
    while ends[1].is_alive():
        time.sleep(0.3)
        kill(daemon)
        kills += 1
        daemon = manager.start(lab, rules).wait_ready()
    for end in ends:
        end.join(PATIENCE)
    listener.close()
    assert bytes(got) == data
    assert kills > 2
    daemon.end()


def test_what_is_accepted_past_us_meanwhile_is_counted(
    lab: Lab, manager: Manager, rules: Path, tmp_path: Path
) -> None:
    """With fail-open a socket that is full is passed by, which leaves a gap in the ids."""
    config = tmp_path / "qverdictd.yaml"
    config.write_text("overflow: accept\nqueue_length: 100\n")
    queue_rule(lab)
    daemon = manager.start(lab, rules, "--config", str(config)).wait_ready()
    with Udp(lab) as udp:
        daemon.process.send_signal(signal.SIGSTOP)
        kill(daemon)
        udp.send(*[b"%d" % number for number in range(300)])
        daemon = manager.start(lab, rules, "--config", str(config)).wait_ready()
        assert len(set(udp.arrived(300))) == 300
    assert daemon.end() == 0
    waited = next(line for line in daemon.said if "taken over" in line)
    waiting = int(re.search(r": (\d+) packets waited", waited)[1])  # type: ignore[index]
    assert 0 < waiting <= 100
    assert daemon.summary().received == waiting
    assert daemon.summary().lost == f"ids that never came {300 - waiting}"


def test_queues_that_share_the_load(lab: Lab, manager: Manager, rules: Path) -> None:
    """Each finds its own socket, whichever comes first."""
    balance = ("-j", "NFQUEUE", "--queue-balance", "0:2")
    lab.iptables("gateway", "-A", "FORWARD", *balance)
    daemon = manager.start(lab, rules, "--queue", "0-2").wait_ready()
    with Flows(lab) as flows:
        for _ in range(3):
            flows.move()
            kill(daemon)
            flows.wait_full()
            manager.kept = dict(reversed(manager.kept.items()))
            daemon = manager.start(lab, rules, "--queue", "0-2").wait_ready()
            assert sum("taken over" in line for line in daemon.said) == 3
        flows.move()
    flows.check()
    assert lab.queues("gateway").keys() == {0, 1, 2}
    assert daemon.end() == 0


def test_what_the_kernel_dropped_is_told_once(
    lab: Lab, manager: Manager, rules: Path, tmp_path: Path
) -> None:
    """Its counters go on as long as the queue is held; who is killed has told nobody."""
    config = tmp_path / "qverdictd.yaml"
    config.write_text("queue_length: 50\n")
    queue_rule(lab)

    def start() -> Daemon:
        return manager.start(lab, rules, "--config", str(config)).wait_ready()

    def overrun(daemon: Daemon, udp: Udp) -> None:
        daemon.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{daemon.process.pid}/task")
        eventually(lambda: all("State:\tT" in (t / "status").read_text() for t in tasks.iterdir()))
        udp.send(*[b"x"] * 60)
        eventually(lambda: lab.queues("gateway")[0].waiting == 50)

    with Udp(lab) as udp:
        daemon = start()
        overrun(daemon, udp)
        kill(daemon)
        daemon = start()
        udp.arrived(50)
        overrun(daemon, udp)
        daemon.process.send_signal(signal.SIGCONT)
        udp.arrived(50)
        daemon.process.send_signal(signal.SIGUSR2)
        daemon.wait()
        assert daemon.summary().lost == "queue full 20"
        daemon = start()
        udp.send(b"y")
        assert udp.arrived(1) == [b"y"]
        assert daemon.end() == 0
        assert daemon.summary().lost == "nothing"
