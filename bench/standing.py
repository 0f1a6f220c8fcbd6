# SPDX-License-Identifier: GPL-2.0
"""Programs that stand ready at their queues, their turns, and the books of these."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from bench.contestants import Program
from bench.link import Traffic
from bench.measure import Sample, in_flight, measure
from bench.tools import say

COLUMNS = (
    "",
    "packets",
    "ns a packet",
    "x baseline",
    "middle half",
    "packets/s",
    "busy",
    "packets a turn",
)
_TRIES = 3  # turns for a valid one
_TRIAL = 1_000  # packets
_SMOKE = 200  # packets of a turn in a quick run


@dataclass(slots=True)
class Series:
    """All turns of one program with one number of flows."""

    name: str
    flows: int
    held: bool = False
    """Whether packets gathered while the program was stopped."""
    samples: list[Sample] = field(default_factory=list)
    """The turns in which every packet was delivered once."""
    ratios: list[float] = field(default_factory=list)
    """Their costs over that of the baseline's turns around each."""
    rejected: int = 0
    """The other turns."""

    @property
    def packets(self) -> str:
        """How its packets come, as people read it."""
        return f"{self.flows:,} flows, {'gathered' if self.held else 'steady'}"

    def row(self) -> tuple[str, ...]:
        """Return the row of the report's table."""
        row = (self.name, self.packets)
        if not self.samples:
            return (*row, "no valid turn", *[""] * (len(COLUMNS) - 3))
        low, _, high = quantiles(self.ratios, n=4) if len(self.ratios) > 1 else self.ratios * 3
        return (
            *row,
            f"{median(one.nanoseconds for one in self.samples):,.0f}",
            f"{median(self.ratios):.2f}",
            f"{low:.2f} - {high:.2f}",
            f"{median(one.rate for one in self.samples):,.0f}",
            f"{median(one.cpu / one.wall for one in self.samples):.0%}",
            f"{self.samples[0].packets:,}",
        )


@dataclass(slots=True)
class Standing:
    """A program that stands ready at its queue."""

    name: str
    program: Program
    queue: int
    packets: int = _SMOKE
    """In one turn."""
    next_flow: int = 0
    sent: int = 0
    """In all turns."""

    def turn(self, generate: Path, series: Series, packets: int) -> Sample | None:
        """Send it packets; None if no turn of several was valid."""
        for _ in range(_TRIES):
            traffic = Traffic(series.flows, self.next_flow, packets, in_flight(), series.held)
            self.next_flow = (self.next_flow + packets) % series.flows
            self.sent += packets
            sample = measure(self.program.pid, self.queue, generate, traffic)
            if sample.valid:
                return sample
            series.rejected += 1
            say(f"rejected: {self.name}: {sample}")
        return None

    def size(self, generate: Path, flows: int, seconds: float) -> None:
        """Find out by a trial how many packets it answers in so many seconds of CPU time."""
        trial = self.turn(generate, Series(self.name, flows), _TRIAL)
        if trial is None:
            raise RuntimeError(f"{self.name} does not answer all packets")
        self.packets = max(200, min(500_000, round(seconds / trial.cpu * trial.packets)))

    def check_books(self, *, rewrites: bool) -> None:
        """Compare what our daemon said at its end with what it was sent. Raises RuntimeError."""
        said = self.program.said
        received = re.search(r"received (\d+) = .*\baccepted (\d+)", said)
        rewritten = re.search(r"rewritten: (\d+)", said)
        expected = (self.sent, self.sent, self.sent if rewrites else 0)
        found = received and rewritten and (*map(int, received.groups()), int(rewritten[1]))
        if found != expected:
            raise RuntimeError(f"{self.name}: expected {expected} in its summary:\n{said}")
