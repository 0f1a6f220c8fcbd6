# SPDX-License-Identifier: GPL-2.0
"""200,000 packets, and three who count them: the daemon, the kernel, the receiver."""

import time
from pathlib import Path

import pytest

from tests.netns.daemon import WAYS, Daemon
from tests.netns.datagrams import Datagrams
from tests.netns.lab import Lab

PACKETS = 200_000
PORTS = range(5000, 5020)
EACH = PACKETS // len(PORTS)

ACCEPTED, DROPPED, REPEATED, REQUEUED, UNDECIDED = (
    range(5000, 5012),
    range(5012, 5016),
    range(5016, 5018),
    range(5018, 5019),
    range(5019, 5020),
)

IN_FLIGHT = 150
"""Packets that are sent before looking whether so many wait. Twice as many take 250 KB of the
daemon's socket, which has at least 416 KiB, root or not (net.core.rmem_max, doubled)."""


def policy() -> str:
    """Return a policy of 20 rules, one of them for packets that come a second time."""
    rules = ["{name: second-time, match: {mark: 0x1}, verdict: accept}"]
    for port in PORTS:
        verdict = "accept"
        if port in UNDECIDED:
            continue
        if port in DROPPED:
            verdict = "drop"
        elif port in REPEATED:
            verdict = "repeat, mark: 0x1"
        elif port in REQUEUED:
            verdict = "{queue: 1}"
        rules.append(
            f"{{name: port-{port}, match: {{proto: udp, dport: {port}}}, verdict: {verdict}}}"
        )
    assert len(rules) == 20
    return "version: 1\ndefault: drop\nrules:\n" + "".join(f"  - {rule}\n" for rule in rules)


def send(lab: Lab, datagrams: Datagrams, queues: tuple[int, ...]) -> None:
    """Send them all, no faster than the queues are emptied."""
    for number in range(PACKETS):
        datagrams.send(PORTS[number % len(PORTS)], number.to_bytes(4))
        if number % IN_FLIGHT == 0:
            deadline = time.monotonic() + 60
            while any(lab.queues("gateway")[queue].waiting > IN_FLIGHT for queue in queues):
                datagrams.read(0.01)
                assert time.monotonic() < deadline, lab.queues("gateway")
            datagrams.read()


@pytest.mark.parametrize("way", WAYS)
def test_all_counts_agree(lab: Lab, tmp_path: Path, way: str) -> None:
    text = policy()
    if way == "netfilterqueue":
        # The library cannot requeue.
        text = text.replace("{queue: 1}", "accept")
    requeued = EACH if "{queue: 1}" in text else 0
    (tmp_path / "rules.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text("version: 1\ndefault: accept\n")
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    lab.iptables("gateway", "-t", "mangle", "-A", "POSTROUTING", "-p", "udp")
    queues = (0, 1) if requeued else (0,)
    others = [Daemon(lab, tmp_path / "other.yaml", "--queue", "1", json=False) for _ in queues[1:]]
    daemon = Daemon(lab, tmp_path / "rules.yaml", *WAYS[way], json=False)
    for started in (daemon, *others):
        started.wait_ready()

    received = PACKETS + EACH * len(REPEATED)
    dropped = EACH * (len(DROPPED) + len(UNDECIDED))
    repeated = EACH * len(REPEATED)
    with Datagrams(lab, PORTS) as datagrams:
        send(lab, datagrams, queues)
        datagrams.read_until(PACKETS - dropped)
        kernel = lab.queues("gateway")
        assert [daemon.end(), *(other.end() for other in others)] == [0] * len(queues)
        done = daemon.summary()

        # The daemon.
        assert done.received == received
        assert done.received == done.accepted + done.dropped + done.repeated + done.requeued
        assert (done.dropped, done.repeated) == (dropped, repeated)
        assert (done.requeued, done.pending, done.lost) == (requeued, 0, "nothing")
        assert done.rules == {
            "second-time": repeated,
            **{f"port-{port}": EACH for port in PORTS if port not in UNDECIDED},
        }
        assert done.default == EACH * len(UNDECIDED)
        for other in others:
            assert other.summary().accepted == other.summary().received == requeued

        # The kernel: what its rules saw before the queue and after it, and the queue itself.
        (queued,) = lab.rules("gateway", "FORWARD")
        (sent_on,) = lab.rules("gateway", "POSTROUTING", table="mangle")
        assert queued.packets == received
        assert sent_on.packets == done.accepted + done.requeued == PACKETS - dropped
        assert kernel[0].last_id == received
        assert (kernel[0].dropped_full, kernel[0].dropped_socket, kernel[0].waiting) == (0, 0, 0)

        # The receiver: each datagram of the ports that pass, once and in the order of its port.
        for index, port in enumerate(PORTS):
            sent = range(index, PACKETS, len(PORTS))
            passes = port not in DROPPED and port not in UNDECIDED
            expected = [number.to_bytes(4) for number in sent] if passes else []
            assert datagrams.arrived[port] == expected, port
