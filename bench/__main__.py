# SPDX-License-Identifier: GPL-2.0
"""Measure all programs in turn and print the table. Runs inside tests/netns/enter.py."""

import argparse
import dataclasses
import json
import shlex
import subprocess
import sys
from pathlib import Path

from bench import link, policies, report
from bench.contestants import Contestant, contestants
from bench.measure import Sample, measure
from bench.report import Series

HERE = Path(__file__).parent
BUILD = Path("/run/bench")
"""On the world's own /run: whoever runs us, as root or not, nothing is left in the tree."""
FLOWS = (64, 100_000)
_TRIES = 3  # runs for a valid one, each round


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="bench/run", description=__doc__, epilog="example: bench/run --rounds 3 --only nfqueue"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run; no report")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=0.8, help="CPU time of one run (default: %(default)s)"
    )
    parser.add_argument("--only", default="", help="programs whose name holds this text")
    parser.add_argument("--json", action="store_true", help="print each run as a line of JSON")
    parser.add_argument(
        "--report", type=Path, help="where to write the report (default: bench/REPORT.md)"
    )
    return parser.parse_args()


def build(name: str) -> Path:
    """Compile one of our C programs; return the binary."""
    BUILD.mkdir(parents=True, exist_ok=True)
    binary, source = BUILD / name, HERE / f"{name}.c"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2"]
    subprocess.run(["cc", *flags, "-o", binary, source], check=True)
    return binary


def sized(contestant: Contestant, generate: Path, seconds: float) -> int:
    """Return how many packets a program answers in so many seconds of CPU time, by a trial."""
    trial = measure(contestant, generate, FLOWS[0], 2_000)
    return max(1_000, min(500_000, round(seconds / trial.cpu * trial.packets)))


def one_round(
    contestant: Contestant, generate: Path, series: Series, packets: int
) -> Sample | None:
    """Add a valid run to the series; None if there was none in all tries."""
    for _ in range(_TRIES):
        sample = measure(contestant, generate, series.flows, packets)
        if sample.valid:
            series.samples.append(sample)
            return sample
        series.rejected.append(sample)
        print(f"rejected: {series.name}: {sample}", file=sys.stderr)
    return None


def main() -> int:
    """Run the benchmark; 1 if a program had no valid run."""
    options = arguments()
    rounds = 1 if options.quick else options.rounds
    facts = report.machine()
    generate, baseline = build("generate"), build("baseline")
    everyone = contestants(baseline, policies.write(BUILD))
    chosen = everyone[:1] + [one for one in everyone[1:] if options.only in one.name]
    link.make()
    packets = {
        one.name: 500 if options.quick else sized(one, generate, options.seconds) for one in chosen
    }
    table = [Series(one.name, flows, [], []) for flows in FLOWS for one in chosen]
    for number in range(1, rounds + 1):
        for contestant, series in zip(chosen * len(FLOWS), table, strict=True):
            sample = one_round(contestant, generate, series, packets[series.name])
            if sample is None:
                continue
            if options.json:
                line = {"program": series.name, "flows": series.flows, "round": number}
                print(json.dumps(line | dataclasses.asdict(sample)), flush=True)
            else:
                said = f"{sample.nanoseconds:>10,.0f} ns  {series.name}, {series.flows:,} flows"
                print(f"round {number}/{rounds} {said}", file=sys.stderr, flush=True)
    if not options.json:
        print(*facts, "", report.text(table), sep="\n")
    if not options.quick:
        command = shlex.join(["bench/run", *sys.argv[1:]])
        written = options.report or HERE / "REPORT.md"
        written.write_text(report.markdown(table, facts, command, rounds))
    return int(not all(series.samples for series in table))


if __name__ == "__main__":
    sys.exit(main())
