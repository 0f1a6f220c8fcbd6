# SPDX-License-Identifier: GPL-2.0
"""``qverdictd run`` as users run it: every verdict, over both targets and all ways."""

from pathlib import Path

import pytest

from tests.netns.daemon import WAYS, Daemon, Record
from tests.netns.datagrams import Datagrams
from tests.netns.lab import CLIENT, Lab

POLICY = """
version: 1
default: drop
rules:
  - {name: plain, match: {proto: udp, dport: 1001}, verdict: accept}
  - {name: dropped, match: {proto: udp, dport: 1002}, verdict: drop}
  - {name: again, match: {proto: udp, dport: 1003, mark: 0}, mark: 0x1, verdict: repeat}
  - {name: second-time, match: {proto: udp, dport: 1003, mark: 0x1}, verdict: accept}
  - {name: marked, match: {proto: udp, dport: 1004}, mark: {set: 0x22, mask: 0xff}, verdict: accept}
  - name: longer
    match: {proto: udp, dport: 1005, payload: hello}
    rewrite: [{replace: {text: hello, with: good evening}}]
    verdict: accept
  - name: emptied
    match: {proto: udp, dport: 1006}
    rewrite: [{payload: {text: ""}}]
    verdict: accept
  - name: elsewhere
    match: {proto: udp, dport: 1007}
    rewrite: [{set: {dport: 1001}}]
    verdict: accept
"""

#: What is sent to each port: always this.
HELLO = b"hello world"

#: Of each port, the decisions in their order: verdict, rule, mark, replaced.
DECISIONS: dict[int, list[tuple[str, str | None, int, bool]]] = {
    1001: [("accept", "plain", 0, False)],
    1002: [("drop", "dropped", 0, False)],
    1003: [("repeat", "again", 1, False), ("accept", "second-time", 1, False)],
    1004: [("accept", "marked", 0x22, False)],
    1005: [("accept", "longer", 0, True)],
    1006: [("accept", "emptied", 0, True)],
    1007: [("accept", "elsewhere", 0, True)],
    1008: [("drop", None, 0, False)],
}

#: What arrives at each port.
ARRIVALS: dict[int, list[bytes]] = {
    1001: [HELLO, HELLO],
    1002: [],
    1003: [HELLO],
    1004: [HELLO],
    1005: [b"good evening world"],
    1006: [b""],
    1007: [],
    1008: [],
}

TARGETS = (("QUEUE",), ("NFQUEUE", "--queue-num", "0"))


