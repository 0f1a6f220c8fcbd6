# SPDX-License-Identifier: GPL-2.0
"""A daemon that ends in every way there is, under load: who comes next loses nothing."""

import contextlib
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qverdictd.control.journal import Event
from tests.service.books import Books
from tests.service.rig import Load

LONGEST_LIFE = 1.0
"""Seconds: about twice what one needs from its start until it judges, here."""
MEMORY_1 = Path("/sys/fs/cgroup/memory")
MEMORY_2 = Path("/sys/fs/cgroup")


@pytest.mark.parametrize("number", ["SIGKILL", "SIGSEGV", "SIGABRT"])
def test_one_is_killed(served: Books, number: str) -> None:
    with Load(served.machine.lab) as load:
        for _ in range(3):
            load.moving()
            served.machine.kill(signal.Signals[number])
        load.moving()
    served.balance(load)


def test_one_hangs(served: Books) -> None:
    with Load(served.machine.lab) as load:
        load.moving()
        start = time.monotonic()
        served.machine.kill(signal.SIGSTOP)
        load.moving()
        took = time.monotonic() - start
    # The watchdog's time, the start, and what ending it takes on a machine that others use too.
    assert took < 5
    served.balance(load)
    assert served.entries(Event.TAKEN_OVER)


def test_a_hundred_are_killed_at_any_time(served: Books) -> None:
    """While they start, take over, judge; all that belongs to the unit goes at once."""
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"the same again: KILLS_SEED={seed} make test-service")
    moments = random.Random(seed)
    machine = served.machine
    with Load(machine.lab) as load:
        load.moving()
        for _ in range(100):
            time.sleep(moments.uniform(0, LONGEST_LIFE))
            machine.wait_for(machine.pids)
            for pid in machine.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        load.moving()
    served.balance(load)
    # Some were killed before they judged, some while they did.
    assert 10 < len(served.entries(Event.READY)) < 90


def test_one_is_killed_for_want_of_memory(served: Books) -> None:
    machine = served.machine
    with Load(machine.lab) as load, little_memory() as group:
        for kills in range(1, 3):
            load.moving()
            pid = machine.daemon()
            (group / "cgroup.procs").write_text(str(pid))
            machine.kill(signal.SIGHUP)  # and so it needs some
            machine.wait_for(lambda kills=kills: oom_kills(group) == kills)
            machine.wait_for(lambda pid=pid: machine.daemon() not in (None, pid))
        load.moving()
    served.balance(load)


@contextlib.contextmanager
def little_memory() -> Iterator[Path]:
    """Make a control group in which there is next to no memory, of either version."""
    if MEMORY_1.exists():
        group, limit = MEMORY_1 / f"qverdictd-test-{os.getpid()}", "memory.limit_in_bytes"
    else:
        group, limit = MEMORY_2 / f"qverdictd-test-{os.getpid()}", "memory.max"
    group.mkdir()
    try:
        (group / limit).write_text("256K")
        yield group
    finally:
        for _ in range(100):
            with contextlib.suppress(OSError):  # who was killed in it is not gone yet
                group.rmdir()
                break
            time.sleep(0.05)


def oom_kills(group: Path) -> int:
    """Return how many processes of a group the kernel has killed as there was no memory."""
    told = group / ("memory.oom_control" if MEMORY_1.exists() else "memory.events")
    (count,) = re.findall("(?m)^oom_kill ([0-9]+)$", told.read_text())
    return int(count)
