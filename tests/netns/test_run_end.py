# SPDX-License-Identifier: GPL-2.0
"""How ``qverdictd run`` ends: told to, or because it cannot begin."""

import threading
from pathlib import Path

import pytest

from tests.netns.daemon import WAYS, Daemon
from tests.netns.datagrams import Datagrams
from tests.netns.lab import CLIENT, Lab

ACCEPT = "version: 1\ndefault: accept\n"
PORT = 1001
WINDOW = 1000
"""Datagrams that may be on their way."""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(ACCEPT)
    return file


@pytest.mark.parametrize("way", WAYS)
def test_sigterm_under_traffic_answers_every_packet(lab: Lab, rules: Path, way: str) -> None:
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    lab.iptables("gateway", "-t", "mangle", "-A", "POSTROUTING", "-p", "udp")
    daemon = Daemon(lab, rules, *WAYS[way], json=False).wait_ready()
    enough, stop = threading.Event(), threading.Event()

    with Datagrams(lab, (PORT,)) as datagrams:
        sent = 0

        def send() -> None:
            nonlocal sent
            while not stop.is_set():
                datagrams.send(PORT, sent.to_bytes(4))
                sent += 1
                if sent == 3000:
                    enough.set()
                # The daemon may be the slower one, and what a full queue drops is not the point.
                while sent - datagrams.count > WINDOW and not stop.is_set():
                    datagrams.read(0.01)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            assert enough.wait(30)
            daemon.process.terminate()
            assert daemon.wait() == 0
        finally:
            stop.set()
            sender.join()
        done = daemon.summary()
        datagrams.read_until(done.accepted)
        (sent_on,) = lab.rules("gateway", "POSTROUTING", table="mangle")
        # What came after the end found no queue and was dropped; nothing before it was.
        assert done.received == done.accepted == sent_on.packets == datagrams.count
        assert (done.dropped, done.pending) == (0, 0)
        assert 3000 <= done.received <= sent
        first = [number.to_bytes(4) for number in range(done.received)]
        assert datagrams.arrived[PORT] == first
    assert lab.queues("gateway") == {}


def test_sigint_ends_it_as_well(lab: Lab, rules: Path) -> None:
    daemon = Daemon(lab, rules).wait_ready()
    daemon.interrupt()
    assert daemon.wait() == 0
    assert daemon.summary().received == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_held_queue_is_left_to_its_holder(lab: Lab, rules: Path, way: str) -> None:
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    holder = Daemon(lab, rules, "--transport", "nfqueue").wait_ready()
    portid = lab.queues("gateway")[0].portid
    second = Daemon(lab, rules, *WAYS[way])
    assert second.wait() == 69
    said = "\n".join(second.said)
    assert "queue 0 is held by" in said
    assert str(portid) in said
    assert lab.queues("gateway")[0].portid == portid
    with Datagrams(lab, (PORT,)) as datagrams:
        datagrams.send(PORT, b"still here")
        datagrams.read_until(1)
        assert datagrams.arrived == {PORT: [b"still here"]}
    assert holder.end() == 0


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lacking", ["-all", "-net_admin"])
def test_without_the_right_it_says_which(lab: Lab, rules: Path, way: str, lacking: str) -> None:
    wrapper = ("setpriv", f"--bounding-set={lacking}", f"--inh-caps={lacking}", "--")
    daemon = Daemon(lab, rules, *WAYS[way], wrapper=wrapper)
    assert daemon.wait() == 77
    assert "CAP_NET_ADMIN" in "\n".join(daemon.said)


BAD = {
    "unknown-verdict": ("version: 1\ndefault: maybe\n", ":2:10: "),
    "deep": ("version: 1\nrules: " + "[" * 200_000, ":2:"),
    "missing-set-file": (
        "version: 1\nsets:\n  a: {type: cidr, file: none.txt}\n",
        "none.txt",
    ),
    "failing-test": (
        "version: 1\ntests:\n  - name: fails\n    packet: {dport: 1, proto: udp}\n"
        "    expect: {verdict: drop}\n",
        ":3:5: ",
    ),
    "to-itself": (
        "version: 1\nrules:\n  - {name: round, verdict: {queue: 0}}\n",
        ":3:5: ",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_policy_binds_nothing(lab: Lab, tmp_path: Path, rules: Path, bad: str) -> None:
    text, where = BAD[bad]
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    # Were the queue asked for first, that it is held would be the error: 69.
    holder = Daemon(lab, rules).wait_ready()
    daemon = Daemon(lab, file)
    assert daemon.wait() == 78
    said = "\n".join(daemon.said)
    assert str(file) in said
    assert where in said
    assert "Traceback" not in said
    assert holder.end() == 0


@pytest.mark.parametrize("way", WAYS)
def test_its_link_may_go_away(lab: Lab, rules: Path, way: str) -> None:
    for family in CLIENT:
        lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE", family=family)
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        datagrams.send(PORT, b"before")
        datagrams.read_until(1)
        lab.run("gateway", ["ip", "link", "delete", "eth0"])
        with pytest.raises(OSError, match="unreachable"):
            datagrams.send(PORT, b"after")
    assert daemon.process.poll() is None
    assert daemon.end() == 0
    assert daemon.summary().accepted == 1
