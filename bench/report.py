# SPDX-License-Identifier: GPL-2.0
"""The figures as people read them: one table, on the terminal and in REPORT.md."""

import datetime
import importlib.metadata
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.contestants import BASELINE, SCAPY
from bench.measure import Sample, in_flight

_COLUMNS = (
    "",
    "flows",
    "ns a packet",
    "least - most",
    "x baseline",
    "scapy x",
    "packets/s",
    "busy",
    "packets",
)


@dataclass(slots=True)
class Series:
    """All runs of one program with one number of flows."""

    name: str
    flows: int
    samples: list[Sample]
    """The runs in which every packet was delivered once."""
    rejected: list[Sample]
    """The others."""

    @property
    def nanoseconds(self) -> float:
        """The median's CPU nanoseconds a packet."""
        return median(sample.nanoseconds for sample in self.samples)


def machine() -> list[str]:
    """Return what the figures depend on, a line each."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("NetfilterQueue", "scapy")
    )
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    now = datetime.datetime.now(datetime.UTC)
    return [
        f"machine: {model[1] if model else platform.machine()}, {os.cpu_count()} processors",
        f"kernel: {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, {versions}",
        f"at most {in_flight():,} packets in flight",
        f"date: {now:%Y-%m-%d %H:%M} UTC; load before the start: {load} (1, 5, 15 minutes)",
    ]


def rows(series: Sequence[Series]) -> list[tuple[str, ...]]:
    """Return the table's rows, each with its ratios to others of the same number of flows."""
    cost = {(one.name, one.flows): one.nanoseconds for one in series if one.samples}
    table: list[tuple[str, ...]] = []
    for one in series:
        row = (one.name, f"{one.flows:,}")
        if not one.samples:
            table.append((*row, "no valid run", *[""] * (len(_COLUMNS) - 3)))
            continue
        costs = [sample.nanoseconds for sample in one.samples]
        table.append(
            (
                *row,
                f"{one.nanoseconds:,.0f}",
                f"{min(costs):,.0f} - {max(costs):,.0f}",
                _ratio(one.nanoseconds, cost.get((BASELINE, one.flows))),
                _ratio(cost.get((SCAPY, one.flows)), one.nanoseconds),
                f"{median(sample.rate for sample in one.samples):,.0f}",
                f"{median(sample.cpu / sample.wall for sample in one.samples):.0%}",
                f"{median(sample.packets for sample in one.samples):,.0f}",
            )
        )
    return table


def _ratio(more: float | None, less: float | None) -> str:
    """Return how many times the one is the other, where both were measured."""
    return f"{more / less:.1f}" if more and less else ""


def text(series: Sequence[Series]) -> str:
    """Return the table in columns."""
    table = [_COLUMNS, *rows(series)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def markdown(series: Sequence[Series], facts: Sequence[str], command: str, rounds: int) -> str:
    """Return the report."""
    table = [_COLUMNS, ("---", *["---:"] * (len(_COLUMNS) - 1)), *rows(series)]
    lines = "\n".join("| " + " | ".join(row) + " |" for row in table)
    known = "\n".join(f"- {fact}" for fact in facts)
    rejected = sum(len(one.rejected) for one in series)
    return f"""\
<!-- SPDX-License-Identifier: GPL-2.0 -->
# What a packet costs

Made by `{command}`, all in one run; do not edit. What is measured, and how: `bench/README.md`.

{known}
- rounds: {rounds}, interleaved; each figure is the median
- runs rejected because a packet was lost or not accepted: {rejected}

{lines}
"""
