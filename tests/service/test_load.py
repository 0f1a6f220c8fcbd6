# SPDX-License-Identifier: GPL-2.0
"""What an administrator does, under load: nothing is lost, doubled or out of order."""

import re
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
    """By signals: "systemctl reload" checks the policy too, and would take a quarter of an hour."""
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


def test_a_restart_leaves_what_waits_to_the_next(served: Books) -> None:
    with Load(served.machine.lab) as load:
        for _ in range(3):
            load.moving()
            served.machine.do("systemctl", "restart", UNIT)
        load.moving()
    lives = served.balance(load)
    assert len(lives) == 4


def test_starts_where_the_socket_unit_holds_the_queue(served: Books) -> None:
    """What comes while nobody runs waits, and starts the service if no person does."""
    machine = served.machine
    machine.do("systemctl", "stop", UNIT)
    machine.do("systemctl", "enable", "qverdictd.socket")
    machine.do("systemctl", "start", UNIT)
    machine.do("systemctl", "stop", UNIT)
    with Load(machine.lab) as load:
        machine.do("systemctl", "start", UNIT)
        for _ in range(3):
            load.moving()
            machine.do("systemctl", "stop", UNIT)
        load.moving()
    served.balance(load)


def test_an_upgrade(served: Books) -> None:
    machine = served.machine
    pid = machine.property("MainPID")
    newer = repacked(machine, "99")
    with Load(machine.lab) as load:
        load.moving()
        machine.do("apt-get", "-q", "-y", "install", newer)
        load.moving()
    assert machine.property("MainPID") != pid
    assert machine.do("dpkg-query", "--show", "--showformat=${Version}", "qverdictd") == "99"
    served.balance(load)


def repacked(machine: Machine, version: str) -> str:
    """Make a package of another version out of ours; return its name in the system."""
    (package,) = machine.path("/root").glob("qverdictd_*.deb")
    machine.do("dpkg-deb", "-R", f"/root/{package.name}", "/root/newer")
    control = machine.path("/root/newer/DEBIAN/control")
    control.write_text(re.sub("(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    machine.do("dpkg-deb", "-Znone", "-b", "/root/newer", "/root/newer.deb")
    return "/root/newer.deb"
