# SPDX-License-Identifier: GPL-2.0
"""The booted system: commands run in it, our unit, its journal, the module's state."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from qverdictd.transport.ipqueue_control import ControlSocket
from qverdictd.transport.ipqueue_family import IPV4, IPV6
from qverdictd.wire.ipqueue_control import Statistics

UNIT = "qverdictd.service"
PATIENCE = 120.0
"""Seconds: Python alone starts in some five here, and in many more on a loaded machine."""


def check(holds: bool, text: object) -> None:
    """Fail with what was seen instead, if something does not hold."""
    if not holds:
        raise AssertionError(str(text))


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its errors are part of its output."""
    return subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def do(*words: str) -> str:
    """Run a command that must succeed; return what it printed."""
    done = run(*words)
    check(done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout}")
    return done.stdout


def value(name: str, unit: str = UNIT) -> str:
    """Return a property of a unit."""
    return do("systemctl", "show", "--value", "--property", name, unit).rstrip("\n")


def journal() -> str:
    """Return what the journal has of our unit."""
    return do("journalctl", "--no-pager", "--unit", UNIT, "-o", "short-monotonic")


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < deadline, f"not so after {PATIENCE:.0f} s: {what}")
        time.sleep(0.2)


def judging(transport: str) -> bool:
    """Say whether the service has told that it judges packets, and how they come."""
    status = value("StatusText")
    return value("ActiveState") == "active" and f"queue 0 over {transport}," in status


def loaded(module: str) -> bool:
    """Say whether the kernel has a module."""
    lines = Path("/proc/modules").read_text(encoding="ascii").splitlines()
    return any(line.startswith(f"{module} ") for line in lines)


def statistics(*, reset: bool = False) -> list[Statistics]:
    """Return what the module counts of both queues; ``reset``: from 0 on again, once read."""
    states = []
    for family in (IPV4, IPV6):
        control = ControlSocket.open(family)
        try:
            states.append(control.statistics())
            if reset:
                control.reset()
        finally:
            control.close()
    return states
