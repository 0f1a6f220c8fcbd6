# SPDX-License-Identifier: GPL-2.0
"""Measure the parts one after the other and write the report. Runs inside tests/netns/enter.py."""

import argparse
import datetime
import shlex
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import classify, endure, live, loading, reload, report, roundtrip, service, store, stream
from bench.figure import Findings
from bench.report import Chapter
from bench.tools import HERE, Options, say


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the benchmark."""

    title: str
    run: Callable[[Options], Findings]
    rounds: int
    """So many that the parts take about as long as each is noisy."""
    asked: bool = False
    """Only if it is asked for: it takes very long."""


PARTS = {
    "classify": Part("Classification alone", classify.run, 5),
    "live": Part("A packet through a live queue", live.run, 15),
    "tcp": Part("TCP through the queue", stream.run, 7),
    "trip": Part("Added round trip", roundtrip.run, 15),
    "load": Part("From YAML to a program that runs", loading.run, 5),
    "reload": Part("Reload under load", reload.run, 8),
    "service": Part("The service on a real systemd", service.run, 9),
    "hour": Part("Memory and descriptors under load", endure.under_load, 1, asked=True),
    "reloads": Part("Memory and descriptors over reloads", endure.over_reloads, 1, asked=True),
}


def _parts(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"no part {name!r}: there are {', '.join(PARTS)}")
    return names


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="bench/run", description=__doc__, epilog="example: bench/run --only live,trip"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run; no report")
    parser.add_argument(
        "--only",
        type=_parts,
        metavar="PART[,PART...]",
        help=f"measure these again ({', '.join(PARTS)}); the report keeps the others' last figures",
    )
    parser.add_argument("--rounds", type=int, help="rounds of each part, instead of its own number")
    parser.add_argument(
        "--seconds", type=float, default=0.12, help="CPU time of a turn (default: %(default)s)"
    )
    parser.add_argument(
        "--programs", default="", metavar="TEXT", help="live: programs named so; no report"
    )
    parser.add_argument(
        "--engine", choices=("native", "reference"), default="native", help="what ours judges with"
    )
    parser.add_argument(
        "--minutes", type=float, default=60, help="hour: under load (default: %(default)s)"
    )
    parser.add_argument(
        "--reloads", type=int, default=10_000, help="reloads: (default: %(default)s)"
    )
    parser.add_argument(
        "--rate",
        type=int,
        default=2_000,
        help="hour, reloads: packets a second (default: %(default)s)",
    )
    return parser.parse_args()


def measured(part: Part, given: argparse.Namespace) -> Chapter:
    """Run a part; what went wrong is what it found."""
    rounds = 1 if given.quick else given.rounds or part.rounds
    options = Options(
        rounds,
        given.seconds,
        given.engine,
        given.quick,
        given.programs,
        0.1 if given.quick else given.minutes,
        80 if given.quick else given.reloads,
        given.rate,
    )
    now = datetime.datetime.now(datetime.UTC)
    began = time.monotonic()
    findings: Findings | str
    try:
        findings = part.run(options)
    except Exception as error:  # the parts after it can do without
        traceback.print_exc()
        findings = f"{type(error).__name__}: {error}"
    minutes = (time.monotonic() - began) / 60
    command = shlex.join(["bench/run", *sys.argv[1:]])
    return Chapter(part.title, f"{now:%Y-%m-%d %H:%M}", minutes, command, findings)


def main() -> int:
    """Run the benchmark; 1 if a part could not be measured."""
    given = arguments()
    partial = given.quick or given.programs or given.engine != "native"
    facts = report.machine()
    names = given.only or [name for name, part in PARTS.items() if not part.asked]
    if given.only is None and not partial:
        store.clear(names)
    chapters: list[Chapter] = []
    for name in names:
        say(f"{PARTS[name].title}:")
        chapter = measured(PARTS[name], given)
        chapters.append(chapter)
        if not partial:
            store.put(name, chapter)
    print(*facts, "", report.terminal(chapters), sep="\n")
    if not partial:
        _write(HERE / "REPORT.md", facts)
    return int(any(isinstance(one.findings, str) for one in chapters))


def _write(file: Path, facts: list[str]) -> None:
    kept = {name: store.get(name) for name in PARTS}
    missing = {PARTS[name].title: name for name, chapter in kept.items() if chapter is None}
    chapters = [chapter for chapter in kept.values() if chapter is not None]
    file.write_text(report.markdown(chapters, facts, missing))


if __name__ == "__main__":
    sys.exit(main())
