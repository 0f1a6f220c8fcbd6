# SPDX-License-Identifier: GPL-2.0
"""Whether memory and descriptors stay what they are, under load and over many reloads.

The daemon has our unit's watchdog. Packets come in bursts, of flows more than it remembers, and
every one must arrive. What a process has is told by the kernel: first after a warm-up, in which
every flow was seen twice and the policy was reloaded, and then until the end. What comes and goes
with each policy, small objects among those that stay, finds its places over some thousand reloads;
the report has what the process had before that, too.
"""

import re
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import link, policies
from bench.figure import Figure, Findings, Goal, Table
from bench.link import Traffic
from bench.managed import Held, Managed, managed
from bench.measure import in_flight
from bench.tools import Options, compiled, configuration, policy, say, written

_QUEUE = 0
_FLOWS = 100_000
_WARM_UP = 2 * _FLOWS
_WARM_RELOADS = 20
_WARM_PART = 4
"""The part of the reloads that comes before them, where reloads are what is endured."""
_BURST = 1.0
"""Seconds from one burst to the next."""
_SAMPLES = 200
"""What is told of a whole course, at least."""
_COLUMNS = (
    "",
    "minutes",
    "packets",
    "reloads",
    "resident, KiB, at the start",
    "first",
    "last",
    "most",
    "own, KiB, at the start",
    "first",
    "last",
    "most",
    "descriptors",
)


class Load:
    """Sends a burst of packets every second, for as long as the ``with`` block lasts."""

    def __init__(self, pid: int, rate: int, generate: Path) -> None:
        """``rate``: packets a second, over time."""
        self._pid = pid
        self._packets = round(rate * _BURST)
        self._generate = generate
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._flow = 0
        self.sent = 0
        self.lost = 0

    def burst(self, packets: int) -> None:
        """Send packets as fast as they are answered."""
        traffic = Traffic(_FLOWS, self._flow, packets, in_flight())
        with link.counter() as counter:
            number = counter.fileno()
            command = link.generator(self._generate, _QUEUE, traffic, number, self._pid)
            done = subprocess.run(command, pass_fds=[number], stdout=subprocess.PIPE, check=True)
        self._flow = (self._flow + packets) % _FLOWS
        self.sent += packets
        self.lost += packets - int(done.stdout.split()[1])

    def _run(self) -> None:
        following = time.monotonic()
        while not self._ended.wait(max(following - time.monotonic(), 0)):
            following += _BURST
            self.burst(self._packets)

    def __enter__(self) -> "Load":
        self.burst(_WARM_UP)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@dataclass(slots=True)
class Course:
    """What one course of the daemon's life showed."""

    name: str
    start: Held
    """What the daemon had before the warm-up."""
    began: float = 0.0
    ended: float = 0.0
    held: list[Held] = field(default_factory=list)
    """What it had from then on."""
    packets: int = 0
    reloads: int = 0

    def growth(self) -> float:
        """Return the resident memory of the last tenth over that of the first, by their medians.

        One sample alone may be of a moment in which two policies are there.
        """
        sizes = [one.resident for one in self.held]
        tenth = max(len(sizes) // 10, 1)
        return statistics.median(sizes[-tenth:]) / statistics.median(sizes[:tenth])

    def row(self) -> tuple[str, ...]:
        """Return the row of the report's table."""
        sizes: list[str] = []
        numbers = [one.descriptors for one in self.held]
        for first, *all_ in (
            [at.resident for at in (self.start, *self.held)],
            [at.own for at in (self.start, *self.held)],
        ):
            sizes += (f"{size / 1024:,.0f}" for size in (first, all_[0], all_[-1], max(all_)))
        return (
            self.name,
            f"{(self.ended - self.began) / 60:.1f}",
            f"{self.packets:,}",
            f"{self.reloads:,}",
            *sizes,
            " - ".join(map(str, sorted({min(numbers), max(numbers)}))),
        )


@contextmanager
def _course(name: str, rules: Path, options: Options) -> Iterator[tuple[Course, Managed]]:
    """Let the daemon live under load; a packet that was lost is an error."""
    with link.made(1), managed(rules, configuration(options.engine), _QUEUE) as daemon:
        course = Course(name, daemon.held())
        with Load(daemon.pid, options.rate, compiled("generate")) as load:
            yield course, daemon
            course.held.append(daemon.held())
        course.ended = time.monotonic()
    course.packets = load.sent
    said = daemon.log.read_text()
    answered = re.search(r"received (\d+) = ", said)
    if load.lost or answered is None or int(answered[1]) != load.sent:
        raise RuntimeError(f"{name}: {load.sent} sent, {load.lost} lost: {said[-2000:]}")


def _begin(course: Course, daemon: Managed) -> None:
    """Let what follows count: the warm-up is over."""
    course.began = time.monotonic()
    course.held.append(daemon.held())


def _under_load(options: Options) -> Course:
    """Judge packets by 10,000 rules for some minutes."""
    name = "load, 10,000 rules"
    rules = policy("endure", policies.spread(10_000))
    with _course(name, rules, options) as (course, daemon):
        for _ in range(1 if options.quick else _WARM_RELOADS):
            daemon.reload()
        _begin(course, daemon)
        end = course.began + options.minutes * 60
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, max(1.0, options.minutes * 60 / _SAMPLES)))
            course.held.append(daemon.held())
            _progress(course, f"{left / 60:.0f} minutes left")
    return course


