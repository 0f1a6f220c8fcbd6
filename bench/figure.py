# SPDX-License-Identifier: GPL-2.0
"""Figures: what was measured, what it must be, and whether it is."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure must be, and what we reach for, in the figure's unit."""

    must: float | None
    """None: it is only reached for."""
    reach: float
    at_least: bool = False
    """More is better; otherwise less is."""

    def verdict(self, value: float) -> str:
        """Return how a figure stands to the goal."""
        if self._good(value, self.reach):
            return "met, as reached for"
        if self.must is None:
            return "not reached"
        return "met" if self._good(value, self.must) else "SHORT"

    def _good(self, value: float, limit: float) -> bool:
        return value >= limit if self.at_least else value <= limit

    def text(self, limit: float | None, unit: str) -> str:
        """Return a limit as people read it."""
        if limit is None:
            return "-"
        return f"{'>=' if self.at_least else '<='} {limit:g}{unit}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that has a goal."""

    what: str
    value: float
    unit: str
    """As it follows the number: " ns", "x"."""
    goal: Goal

    def row(self) -> tuple[str, ...]:
        """Return the figure's row of the report's first table."""
        return (
            self.what,
            f"{number(self.value)}{self.unit}",
            self.goal.text(self.goal.must, self.unit),
            self.goal.text(self.goal.reach, self.unit),
            self.goal.verdict(self.value),
        )


@dataclass(slots=True)
class Table:
    """A table of the report; the first column is text, the others are numbers."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """What one part of the benchmark found."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a reader must know to read the figures; a sentence each."""


def number(value: float) -> str:
    """Return a number with as many digits as it is good for."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
