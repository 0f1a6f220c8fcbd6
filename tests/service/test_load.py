# SPDX-License-Identifier: GPL-2.0
"""What an administrator does, under load: nothing is lost, doubled or out of order."""

import signal
import time

from qverdictd.control.journal import Event
from tests.service.books import POLICY, Books
from tests.service.machine import UNIT, Machine
from tests.service.rig import Load


def test_the_rig_itself(served: Books) -> None:
    """Nothing happens, and all agrees."""
    with Load(served.machine.lab) as load:
        load.moving(10_000)
    (life,) = served.balance(load)
    assert life.pending == 0


def test_reloads(served: Books) -> None:
    pid = served.machine.property("MainPID")
    with Load(served.machine.lab) as load:
        for _ in range(3):
            served.machine.do("systemctl", "reload", UNIT)
            load.moving(500)
    assert served.machine.property("MainPID") == pid
    served.balance(load)


def test_a_bad_policy_leaves_the_one_before(served: Books) -> None:
    machine = served.machine
    rules = machine.path("/etc/qverdictd/rules.yaml")
    with Load(machine.lab) as load:
        load.moving()
        rules.write_text("version: 1\ndefault: dorp\n")
        assert machine.run("systemctl", "reload", UNIT).returncode != 0
        machine.wait_for(lambda: "dorp" in machine.property("StatusText"))
        load.moving()
        rules.write_text(POLICY)
        machine.do("systemctl", "reload", UNIT)
        machine.wait_for(lambda: "dorp" not in machine.property("StatusText"))
        load.moving()
    served.balance(load)
    (refused,) = served.entries(Event.NOT_RELOADED)
    assert "rules.yaml:2:10: expected 'accept' or 'drop'" in refused["MESSAGE"]


def test_a_thousand_reloads(served: Books) -> None:
    """By signals: "systemctl reload", which checks the policy too, would take a quarter hour."""
    machine = served.machine
    pid = machine.property("MainPID")
    with Load(machine.lab) as load:
        load.moving()
        before = descriptors(machine, pid)
        while generation(served) <= 1000:
            for _ in range(100):
                machine.kill(signal.SIGHUP)
                time.sleep(0.01)  # two that come while one is loaded are one
        load.moving()
        assert descriptors(machine, pid) == before
    assert machine.property("MainPID") == pid
    served.balance(load)


def generation(books: Books) -> int:
    """Return how many policies the daemon has had in force."""
    books.machine.do("journalctl", "--sync")
    reloaded = books.entries(Event.RELOADED, "--lines=1")
    return int(reloaded[-1]["QVERDICT_GENERATION"]) if reloaded else 1


def descriptors(machine: Machine, pid: str) -> int:
    """Return how many files the daemon has open."""
    return len(machine.do("ls", f"/proc/{pid}/fd").split())


def test_the_manager_anew(served: Books) -> None:
    pid = served.machine.property("MainPID")
    with Load(served.machine.lab) as load:
        load.moving()
        served.machine.do("systemctl", "daemon-reexec")
        load.moving()
        served.machine.do("systemctl", "daemon-reload")
        load.moving()
    assert served.machine.property("MainPID") == pid
    served.balance(load)
