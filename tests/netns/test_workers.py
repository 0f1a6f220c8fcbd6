# SPDX-License-Identifier: GPL-2.0
"""Native workers where it is hard: swaps, flushes, overruns, readers that stop, large packets."""

import itertools
import os
import re
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from tests.netns.daemon import QVERDICTD, WAYS, Daemon, Summary
from tests.netns.datagrams import Datagrams
from tests.netns.flow import PORT, WINDOW, Flow, numbers
from tests.netns.lab import Lab, stop
from tests.netns.traffic import transfer

SWAPS = 100
ACCEPT = "version: 1\ndefault: accept\n"
WHISPER = """
version: 1
rules:
  - name: loud
    match: {proto: tcp, payload: whisper}
    rewrite: [{replace: {text: whisper, with: SHOUTED}}]
    verdict: accept
"""

native_and_reference = pytest.mark.parametrize("way", ["native", "reference"])


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(ACCEPT)
    return file


def queue(lab: Lab, *match: str) -> None:
    lab.iptables("gateway", "-A", "FORWARD", *match, "-j", "QUEUE")


def pause(daemon: Daemon) -> None:
    """Stop all threads of a daemon: each by itself comes to it in its own time."""
    daemon.process.send_signal(signal.SIGSTOP)
    tasks = Path(f"/proc/{daemon.process.pid}/task")
    deadline = time.monotonic() + 30
    while any(") T " not in (task / "stat").read_text() for task in tasks.iterdir()):
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.01)


def reloaded(daemon: Daemon, times: int) -> bool:
    return sum("reloaded" in line for line in daemon.said) >= times


@native_and_reference
def test_swaps_under_traffic(lab: Lab, rules: Path, way: str) -> None:
    queue(lab)
    texts = [
        f"version: 1\ndefault: drop\nrules:\n  - {{name: {name}, match: {{proto: udp}}, "
        "verdict: accept}\n"
        for name in ("even", "odd")
    ]
    rules.write_text(texts[0])
    daemon = Daemon(lab, rules, *WAYS[way], json=False).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        with Flow(datagrams) as flow:
            for turn in range(1, SWAPS + 1):
                rules.write_text(texts[turn % 2])
                daemon.reload()
                assert daemon.wait_until(partial(reloaded, daemon, turn)), daemon.said[-3:]
        datagrams.read_until(flow.sent)
        assert datagrams.arrived == {PORT: numbers(flow.sent)}
        sent = flow.sent
    assert daemon.end() == 0
    summary = daemon.summary()
    assert (summary.received, summary.accepted, summary.lost) == (sent, sent, "nothing")
    assert summary.rules.keys() == {"even", "odd"}
    assert sum(summary.rules.values()) == sent


def flushed(lab: Lab, rules: Path, way: str, before: int, after: int) -> Summary:
    """Have so many packets waiting when the kernel flushes the queue, and so many after that."""
    queue(lab)
    chain = "add table ip t; add chain ip t c { type filter hook input priority 0; }"
    lab.run("gateway", ["nft", chain])
    daemon = Daemon(lab, rules, *WAYS[way], json=False).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        pause(daemon)
        for number in range(before):
            datagrams.send(PORT, number.to_bytes(4))
        lab.run("gateway", ["nft", "delete table ip t"])
        for number in range(before, before + after):
            datagrams.send(PORT, number.to_bytes(4))
        daemon.process.send_signal(signal.SIGCONT)
        datagrams.read_until(after)
        assert datagrams.arrived == {PORT: numbers(before + after)[before:]}
    assert daemon.end() == 0
    summary = daemon.summary()
    assert (summary.accepted, summary.pending) == (before + after, 0)
    return summary


@native_and_reference
def test_flushed_packets_are_counted(lab: Lab, rules: Path, way: str) -> None:
    assert flushed(lab, rules, way, 5, 3).lost == "flushed by the kernel 5"


def test_a_flush_among_many_never_passes_unseen(lab: Lab, rules: Path) -> None:
    """Where many wait they share verdicts: of the run in which the flush ended, one is counted."""
    lost = flushed(lab, rules, "native", 200, 200).lost
    counted = re.fullmatch(r"flushed by the kernel (\d+)", lost)
    assert counted is not None, lost
    assert 128 < int(counted[1]) <= 200


@native_and_reference
def test_an_overrun_is_counted_to_the_packet(lab: Lab, rules: Path, way: str) -> None:
    queue(lab)
    config = rules.with_name("qverdictd.yaml")
    config.write_text("queue_length: 50\n")
    daemon = Daemon(lab, rules, "--config", str(config), *WAYS[way], json=False).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        pause(daemon)
        for number in range(120):
            datagrams.send(PORT, number.to_bytes(4))
        daemon.process.send_signal(signal.SIGCONT)
        datagrams.read_until(50)
        datagrams.send(PORT, b"last")
        datagrams.read_until(51)
        assert datagrams.arrived == {PORT: [*numbers(50), b"last"]}
    assert daemon.end() == 0
    assert (daemon.summary().accepted, daemon.summary().lost) == (51, "queue full 70")


