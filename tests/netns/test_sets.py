# SPDX-License-Identifier: GPL-2.0
"""Set files that change while packets are judged: nothing is lost, and nothing else changes."""

import itertools
import time
from pathlib import Path

import pytest

from tests.netns.daemon import WAYS, Daemon
from tests.netns.datagrams import Datagrams
from tests.netns.flow import PORT, Flow, numbers
from tests.netns.lab import CLIENT, Lab

POLICY = """
version: 1
sets:
  block: {type: cidr, file: sets/block.txt}
  doors: {type: port, file: sets/doors.txt}
rules:
  - {name: blocked, match: {src: "@block"}, verdict: drop}
  - {name: doors, match: {proto: udp, dport: ["@doors", 7]}, verdict: accept}
tests:
  - {name: open, packet: {proto: udp, src: 203.0.113.1, dport: 7}, expect: {verdict: accept}}
"""
NOBODY = "10.0.0.1\n"
CHANGES = 10

PAUSE = 0.0005
"""Seconds between two packets, so that all decisions can be shown."""

native_and_reference = pytest.mark.parametrize("way", ["native", "reference"])


@pytest.fixture
def rules(lab: Lab, tmp_path: Path) -> Path:
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    (tmp_path / "sets").mkdir()
    block(tmp_path).write_text(NOBODY)
    (tmp_path / "sets/doors.txt").write_text(f"{PORT}\n")
    file = tmp_path / "rules.yaml"
    file.write_text(POLICY)
    return file


def block(folder: Path) -> Path:
    return folder / "sets" / "block.txt"


def count(daemon: Daemon, words: str) -> int:
    return sum(words in line for line in daemon.said)


def wait_for(daemon: Daemon, words: str, times: int = 1) -> None:
    assert daemon.wait_until(lambda: count(daemon, words) >= times), daemon.said[-5:]


READ = "set 'block' was read again"
STAYS = "set 'block' stays as it was"


@native_and_reference
def test_sets_change_under_traffic(lab: Lab, rules: Path, tmp_path: Path, way: str) -> None:
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    # Edited, but not reloaded: that a set is read must not put it in force.
    rules.write_text("version: 1\ndefault: drop\n")
    file = block(tmp_path)
    with Datagrams(lab, (PORT,)) as datagrams:
        with Flow(datagrams, PAUSE) as flow:
            for turn in range(1, CHANGES + 1):
                new = file.with_name("new") if turn % 2 else file
                new.write_text(f"{NOBODY}10.0.1.{turn}\n")
                new.rename(file)
                wait_for(daemon, READ, turn)
        datagrams.read_until(flow.sent)
        assert datagrams.arrived == {PORT: numbers(flow.sent)}
        sent = flow.sent
        file.write_text(f"{CLIENT[4]}\n")
        wait_for(daemon, READ, CHANGES + 1)
        datagrams.send(PORT, b"blocked")
        assert daemon.wait_for_decisions(sent + 1)
        file.write_text(NOBODY)
        wait_for(daemon, READ, CHANGES + 2)
        datagrams.send(PORT, b"again")
        datagrams.read_until(sent + 1)
        assert datagrams.arrived[PORT][sent:] == [b"again"]
    assert daemon.end() == 0
    generations = [record["generation"] for record in daemon.records]
    assert generations == sorted(generations)
    assert set(generations) >= {*range(1, CHANGES + 1), CHANGES + 2, CHANGES + 3}
    assert {record["rule"] for record in daemon.records[:sent]} == {"doors"}
    assert [(r["verdict"], r["rule"]) for r in daemon.records[sent:]] == [
        ("drop", "blocked"),
        ("accept", "doors"),
    ]
    assert count(daemon, "reloaded") == 0
    assert daemon.summary().lost == "nothing"
    assert (daemon.summary().received, daemon.summary().pending) == (sent + 2, 0)


