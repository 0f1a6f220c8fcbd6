# SPDX-License-Identifier: GPL-2.0
"""How long a reload of 10,000 rules keeps packets waiting.

An even stream of packets passes the daemon; in every other stretch it is told to reload, again and
again. What is seen at the receiver is the worker's longest pause and all that the machine adds,
which the stretches without a reload show.
"""

import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from os import kill
from pathlib import Path
from statistics import median

from tests.netns.lab import Lab

from bench import contestants, gateway, policies
from bench.figure import Figure, Findings, Goal, Table
from bench.measure import processors
from bench.tools import Options, compiled, configuration, policy, say

_PORT = 7000
_INTERVAL = 100  # microseconds between two packets
_APART = 1.0  # seconds between two reloads
_COLUMNS = (
    "stretch",
    "packets",
    "longest gap, ms",
    "longest way, ms",
    "p99.9, ms",
    "p50, ms",
    "gaps over 2 ms",
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of the stream showed; times in milliseconds."""

    sent: int
    received: int
    gap: float
    """The longest time between two arrivals."""
    way: float
    """The longest time that a packet took."""
    usual: float
    late: float
    """The 99.9th percentile of the time that a packet took; `usual`: the median."""
    long_gaps: int


def _stretch(pace: Path, ends: list[int], seconds: float, cpu: int) -> Stretch:
    numbers = [*map(str, ends), str(seconds), str(_INTERVAL)]
    done = subprocess.run(
        ["taskset", "-c", str(cpu), pace, *numbers],
        pass_fds=ends,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    sent, received, gap, way, usual, late, long_gaps = map(int, done.stdout.split())
    return Stretch(sent, received, gap / 1e6, way / 1e6, usual / 1e6, late / 1e6, long_gaps)


class _Reloads:
    """Tells a daemon to reload, evenly, for as long as the ``with`` block lasts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.count = 0

    def _run(self) -> None:
        while not self._ended.wait(_APART):
            kill(self._pid, signal.SIGHUP)
            self.count += 1

    def __enter__(self) -> "_Reloads":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def run(options: Options) -> Findings:
    """Measure stretches with and without reloads in turn."""
    seconds = 1.5 if options.quick else 6.0
    own, traffic = processors()
    pace, config = compiled("pace"), configuration(options.engine)
    rules = [*policies.last(10_000)[:-1], policies.EVERYTHING]
    daemon = contestants.daemon("qverdictd", policy("reload", rules), config)
    reloads = 0
    quiet: list[Stretch] = []
    busy: list[Stretch] = []
    with Lab() as lab, ExitStack() as stack:
        ends = [end.fileno() for end in stack.enter_context(gateway.sockets(lab, _PORT))]
        program = stack.enter_context(gateway.standing(lab, daemon, [own, traffic], 0))
        gateway.queue_udp(lab, _PORT, 0)
        for number in range(1, options.rounds + 1):
            quiet.append(_stretch(pace, ends, seconds, traffic))
            with _Reloads(program.pid) as telling:
                busy.append(_stretch(pace, ends, seconds, traffic))
            reloads += telling.count
            time.sleep(2 * _APART)  # the last reload ends in a stretch of nobody's
            say(f"reload: round {number}/{options.rounds}")
    lost = sum(one.sent - one.received for one in (*quiet, *busy))
    if lost:
        raise RuntimeError(f"{lost} packets of the stream were lost")
    return _findings(quiet, busy, reloads, (traffic, own))


def _findings(
    quiet: list[Stretch], busy: list[Stretch], reloads: int, cpus: tuple[int, int]
) -> Findings:
    found = Findings(tables=[Table(_COLUMNS)])
    for name, stretches in (("without reloads", quiet), ("with reloads", busy)):
        found.tables[0].rows.append(
            (
                name,
                f"{sum(one.received for one in stretches):,}",
                f"{max(one.gap for one in stretches):.2f}",
                f"{max(one.way for one in stretches):.2f}",
                f"{median(one.late for one in stretches):.3f}",
                f"{median(one.usual for one in stretches):.3f}",
                str(sum(one.long_gaps for one in stretches)),
            )
        )
    # The median stretch: a pause that reloads make is in each, one that the machine makes is not.
    longest = median(one.way for one in busy)
    what = "reload under load, 10,000 rules: longest way of a packet, the median stretch"
    found.figures.append(Figure(what, longest, " ms", Goal(2.0, 0.2)))
    found.notes.append(
        f"{reloads} reloads, {_APART:.0f} s apart; a packet every {_INTERVAL} us. The stream is on "
        f"processor {cpus[0]}; the daemon, its loading thread too, may run on both."
    )
    found.notes.append(
        "Longest way without reloads, the median stretch: "
        f"{median(one.way for one in quiet):.2f} ms."
    )
    return found
