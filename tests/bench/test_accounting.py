# SPDX-License-Identifier: GPL-2.0
"""Every packet of a run is sent once, answered once and counted once, or the run does not count."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.contestants import BASELINE, SCAPY
from bench.measure import Sample
from bench.policies import SIZES, policy
from bench.report import Series, markdown, rows, text
from scapy.layers.inet import IP, UDP

from qverdictd.action.decision import Verdict
from qverdictd.packet.raw import AF_INET, RawPacket
from qverdictd.policy.load import load
from qverdictd.policy.reference import evaluate

ROOT = Path(__file__).resolve().parents[2]


def sample(**changed: float) -> Sample:
    values = {"packets": 1000, "delivered": 1000, "lost": 0, "cpu": 0.002, "wall": 0.01}
    return Sample(**(values | changed))  # type: ignore[arg-type]


def test_a_quick_run_of_everything() -> None:
    """Each program answers a real queue; nothing is lost and nothing left out."""
    command = [str(ROOT / "bench" / "run"), "--quick", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(run["packets"], run["delivered"], run["lost"]) for run in runs} == {(500, 500, 0)}
    assert all(run["cpu"] > 0 and run["wall"] > 0 for run in runs)
    programs = {run["program"] for run in runs}
    daemon = {
        f"qverdictd {transport}, {rules}"
        for transport in ("nfqueue", "netfilterqueue")
        for rules in ("1 rule", "20 rules", "1,000 rules")
    }
    assert daemon < programs
    assert len(programs) == 9
    assert sorted((run["program"], run["flows"]) for run in runs) == sorted(
        (program, flows) for program in programs for flows in (64, 100_000)
    )


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
from bench.__main__ import build
from bench.contestants import Contestant
from bench.contestants import BASELINE, SCAPY
from bench.measure import measure
link.make()
program = Contestant("dropper", (sys.executable, "-c", sys.argv[1]))
sample = measure(program, build("generate"), 64, 200)
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


def test_the_table_takes_medians_and_ratios_to_the_baseline_of_the_same_flows() -> None:
    series = [
        Series(BASELINE, 64, [sample(), sample(cpu=0.001), sample(cpu=0.009)], [sample(lost=1)]),
        Series("other", 64, [sample(cpu=0.005)], []),
        Series(BASELINE, 100_000, [sample(cpu=0.004)], []),
        Series("other", 100_000, [sample(cpu=0.005)], []),
        Series(SCAPY, 100_000, [sample(cpu=0.01)], []),
        Series("lossy", 100_000, [], [sample(lost=1)]),
    ]
    table = rows(series)
    assert table[0] == (
        BASELINE,
        "64",
        "2,000",
        "1,000 - 9,000",
        "1.0",
        "",
        "100,000",
        "20%",
        "1,000",
    )
    assert [row[4] for row in table] == ["1.0", "2.5", "1.0", "1.2", "2.5", ""]
    assert [row[5] for row in table] == ["", "", "2.5", "2.0", "1.0", ""]
    assert table[5][2] == "no valid run"
    assert {len(row) for row in table} == {9}
    assert len(text(series).splitlines()) == 7
    report = markdown(series, ["machine: one"], "bench/run", 3)
    assert "rejected because a packet was lost or not accepted: 2" in report
    assert "| other | 64 | 5,000 |" in report


@pytest.mark.parametrize("size", SIZES)
def test_only_the_last_rule_accepts_the_traffic(tmp_path: Path, size: int) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(policy(size))
    loaded = load(file)
    assert len(loaded.rules) == size
    for source, dport, expected in (
        ("198.18.0.0", 9, (Verdict.ACCEPT, "last")),
        ("198.19.255.255", 9, (Verdict.ACCEPT, "last")),
        ("198.18.0.0", 10, (Verdict.DROP, None)),
    ):
        packet = bytes(IP(src=source, dst="192.0.2.1") / UDP(sport=20000, dport=dport) / bytes(64))
        decision = evaluate(loaded, RawPacket(1, packet, len(packet), AF_INET))
        assert (decision.verdict, decision.rule) == expected
