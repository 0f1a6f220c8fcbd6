# SPDX-License-Identifier: GPL-2.0
"""How long a policy takes from YAML to a program that is ready to run, and what a set holds.

`qverdictd check` is timed as a whole process, the start of Python included. Memory is the resident
memory of a daemon that stands ready, with a set of a million prefixes less one with a few.
"""

import json
import os
import random
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from statistics import median

from bench import contestants, policies
from bench.contestants import running
from bench.figure import Figure, Findings, Goal, Table
from bench.measure import processors
from bench.tools import Options, configuration, policy, qverdictd, say, written

_ENTRIES = 1_000_000
_FEW = 10
_QUEUE = 100  # nothing is sent to it


def _prefixes(count: int) -> str:
    """Return different prefixes that do not touch, in no order: nothing can be merged."""
    draw = random.Random(count)
    step = (223 << 24) // _ENTRIES
    numbers = draw.sample(range(_ENTRIES), count)
    lengths = (32, 32, 32, 31, 30, 29, 28)
    lines = []
    for number in numbers:
        length = draw.choice(lengths)
        first = ((1 << 24) + number * step) >> (32 - length) << (32 - length)
        lines.append(f"{IPv4Address(first)}/{length}\n")
    return "".join(lines)


def _set_policy(count: int) -> Path:
    members = written(f"set-{count}.txt", _prefixes(count))
    return written(
        f"set-{count}.yaml",
        "version: 1\ndefault: accept\non_error: drop\n"
        f"sets:\n  many: {{type: cidr, file: {members.name}}}\n"
        'rules:\n  - {name: many, match: {src: "@many"}, verdict: drop}\n',
    )


def _check(rules: Path) -> tuple[float, float]:
    """Check a policy; return the seconds it took, on the clock and of CPU time."""
    began = time.monotonic()
    process = subprocess.Popen([qverdictd(), "check", rules], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"check {rules} failed")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime


def _resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def _memory(options: Options, rules: Path) -> int:
    daemon = contestants.daemon("qverdictd", rules, configuration(options.engine))
    with running(daemon, processors(), _QUEUE) as program:
        return _resident(program.pid)


def run(options: Options) -> Findings:
    """Measure checks of all policies in turn, then memory."""
    entries = 10_000 if options.quick else _ENTRIES
    cases = {
        "1 rule": policy("one", policies.last(1)),
        "10,000 rules": policy("last", policies.last(10_000)),
        f"set of {_FEW} prefixes": _set_policy(_FEW),
        f"set of {entries:,} prefixes": _set_policy(entries),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for number in range(1, options.rounds + 1):
        for name, rules in cases.items():
            times[name].append(_check(rules))
        say(f"load: round {number}/{options.rounds}")
    found = Findings(tables=[Table(("qverdictd check", "seconds", "CPU seconds", "least CPU"))])
    clocks: dict[str, float] = {}
    for name, taken in times.items():
        clocks[name] = median(clock for clock, _ in taken)
        spent = [cpu for _, cpu in taken]
        row = (name, f"{clocks[name]:.2f}", f"{median(spent):.2f}", f"{min(spent):.2f}")
        found.tables[0].rows.append(row)
    names = list(cases)
    found.figures.append(
        Figure("policy of 10,000 rules: check, all told", clocks[names[1]], " s", Goal(2.0, 0.5))
    )
    found.figures.append(
        Figure("set of 1,000,000 CIDRs: check, all told", clocks[names[3]], " s", Goal(3.0, 1.0))
    )
    found.tables.append(_stages({names[1]: cases[names[1]], names[3]: cases[names[3]]}, options))
    return _with_memory(found, options, [cases[name] for name in names[2:]], entries)


def _stages(cases: dict[str, Path], options: Options) -> Table:
    """Return where the time goes within one process, the median of several."""
    table = Table(
        ("within one process", "load, s", "lower, s", "build, s", "program, KiB", "engine, KiB")
    )
    for name, rules in cases.items():
        runs = []
        for _ in range(options.rounds):
            command = [sys.executable, "-m", "bench.stages", str(rules)]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            runs.append(json.loads(done.stdout))
        values = {key: median(run[key] for run in runs) for key in runs[0]}
        times = (f"{values[key]:.3f}" for key in ("load", "lower", "build"))
        sizes = (f"{values[key] / 1024:,.0f}" for key in ("program", "memory"))
        table.rows.append((name, *times, *sizes))
    return table


def _with_memory(found: Findings, options: Options, rules: list[Path], entries: int) -> Findings:
    rounds = range(min(options.rounds, 3))
    few, many = ([_memory(options, file) for _ in rounds] for file in rules)
    each = (median(many) - median(few)) / (entries - _FEW)
    found.figures.append(
        Figure("set of 1,000,000 CIDRs: memory an entry", each, " bytes", Goal(40, 16))
    )
    found.notes.append(
        "Within one process: CPU seconds without the start of Python; load: from YAML to the model "
        "(and the policy's own tests); lower: to the program; build: verified and indexed."
    )
    found.notes.append(
        f"Resident memory of the daemon: {median(few) / 2**20:.1f} MiB with {_FEW} prefixes, "
        f"{median(many) / 2**20:.1f} MiB with {entries:,}."
    )
    return found
