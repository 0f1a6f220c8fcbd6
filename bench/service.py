# SPDX-License-Identifier: GPL-2.0
"""The service on a real systemd: from start to ready, and replaced when it hangs.

A Debian that systemd-nspawn boots has our package (``make deb``) and its unit as they are
installed anywhere; it is the gateway of the laboratory's three hosts. All times are on the
machine's monotonic clock, which the system in there shares.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median

from tests.netns.lab import Lab
from tests.netns.traffic import Udp, queue_rule
from tests.service.conftest import install
from tests.service.machine import BASE, PACKAGES, UNIT, Machine

from bench import policies
from bench.figure import Figure, Findings, Goal, Table
from bench.managed import Held
from bench.tools import BUILD, Options, say
from qverdictd.control.journal import Event

_MANY = 10_000
_RULES = "/etc/qverdictd/rules.yaml"
_APART = 0.005
"""Seconds from one probe to the next."""
_SOON = 10.0
"""Seconds in which a hung daemon must be replaced, or it never is."""
_PHASES = 10
"""Parts of a second by which the moments of hanging differ: the watchdog is fed evenly."""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the unit; seconds from the moment ``systemctl start`` was called."""

    process: float
    """Our process is made."""
    ready: float
    """It says that it judges."""
    returned: float
    """systemctl is done."""
    cpu: float
    """CPU seconds that our process took until then: what is left of it where others run too."""


def _machine(lab: Lab) -> Machine:
    """Boot a system with our package. Raises RuntimeError where there is none to boot."""
    if not BASE.exists() or not list(PACKAGES.glob("qverdictd_*.deb")):
        raise RuntimeError("there is no system to boot: make deb, and tests/service/base as root")
    return Machine(lab, BUILD / "machine")


def _start(machine: Machine) -> Start:
    """Start the unit, which is stopped."""
    began = time.monotonic()
    machine.do("systemctl", "start", UNIT)
    returned = time.monotonic()
    text = machine.journal("-o", "json", f"MESSAGE_ID={Event.READY.value}")
    ready = int(json.loads(text.splitlines()[-1])["__MONOTONIC_TIMESTAMP"]) / 1e6
    process = int(machine.property("ExecMainStartTimestampMonotonic")) / 1e6
    return Start(process - began, ready - began, returned - began, _cpu(machine.daemon()))


def _cpu(pid: int | None) -> float:
    """Return the seconds of user and system time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _starts(machine: Machine, rounds: int) -> list[Start]:
    """Start and stop the unit again and again; the first time, which reads from the disk, aside."""
    found = []
    for _ in range(rounds + 1):
        found.append(_start(machine))
        machine.do("systemctl", "stop", UNIT)
    return found[1:]


def _hang(machine: Machine, udp: Udp, numbers: Callable[[], int]) -> float:
    """Stop the daemon's process; return after how many seconds another one judges.

    That is when a packet arrives that was sent after the stop. Raises RuntimeError if none does.
    """
    pid = machine.daemon()
    began = time.monotonic()
    machine.kill(signal.SIGSTOP)
    while not _stopped(pid):  # a thread may finish what it is at
        time.sleep(0.001)
    first = numbers()
    while time.monotonic() < began + _SOON:
        udp.send(numbers().to_bytes(8))
        for data in udp.waiting():
            if int.from_bytes(data) > first:
                took = time.monotonic() - began
                machine.wait_for(lambda: machine.property("SubState") == "running")
                if machine.daemon() == pid:
                    raise RuntimeError("the process that hung goes on")
                return took
        time.sleep(_APART)
    raise RuntimeError(f"nobody judges: {machine.journal()[-2000:]}")


def _stopped(pid: int | None) -> bool:
    """Tell whether all threads of a process are stopped."""
    states = [
        task.read_text().rpartition(")")[2].split()[0]
        for task in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return set(states) == {"T"}


def _hangs(machine: Machine, rounds: int) -> list[float]:
    """Have the daemon hang again and again, at different moments between two feedings."""
    found = []
    numbers = count(1).__next__
    with Udp(machine.lab) as udp:
        for number in range(rounds):
            time.sleep(1 + number % _PHASES / _PHASES)
            found.append(_hang(machine, udp, numbers))
    return found


def _held(machine: Machine) -> Held:
    """Return what the unit's process has."""
    pid = machine.daemon()
    assert pid is not None
    return Held.by(pid)


def _seconds(values: list[float]) -> tuple[str, ...]:
    return (f"{min(values):.2f}", f"{median(values):.2f}", f"{max(values):.2f}")


def run(options: Options) -> Findings:
    """Measure starts, hangs and what the process has, with many rules and with one."""
    times = Table(("", "least, s", "median, s", "most, s"))
    sizes = Table(("ready", "resident, KiB", "own, KiB", "descriptors"))
    found = Findings(tables=[times, sizes])
    with Lab() as lab, _machine(lab) as machine:
        for package in PACKAGES.glob("*.deb"):
            shutil.copy(package, machine.path("/root"))
        install(machine)
        queue_rule(lab)
        for size in (1, _MANY):
            name = f"{size:,} rule{'s' if size > 1 else ''}"
            rules = [*policies.last(size)[:-1], policies.EVERYTHING]  # our probes too
            Path(machine.path(_RULES)).write_text(policies.yaml(rules))
            starts = _starts(machine, options.rounds)
            say(f"service: {name}: started {options.rounds} times")
            machine.do("systemctl", "start", UNIT)
            held = _held(machine)
            hangs = _hangs(machine, 1 if options.quick else 10)
            say(f"service: {name}: hung {len(hangs)} times")
            machine.do("systemctl", "stop", UNIT)
            readies = [one.ready for one in starts]
            times.rows += [
                (f"start to its process, {name}", *_seconds([one.process for one in starts])),
                (f"start to ready, {name}", *_seconds(readies)),
                (f"CPU time of our process, {name}", *_seconds([one.cpu for one in starts])),
                (f"systemctl start, {name}", *_seconds([one.returned for one in starts])),
                (f"hung to replaced, {name}", *_seconds(hangs)),
            ]
            sizes.rows.append(
                (name, f"{held.resident >> 10:,}", f"{held.own >> 10:,}", str(held.descriptors))
            )
            if size == _MANY:
                what = f"systemctl start to ready, {name}: the median"
                found.figures.append(Figure(what, median(readies), " s", Goal(1.0, 0.5)))
            what = f"hung to replaced, {name}: the longest of {len(hangs)}"
            found.figures.append(Figure(what, max(hangs), " s", Goal(2.5, 1.5)))
    found.notes.append(
        "The unit of the package, in a Debian booted by systemd-nspawn. Ready: the journal's entry "
        "that says so, which the daemon makes just before it tells systemd. Only after that does "
        "systemd run ExecStartPost=, on which systemctl waits."
    )
    found.notes.append(
        "Hung: SIGSTOP, at moments spread over the time between two feedings of the watchdog. "
        "Replaced: a packet sent after that has been judged and arrived. A packet is sent every "
        f"{_APART * 1000:.0f} ms."
    )
    return found