def decision(record: Record) -> tuple[str, str | None, int, bool]:
    return (record["verdict"], record["rule"], record["mark"], record["replaced"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[0])
def test_every_verdict(lab: Lab, tmp_path: Path, target: tuple[str, ...], way: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(POLICY)
    for family in CLIENT:
        lab.iptables("gateway", "-A", "FORWARD", "-j", *target, family=family)
        marked = ("-m", "mark", "--mark", "0x22/0xff")
        lab.iptables("gateway", "-t", "mangle", "-A", "POSTROUTING", *marked, family=family)
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    expected = sum(map(len, DECISIONS.values()))
    for turn, (family, client) in enumerate(CLIENT.items(), 1):
        with Datagrams(lab, DECISIONS, family) as datagrams:
            for port in DECISIONS:
                datagrams.send(port, HELLO)
            assert daemon.wait_for_decisions(turn * expected)
            datagrams.read_until(sum(map(len, ARRIVALS.values())))
            assert datagrams.arrived == ARRIVALS
        records = [record for record in daemon.records if record["src"] == client]
        for port, decisions in DECISIONS.items():
            assert [decision(r) for r in records if r["dport"] == port] == decisions, port
        for record in records:
            assert record["proto"] == "udp"
            assert record["length"] == {4: 20, 6: 40}[family] + 8 + len(HELLO)
            assert (record["hook"], record["in"], record["out"]) == ("forward", "eth0", "eth1")
        (queued,) = lab.rules("gateway", "FORWARD", family=family)
        (marked_rule,) = lab.rules("gateway", "POSTROUTING", table="mangle", family=family)
        assert (queued.packets, marked_rule.packets) == (expected, 1)
    assert daemon.end() == 0
    done = daemon.summary()
    assert (done.received, done.accepted, done.dropped) == (2 * expected, 12, 4)
    assert (done.repeated, done.requeued, done.pending) == (2, 0, 0)
    assert done.lost == "nothing"


REQUEUEING = """
version: 1
rules:
  - {name: to-the-other, match: {proto: udp, dport: 1001}, mark: 0x5, verdict: {queue: 1}}
"""
OTHER = """
version: 1
default: drop
rules:
  - name: from-the-first
    match: {proto: udp, dport: 1001, mark: 0x5}
    rewrite: [{replace: {text: hello, with: goodbye}}]
    verdict: accept
"""


@pytest.mark.parametrize("way", ["native", "reference"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[0])
def test_packets_go_to_another_queue(
    lab: Lab, tmp_path: Path, target: tuple[str, ...], way: str
) -> None:
    (tmp_path / "first.yaml").write_text(REQUEUEING)
    (tmp_path / "other.yaml").write_text(OTHER)
    for family in CLIENT:
        lab.iptables("gateway", "-A", "FORWARD", "-j", *target, family=family)
    other = Daemon(lab, tmp_path / "other.yaml", *WAYS[way], "--queue", "1")
    first = Daemon(lab, tmp_path / "first.yaml", *WAYS[way])
    other.wait_ready()
    first.wait_ready()
    for family in CLIENT:
        with Datagrams(lab, (1001, 1002), family) as datagrams:
            datagrams.send(1001, HELLO)
            datagrams.send(1002, HELLO)
            datagrams.read_until(2)
            assert datagrams.arrived == {1001: [b"goodbye world"], 1002: [HELLO]}
    assert (first.end(), other.end()) == (0, 0)
    assert [(r["verdict"], r.get("queue")) for r in first.records] == [
        ("queue", 1),
        ("accept", None),
    ] * 2
    assert [decision(r) for r in other.records] == [("accept", "from-the-first", 5, True)] * 2
    assert (first.summary().requeued, first.summary().accepted) == (2, 2)
    assert other.summary().accepted == 2


def test_a_transport_that_cannot_requeue_says_so(lab: Lab, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(REQUEUEING)
    daemon = Daemon(lab, rules, "--transport", "netfilterqueue")
    assert daemon.wait() == 78
    assert f"{rules}:4:5: " in "\n".join(daemon.said)
    assert "nfqueue" in "\n".join(daemon.said)


@pytest.mark.parametrize("way", ["native", "reference"])
def test_a_range_of_queues(lab: Lab, tmp_path: Path, way: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(POLICY)
    balance = ("-j", "NFQUEUE", "--queue-balance", "2:5")
    lab.iptables("gateway", "-A", "FORWARD", *balance)
    daemon = Daemon(lab, rules, *WAYS[way], "--queue", "2-5").wait_ready()
    assert sorted(lab.queues("gateway")) == [2, 3, 4, 5]
    # The queue is chosen by the addresses: many sources, so that each has some.
    sources = [f"192.0.2.{last}" for last in range(100, 140)]
    for source in sources:
        lab.run("client", ["ip", "address", "add", f"{source}/32", "dev", "lo"])
    with Datagrams(lab, (1001,)) as datagrams:
        for source in sources:
            datagrams.send_from(source, 1001, HELLO)
        datagrams.read_until(len(sources))
        assert datagrams.arrived == {1001: [HELLO] * len(sources)}
    last_ids = [queue.last_id for queue in lab.queues("gateway").values()]
    assert sum(last_ids) == len(sources)
    assert all(last_ids)
    assert daemon.end() == 0
    assert daemon.summary().accepted == len(sources)


@pytest.mark.parametrize("way", ["native", "reference"])
def test_a_policy_is_loaded_again_or_stays(lab: Lab, tmp_path: Path, way: str) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\ndefault: accept\n")
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    with Datagrams(lab, (1001,)) as datagrams:
        datagrams.send(1001, b"one")
        datagrams.read_until(1)
        rules.write_text("version: 1\ndefault: drop\n")
        daemon.reload()
        assert daemon.wait_for_words("qverdictd: reloaded")
        datagrams.send(1001, b"two")
        rules.write_text("version: 1\ndefault: acept\n")
        daemon.reload()
        assert daemon.wait_for_words("qverdictd: not reloaded")
        datagrams.send(1001, b"three")
        assert daemon.wait_for_decisions(3)
        datagrams.read_until(1)
        assert datagrams.arrived == {1001: [b"one"]}
    assert daemon.end() == 0
    assert any(f"{rules}:2:10: " in line for line in daemon.said)
    decided = [(record["verdict"], record["generation"]) for record in daemon.records]
    assert decided == [("accept", 1), ("drop", 2), ("drop", 2)]
