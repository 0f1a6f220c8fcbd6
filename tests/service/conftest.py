# SPDX-License-Identifier: GPL-2.0
"""A booted system for each test; our package is installed once, and the layer used by all."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import enter
from tests.netns.lab import Lab
from tests.service.books import POLICY, Books
from tests.service.machine import PACKAGES, UNIT, Machine

_numbers = itertools.count()


def place() -> Path:
    """Return a new folder on the world's own /run, which goes with the world."""
    return Path("/run/machines", str(next(_numbers)))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Three hosts; the one in the middle is the system's network."""
    if not enter.inside():
        pytest.fail("these tests boot a system, in a private world only: make test-service")
    with Lab() as built:
        yield built


@pytest.fixture
def bare(lab: Lab) -> Iterator[Machine]:
    """Boot a system without our package, which lies in /root."""
    with Machine(lab, place()) as machine:
        for package in PACKAGES.glob("*.deb"):
            shutil.copy(package, machine.path("/root"))
        yield machine


@pytest.fixture(scope="session")
def installed() -> Path:
    """Install our package; return the layer that this leaves."""
    with Lab() as lab, Machine(lab, place()) as machine:
        for package in PACKAGES.glob("*.deb"):
            shutil.copy(package, machine.path("/root"))
        install(machine)
        machine.run("journalctl", "--flush")
        return machine.layer


def install(machine: Machine) -> str:
    """Install our package as a person does."""
    (package,) = PACKAGES.glob("qverdictd_*.deb")
    return machine.do("apt-get", "-q", "-y", "install", f"/root/{package.name}")


@pytest.fixture
def machine(lab: Lab, installed: Path) -> Iterator[Machine]:
    """Boot a system with our package, not started yet."""
    with Machine(lab, place(), below=[installed]) as machine:
        yield machine


@pytest.fixture
def served(machine: Machine) -> Iterator[Books]:
    """Start the service, and open the books of what the gateway forwards."""
    machine.path("/etc/qverdictd/rules.yaml").write_text(POLICY)
    machine.do("systemctl", "start", UNIT)
    yield Books(machine)
    print(machine.journal())  # shown where a test fails