@native_and_reference
def test_a_bad_set_file_leaves_the_set_as_it_was(
    lab: Lab, rules: Path, tmp_path: Path, way: str
) -> None:
    file = block(tmp_path)
    file.write_text(f"{CLIENT[4]}\n")
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        ports = file.with_name("doors.txt")
        bad = {
            "no address": f"{file}:2:1: ",
            "": "is empty",
            None: f"cannot read {file}: No such file",
            "0.0.0.0/0": "test 'open' fails",
        }
        for times, (text, why) in enumerate(bad.items(), 1):
            if text is None:
                file.unlink()
            else:
                file.write_text(f"# bad\n{text}\n")
            wait_for(daemon, STAYS, times)
            wait_for(daemon, why)
            datagrams.send(PORT, b"blocked")
            assert daemon.wait_for_decisions(times)
        # Another set is read all the same, and the bad one is not told of again.
        ports.write_text("9\n")
        wait_for(daemon, "set 'doors' was read again")
        time.sleep(1)
        assert count(daemon, STAYS) == len(bad)
        file.write_text(NOBODY)
        wait_for(daemon, READ)
        datagrams.send(PORT, b"through")
        datagrams.read_until(1)
        assert datagrams.arrived == {PORT: [b"through"]}
    assert daemon.end() == 0
    told = [(record["rule"], record["generation"]) for record in daemon.records]
    assert told == [("blocked", 1)] * len(bad) + [(None, 3)]


@native_and_reference
def test_a_set_file_and_a_reload_at_once(lab: Lab, rules: Path, tmp_path: Path, way: str) -> None:
    """Whatever comes between, in the end the sets are as their files are."""
    daemon = Daemon(lab, rules, *WAYS[way]).wait_ready()
    file = block(tmp_path)
    with Datagrams(lab, (PORT,)) as datagrams:
        with Flow(datagrams, PAUSE) as flow:
            for turn, pause in enumerate(itertools.islice(itertools.cycle((0, 0.2, 0.3)), 9), 1):
                file.write_text(f"{NOBODY}10.0.2.{turn}\n")
                time.sleep(pause)
                rules.write_text(f"{POLICY}# {turn}\n")
                daemon.reload()
                file.write_text(f"{NOBODY}10.0.3.{turn}\n")
                wait_for(daemon, "reloaded: ", turn)
        file.write_text(f"{CLIENT[4]}\n")
        daemon.reload()
        datagrams.read_until(flow.sent)
        assert datagrams.arrived == {PORT: numbers(flow.sent)}
        time.sleep(1)
        sent = flow.sent
        datagrams.send(PORT, b"blocked")
        assert daemon.wait_for_decisions(sent + 1)
    assert daemon.end() == 0
    assert daemon.records[-1]["rule"] == "blocked"
    assert daemon.summary().lost == "nothing"
    assert count(daemon, "not reloaded") == count(daemon, STAYS) == 0


def test_a_set_of_a_million_prefixes(lab: Lab, rules: Path, tmp_path: Path) -> None:
    many = "".join(
        f"10.{n >> 12 & 255}.{n >> 4 & 255}.{(n & 15) << 4}/31\n" for n in range(1 << 20)
    )
    file = block(tmp_path)
    file.write_text(many)
    daemon = Daemon(lab, rules, *WAYS["native"], json=False).wait_ready()
    with Datagrams(lab, (PORT,)) as datagrams:
        with Flow(datagrams) as flow:
            for turn in range(1, 4):
                new = file.with_name("new")
                new.write_text(f"{many}192.168.0.{turn}\n")
                new.rename(file)
                wait_for(daemon, READ, turn)
        datagrams.read_until(flow.sent)
        assert datagrams.arrived == {PORT: numbers(flow.sent)}
    assert daemon.end() == 0
    assert daemon.summary().lost == "nothing"
    assert daemon.summary().accepted == flow.sent


def test_sets_are_not_watched_where_that_is_not_wanted(
    lab: Lab, rules: Path, tmp_path: Path
) -> None:
    config = tmp_path / "qverdictd.yaml"
    config.write_text("watch_sets: false\n")
    daemon = Daemon(lab, rules, "--config", str(config), *WAYS["native"]).wait_ready()
    descriptors = Path(f"/proc/{daemon.process.pid}/fd").iterdir()
    assert not any("inotify" in str(one.readlink()) for one in descriptors)
    block(tmp_path).write_text(f"{CLIENT[4]}\n")
    with Datagrams(lab, (PORT,)) as datagrams:
        time.sleep(1)
        datagrams.send(PORT, b"through")
        datagrams.read_until(1)
        daemon.reload()
        wait_for(daemon, "reloaded: ")
        datagrams.send(PORT, b"blocked")
        assert daemon.wait_for_decisions(2)
    assert daemon.end() == 0
    assert [record["rule"] for record in daemon.records] == ["doors", "blocked"]
    assert count(daemon, READ) == 0
