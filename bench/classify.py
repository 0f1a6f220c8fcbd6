# SPDX-License-Identifier: GPL-2.0
"""Classification alone: the rule sets of ClassBench and their traces, by the index (classify.c).

The sets are in tests/classbench, whose README tells their form. A trace carries
each packet's first matching rule, found by walking all rules: an answer that differs is an error.
"""

import gzip
import json
import subprocess
from ipaddress import IPv4Network
from pathlib import Path
from statistics import median

from bench.figure import Figure, Findings, Goal, Table
from bench.measure import processors
from bench.policies import FiveTuple, Ports
from bench.tools import BUILD, HERE, Options, policy, say
from qverdictd.policy.load import load
from qverdictd.policy.lower import lower

SETS = HERE.parent / "tests" / "classbench"
_PROGRAM = HERE.parent / "build" / "release" / "bench" / "classify"
_PASSES = 11  # over a trace, each turn
_GOALS = {"acl1": Goal(150, 79), "fw1": Goal(150, 81), "ipc1": Goal(150, 176)}
"""To reach: what the better of TupleMerge and PartitionSort took on the machines of the issue."""


def _ports(text: str) -> Ports:
    if text == "-":
        return (0, 65535)
    low, _, high = text.partition("-")
    return (int(low), int(high or low))


def rules(file: Path) -> list[FiveTuple]:
    """Read a rule set: a rule a line, ``src/len dst/len sport dport protocol``."""
    found = []
    with gzip.open(file, "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            source, destination, sport, dport, protocol = line.split()
            found.append(
                FiveTuple(
                    IPv4Network(source),
                    IPv4Network(destination),
                    "ip" if protocol == "-" else protocol,
                    _ports(sport),
                    _ports(dport),
                )
            )
    return found


def _prepared(name: str) -> tuple[Path, Path]:
    """Write a set's program and its trace; return the files."""
    source = policy(name, rules(SETS / f"{name}-10000.rules.gz"))
    program, trace = BUILD / f"{name}.program", BUILD / f"{name}.trace"
    program.write_bytes(lower(load(source)))
    trace.write_bytes(gzip.decompress((SETS / f"{name}-10000.trace.gz").read_bytes()))
    return program, trace


def run(options: Options) -> Findings:
    """Look up all traces in turn, in several rounds."""
    if not _PROGRAM.exists():
        raise RuntimeError(f"{_PROGRAM} is not built: make ready")
    own, _ = processors()
    files = {name: _prepared(name) for name in _GOALS}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in files}
    for number in range(1, options.rounds + 1):
        for name, (program, trace) in files.items():
            command = ["taskset", "-c", f"{own}", *map(str, (_PROGRAM, program, trace, _PASSES))]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
            turn = json.loads(done.stdout) if done.stdout else {"right": 0, "packets": -1}
            if turn["right"] != turn["packets"]:
                raise RuntimeError(f"{name}: wrong answers: {turn}")
            turns[name].append(turn)
        say(f"classify: round {number}/{options.rounds}")
    columns = ("rule set", "ns a packet", "least", "packets", "build, ms", "memory, KiB")
    found = Findings(tables=[Table(columns)])
    for name, taken in turns.items():
        middle = median(one["median_ns"] for one in taken)
        found.tables[0].rows.append(
            (
                f"{name}, 10,000 rules",
                f"{middle:.1f}",
                f"{min(one['least_ns'] for one in taken):.1f}",
                f"{taken[0]['packets']:,}",
                f"{median(one['build_ms'] for one in taken):.0f}",
                f"{taken[0]['memory'] / 1024:,.0f}",
            )
        )
        what = f"classification alone, {name}, 10,000 rules"
        found.figures.append(Figure(what, middle, " ns", _GOALS[name]))
    found.notes.append(
        "CPU time on one processor, without the flow cache; every answer is the trace's own."
    )
    return found
