# SPDX-License-Identifier: GPL-2.0
"""Every packet of a run is sent once, answered once and counted once, or the run does not count."""

import re
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from bench.contestants import BASELINE
from bench.figure import Figure, Findings, Goal, Table
from bench.live import SLOW, findings, one_round
from bench.measure import Sample
from bench.policies import SOURCES, FiveTuple, last, spread, suricata, yaml
from bench.report import Chapter, markdown, terminal
from bench.standing import Series
from scapy.layers.inet import IP, UDP

from qverdictd.action.decision import Verdict
from qverdictd.packet.raw import AF_INET, RawPacket
from qverdictd.policy.load import load
from qverdictd.policy.reference import evaluate

ROOT = Path(__file__).resolve().parents[2]


def sample(**changed: float) -> Sample:
    values = {"packets": 1000, "delivered": 1000, "lost": 0, "cpu": 0.002, "wall": 0.01}
    return Sample(**(values | changed))  # type: ignore[arg-type]


def quick(*parts: str) -> str:
    """Run parts of the benchmark quickly; return what they print."""
    command = [str(ROOT / "bench" / "run"), "--quick", "--only", ",".join(parts)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    assert "not measured:" not in done.stdout
    return done.stdout


def test_a_quick_run_of_everything() -> None:
    """Each program answers its queue, each part has its figures; nothing is lost or left out."""
    said = quick("classify", "live", "tcp", "trip", "load", "reload")
    assert "no valid turn" not in said
    assert "lost or not accepted: 0." in said
    runs = re.findall(
        r"^(.+?) +((?:64|100,000) flows, (?:steady|gathered)) +[\d,]+ +[\d.]+",
        said,
        re.MULTILINE,
    )
    programs = {name for name, _ in runs}
    assert {BASELINE, "qverdictd, 1 rule", "qverdictd, 10,000 rules, hit all over"} < programs
    assert sorted(runs) == sorted(
        (name, f"{flows} flows, {how}")
        for name in programs
        for flows in ("64", "100,000")
        for how in ("steady", *(["gathered"] if name not in SLOW else []))
    )


def test_a_quick_run_over_time() -> None:
    """Under load and over reloads no descriptor is added, and memory does not run away."""
    said = quick("hour", "reloads")
    growths = re.findall(r"^memory after .*: over that at the begin +([\d.]+)x", said, re.MULTILINE)
    assert len(growths) == 2
    assert max(map(float, growths)) < 1.2
    assert re.findall(r"more than at the begin +([\d.]+)", said) == ["0.000", "0.000"]


DROPPER = """
from netfilterqueue import NetfilterQueue
def judge(packet, seen=[0]):
    seen[0] += 1
    packet.drop() if seen[0] % 10 == 0 else packet.accept()
queue = NetfilterQueue()
queue.bind(0, judge, max_len={length})
print("ready", flush=True)
queue.run()
"""

MEASURE = """
import sys
from bench import link
from bench.contestants import Contestant, running
from bench.measure import measure
from bench.tools import compiled
link.make(1)
program = Contestant("dropper", (sys.executable, "-c", sys.argv[1]))
with running(program, [0], 0) as dropper:
    sample = measure(dropper.pid, 0, compiled("generate"), link.Traffic(64, 0, 200, 128))
print(sample.packets, sample.delivered, sample.valid)
"""


@pytest.mark.parametrize(
    ("length", "expected"),
    [(4096, range(180, 181)), (8, range(180))],
    ids=["verdict-drop", "overrun"],
)
def test_a_run_that_lost_packets_does_not_count(length: int, expected: range) -> None:
    command = [sys.executable, "tests/netns/enter.py", sys.executable, "-c", MEASURE]
    command.append(DROPPER.format(length=length))
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    packets, delivered, valid = done.stdout.split()
    assert packets == "200"  # as many as a socket's buffer takes by default
    assert int(delivered) in expected
    assert valid == "False"


def test_figures() -> None:
    assert sample().valid
    assert sample().nanoseconds == pytest.approx(2000)
    assert sample().rate == pytest.approx(100_000)
    assert not sample(delivered=999).valid
    assert not sample(delivered=1001).valid
    assert not sample(lost=1).valid


class Scripted:
    """A program whose turns cost what the test says; None: the turn was not valid."""

    def __init__(self, *costs: float | None) -> None:
        self.costs = list(costs)
        self.packets = 1000

    def turn(self, _generate: Path, _series: Series, _packets: int) -> Sample | None:
        cost = self.costs.pop(0)
        return None if cost is None else sample(cpu=cost)


def test_a_ratio_is_to_the_baselines_turns_on_both_sides() -> None:
    series = [Series(BASELINE, 64), Series("a", 64), Series("b", 64), Series("c", 64)]
    programs = [Scripted(1.0, 3.0, 5.0, None), Scripted(4.0), Scripted(None), Scripted(7.0)]
    one_round(programs, series, Path())  # type: ignore[arg-type]
    assert series[0].ratios == [3.0, 5.0 / 3.0]
    assert [len(one.samples) for one in series] == [3, 1, 0, 1]
    assert [one.ratios for one in series[1:]] == [[2.0], [], []]


def test_figures_are_medians_of_ratios_beside_their_goals() -> None:
    name = "qverdictd, 1 rule"
    series = [
        Series(BASELINE, 64, samples=[sample()], ratios=[1.0]),
        Series(name, 64, samples=[sample()] * 3, ratios=[1.05, 1.02, 9.0]),
        Series(name, 100_000, samples=[sample()], ratios=[1.2]),
        Series("qverdictd, 1 rule, payload rewritten", 64, rejected=3),
    ]
    found = findings(series)
    assert [figure.row()[1:] for figure in found.figures] == [
        ("1.050x", "<= 1.1x", "<= 1.03x", "met"),
        ("1.200x", "<= 1.1x", "<= 1.03x", "SHORT"),
    ]
    assert found.tables[0].rows[0][2] == "2,000"
    assert found.tables[0].rows[3][2] == "no valid turn"
    assert "not accepted: 3." in found.notes[0]
    assert Goal(0.9, 1.0, at_least=True).verdict(0.95) == "met"
    assert Goal(0.9, 1.0, at_least=True).verdict(1.1) == "met, as reached for"
    assert Goal(0.9, 1.0, at_least=True).verdict(0.8) == "SHORT"
    assert Goal(None, 1.0).verdict(1.1) == "not reached"


def test_the_report_has_all_figures_and_what_was_not_measured() -> None:
    found = Findings(
        [Figure("speed", 1.23, "x", Goal(1.5, 1.0))],
        [Table(("", "n"), [("row", "7")])],
        ["So."],
    )
    chapters = [
        Chapter("One", "2026-01-31 12:00", 1.5, "bench/run", found),
        Chapter("Two", "2026-01-31 12:02", 0.1, "bench/run", "no iperf3"),
    ]
    report = markdown(chapters, ["machine: one"], {"Three": "three"})
    assert "| speed | 1.230x | <= 1.5x | <= 1x | met |" in report
    assert "| row | 7 |" in report
    assert "Not measured: no iperf3" in report
    assert "Not measured yet: `bench/run --only three`" in report
    assert "Two: not measured: no iperf3" in terminal(chapters)


def first(rules: list[FiveTuple], source: IPv4Address) -> int | None:
    return next((n for n, rule in enumerate(rules) if rule.matches(source, 20000)), None)


@pytest.mark.parametrize("size", [1, 20, 1000])
@pytest.mark.parametrize("rewrite", [False, True])
def test_only_the_last_rule_accepts_the_traffic(tmp_path: Path, size: int, rewrite: bool) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(yaml(last(size), rewrite=rewrite))
    loaded = load(file)
    assert len(loaded.rules) == size
    text = b"a greeting: hello"
    for source, dport, expected in (
        ("198.18.0.0", 9, (Verdict.ACCEPT, f"r{size - 1}")),
        ("198.18.255.255", 9, (Verdict.ACCEPT, f"r{size - 1}")),
        ("198.18.0.0", 10, (Verdict.DROP, None)),
    ):
        packet = bytes(IP(src=source, dst="192.0.2.1") / UDP(sport=20000, dport=dport) / text)
        decision = evaluate(loaded, RawPacket(1, packet, len(packet), AF_INET))
        assert (decision.verdict, decision.rule) == expected
        rewritten = decision.replacement is not None
        assert rewritten == (rewrite and dport == 9)


def test_the_spread_policy_is_hit_all_over() -> None:
    """By 64 flows as by many: in the order of generate.c, and in all parts of the policy."""
    rules = spread(10_000)
    hits = [first(rules, SOURCES[flow * 40503 & 0xFFFF]) for flow in range(64)]
    assert len(set(hits)) > 30
    for part in range(4):
        assert any(hit is not None and part * 2500 <= hit < (part + 1) * 2500 for hit in hits)


def test_policies_are_the_same_each_time() -> None:
    assert last(100) == last(100)
    assert spread(100) == spread(100)
    assert len(set(last(1000))) == 1000


def test_suricata_has_the_same_rules() -> None:
    lines = suricata(last(1000)).splitlines()
    assert len(lines) == 1001
    assert lines[-2] == "pass udp 198.18.0.0/16 any -> 192.0.2.1/32 9 (sid:1000;)"
    assert lines[-1] == "drop ip any any -> any any (sid:1001;)"