@native_and_reference
@pytest.mark.parametrize("more", [0, 1])
def test_what_is_accepted_past_us_is_counted(lab: Lab, rules: Path, way: str, more: int) -> None:
    """The socket is full before the queue is, and ids are missing: in the middle or at the end."""
    queue(lab)
    config = rules.with_name("qverdictd.yaml")
    config.write_text("queue_length: 100\noverflow: accept\n")
    daemon = Daemon(lab, rules, "--config", str(config), *WAYS[way], json=False).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        pause(daemon)
        for number in range(90):
            datagrams.send(PORT, number.to_bytes(4).ljust(1400))
        daemon.process.send_signal(signal.SIGCONT)
        datagrams.read_until(90)
        for number in range(90, 90 + more):
            datagrams.send(PORT, number.to_bytes(4).ljust(1400))
        datagrams.read_until(90 + more)
        assert sorted(data[:4] for data in datagrams.arrived[PORT]) == numbers(90 + more)
    assert daemon.end() == 0
    summary = daemon.summary()
    assert 10 < summary.received == summary.accepted < 90
    assert summary.lost == f"ids that never came {90 + more - summary.received}"


@native_and_reference
def test_large_packets_pass_and_are_rewritten(lab: Lab, rules: Path, way: str) -> None:
    rules.write_text(WHISPER)
    queue(lab, "-p", "tcp")
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    data = b"they whisper, and " * 200_000
    # A word on the edge of two packets is in neither: their text has as many letters each way.
    arrived = transfer(lab, 4, data)
    assert len(arrived) == len(data)
    assert re.fullmatch(rb"(?:they (?:whisper|SHOUTED), and )+", arrived)
    assert arrived.count(b"whisper") < 0.01 * arrived.count(b"SHOUTED")
    assert daemon.end() == 0
    assert max(record["length"] for record in daemon.records) > 1500 * 4
    summary = daemon.summary()
    assert summary.received == summary.accepted == len(daemon.records)
    assert summary.lost == "nothing"


HEADERS, WHOLE = 4096, 65531


def test_no_more_is_copied_than_the_policy_needs(lab: Lab, rules: Path) -> None:
    queue(lab, "-p", "tcp")
    daemon = Daemon(lab, rules, *WAYS["native"]).wait_ready()
    assert lab.queues("gateway")[0].copy_range == HEADERS
    data = b"they whisper, and " * 100_000
    arrived: list[bytes] = []
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            arrived.append(transfer(lab, 4, data))

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for turn in range(1, 21):
            rules.write_text(WHISPER if turn % 2 else ACCEPT)
            daemon.reload()
            assert daemon.wait_until(partial(reloaded, daemon, turn)), daemon.said[-3:]
            assert lab.queues("gateway")[0].copy_range == (WHOLE if turn % 2 else HEADERS)
    finally:
        ended.set()
        sender.join()
    assert all(len(one) == len(data) for one in arrived)
    assert daemon.end() == 0
    assert any(record["replaced"] for record in daemon.records)
    assert {record["reason"] for record in daemon.records} == {"rule", "default"}
    assert max(record["length"] for record in daemon.records) > HEADERS
    assert any("could not be judged: none" in line for line in daemon.said)


def test_packets_do_not_wait_for_a_reader_that_stopped(lab: Lab, rules: Path) -> None:
    queue(lab)
    arguments = [str(QVERDICTD), "run", "--rules", str(rules), "--json", *WAYS["native"]]
    told = rules.with_name("told")
    os.mkfifo(told)
    reader = os.open(told, os.O_RDONLY | os.O_NONBLOCK)
    with told.open("wb") as output:
        daemon = lab.start(
            "gateway", arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE
        )
    count = 90_000
    size = 1400
    assert daemon.stderr is not None
    assert any("ready" in line for line in daemon.stderr)
    with Datagrams(lab, (PORT,)) as datagrams:
        for number in range(count):
            datagrams.send(PORT, number.to_bytes(4).ljust(size))
            while number - datagrams.count > WINDOW:
                assert datagrams.read(10), "packets wait"
        datagrams.read_until(count)
        assert datagrams.count == count
    daemon.terminate()
    os.set_blocking(reader, True)
    with os.fdopen(reader, "rb") as stream:
        ids = [int(re.search(rb'"packet": (\d+)', line)[1]) for line in stream]  # type: ignore[index]
    said = daemon.stderr.read()
    assert daemon.wait() == 0
    stop(daemon)
    missed = re.search(r"not shown, their reader was too slow: (\d+)", said)
    assert missed is not None, said
    assert len(ids) + int(missed[1]) == count
    assert all(before < after for before, after in itertools.pairwise(ids))
    assert f"received {count} = accepted {count}" in said


def test_workers_are_pinned_in_turn(lab: Lab, rules: Path) -> None:
    ours = sorted(os.sched_getaffinity(0))
    daemon = Daemon(lab, rules, *WAYS["native"], "--queue", "0-2").wait_ready()
    tasks = Path(f"/proc/{daemon.process.pid}/task")
    # Python's threads have no names that the kernel knows: pinned are those of the workers.
    pinned = sorted(
        next(iter(cpus))
        for task in tasks.iterdir()
        if len(cpus := os.sched_getaffinity(int(task.name))) == 1
    )
    expected = sorted(ours[worker % len(ours)] for worker in range(3))
    assert daemon.end() == 0
    assert pinned == expected or len(ours) == 1


def test_a_processor_that_is_not_there_is_said(lab: Lab, rules: Path) -> None:
    daemon = Daemon(lab, rules, *WAYS["native"], "--cpus", "4000")
    assert daemon.wait() == 78
    assert "cpus: we may not run on 4000, only on" in "\n".join(daemon.said)