def _over_reloads(options: Options) -> Course:
    """Reload policies of two sizes in turn."""
    texts = [_policy(size) for size in (200, 300)]
    rules = written("endure-reload.yaml", texts[0])
    # Always with the same policy in force, or its size would be told as growth.
    apart = max(2, options.reloads // _SAMPLES * 2)
    warm = options.reloads // _WARM_PART // apart * apart
    with _course("reloads, 200 and 300 rules in turn", rules, options) as (course, daemon):
        for number in range(1, warm + options.reloads + 1):
            rules.write_text(texts[number % 2])
            daemon.reload()
            if number == warm:
                _begin(course, daemon)
            elif number > warm and number % apart == 0:
                course.reloads = number - warm
                course.held.append(daemon.held())
                _progress(course, f"{course.reloads} of {options.reloads} reloads")
    return course


def _policy(size: int) -> str:
    """Return a policy with some of everything that takes memory: a set, patterns, rewrites."""
    members = written(
        "endure-set.txt", "".join(f"10.{n >> 8}.{n & 255}.0/25\n" for n in range(5000))
    )
    extra = (
        f"sets:\n  many: {{type: cidr, file: {members.name}}}\nrules:\n"
        '  - {name: many, match: {src: "@many"}, verdict: drop}\n'
        '  - {name: odd, match: {payload: {regex: "gr[ae]{3}ting.*[0-9]{3}"}}, verdict: drop}\n'
    )
    text = policies.yaml(policies.spread(size), rewrite=True)
    return text.replace("rules:\n", extra, 1)


def _progress(course: Course, left: str) -> None:
    now = course.held[-1]
    memory = f"{now.resident >> 10:,} KiB resident, {now.own >> 10:,} KiB own"
    say(f"endure: {course.name}: {left}; {memory}, {now.descriptors} descriptors")


def under_load(options: Options) -> Findings:
    """Let a daemon live under load."""
    return _findings(_under_load(options), f"after {options.minutes:g} minutes under load", options)


def over_reloads(options: Options) -> Findings:
    """Let a daemon live through reloads."""
    return _findings(_over_reloads(options), f"after {options.reloads:,} reloads", options)


def _findings(course: Course, when: str, options: Options) -> Findings:
    more = course.held[-1].descriptors - course.held[0].descriptors
    found = Findings(tables=[Table(_COLUMNS, [course.row()])])
    found.figures = [
        Figure(f"memory {when}: over that at the begin", course.growth(), "x", Goal(1.01, 1.0)),
        Figure(f"descriptors {when}: more than at the begin", more, "", Goal(0, 0)),
    ]
    found.notes = [
        "Resident: the process's memory in RAM (Rss of smaps_rollup); own: what of it no file "
        f"holds (Anonymous). The first is after a warm-up, in which each of {_FLOWS:,} flows was "
        f"seen twice and the policy was reloaded: {_WARM_RELOADS} times before the load, and a "
        "quarter as often as afterwards before the reloads. The figure compares the medians of the "
        "first and the last tenth of the samples.",
        f"Packets come in bursts, {options.rate:,} a second over time; every one arrived, and the "
        "daemon's own count agrees. The watchdog's feeding is on, as in the unit.",
    ]
    return found
