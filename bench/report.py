# SPDX-License-Identifier: GPL-2.0
"""The figures as people read them, on the terminal and in REPORT.md."""

import datetime
import importlib.metadata
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Findings, Table
from bench.measure import in_flight

_GOALS = ("figure", "measured", "must be", "reach for", "")


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one part found, and when."""

    title: str
    began: str
    """As "2026-01-31 12:00"; UTC."""
    minutes: float
    command: str
    findings: Findings | str
    """Or why there are none."""


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


def text(table: Table) -> str:
    """Return a table in columns."""
    lines = [table.columns, *table.rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(table.columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    )


def _markdown(table: Table) -> str:
    lines = [table.columns, ("---", *["---:"] * (len(table.columns) - 1)), *table.rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def goals(chapters: Sequence[Chapter]) -> Table:
    """Return the table of all figures that have a goal."""
    found = (one.findings for one in chapters if isinstance(one.findings, Findings))
    return Table(_GOALS, [figure.row() for findings in found for figure in findings.figures])


def terminal(chapters: Sequence[Chapter]) -> str:
    """Return everything as plain text."""
    parts = []
    for one in chapters:
        if isinstance(one.findings, str):
            parts.append(f"{one.title}: not measured: {one.findings}")
            continue
        parts += [text(table) for table in one.findings.tables] + one.findings.notes
    return "\n\n".join([*parts, text(goals(chapters))])


def markdown(chapters: Sequence[Chapter], facts: Sequence[str], missing: Mapping[str, str]) -> str:
    """Return the report; ``missing``: titles of parts never measured, and their names."""
    known = "\n".join(f"- {fact}" for fact in facts)
    parts = [
        "<!-- SPDX-License-Identifier: GPL-2.0 -->\n# What qverdictd costs",
        "Made by the benchmark; do not edit. What is measured, and how: `bench/README.md`.",
        known,
        _markdown(goals(chapters)),
    ]
    for one in chapters:
        head = f"## {one.title}\n\n`{one.command}`, {one.began} UTC, {one.minutes:.1f} minutes."
        if isinstance(one.findings, str):
            parts += [head, f"Not measured: {one.findings}"]
            continue
        parts += [head, *map(_markdown, one.findings.tables), *one.findings.notes]
    for title, name in missing.items():
        parts.append(f"## {title}\n\nNot measured yet: `bench/run --only {name}`.")
    return "\n\n".join(parts) + "\n"
