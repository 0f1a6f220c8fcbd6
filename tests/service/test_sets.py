# SPDX-License-Identifier: GPL-2.0
"""Set files that change, seen from within the unit's sandbox."""

from qverdictd.control.journal import Event
from tests.netns.lab import CLIENT
from tests.netns.traffic import Udp, queue_rule
from tests.service.machine import UNIT, Machine

POLICY = """version: 1
sets:
  block: {type: cidr, file: sets/block.txt}
rules:
  - {name: blocked, match: {src: "@block"}, verdict: drop, log: true}
"""
FILE = "/etc/qverdictd/sets/block.txt"


def wait_for(machine: Machine, event: Event, count: int) -> dict[str, str]:
    """Wait for an event's n-th entry; return it."""
    machine.wait_for(lambda: len(machine.entries(event)) >= count)
    return machine.entries(event)[-1]


def test_a_set_is_read_again_when_its_file_changes(machine: Machine) -> None:
    machine.path("/etc/qverdictd/rules.yaml").write_text(POLICY)
    machine.do("sh", "-c", f"echo 203.0.113.1 >{FILE}")
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    pid = machine.property("MainPID")
    machine.do("sh", "-c", f"echo {CLIENT[4]} >{FILE}.new && mv {FILE}.new {FILE}")
    read = wait_for(machine, Event.SET_READ, 1)
    assert (read["QVERDICT_SET"], read["QVERDICT_FILE"]) == ("block", FILE)
    assert read["QVERDICT_GENERATION"] == "2"
    with Udp(machine.lab) as udp:
        udp.send(b"blocked")
        logged = wait_for(machine, Event.LOGGED, 1)
        assert (logged["QVERDICT_RULE"], logged["QVERDICT_GENERATION"]) == ("blocked", "2")
        # Bad: it stays, in the journal and in the status line, until it is good again.
        machine.do("sh", "-c", f"echo no address >{FILE}")
        refused = wait_for(machine, Event.SET_NOT_READ, 1)
        assert refused["PRIORITY"] == "3"
        assert f"set 'block' stays as it was:\n{FILE}:1:1: " in refused["MESSAGE"]
        machine.wait_for(lambda: "'block' stays as it was" in machine.property("StatusText"))
        assert machine.property("ActiveState") == "active"
        udp.send(b"blocked")
        wait_for(machine, Event.LOGGED, 2)
        # A link to where a program may keep a list of its own.
        state = "/var/lib/qverdictd/block.txt"
        machine.do("sh", "-c", f"echo 203.0.113.1 >{state} && ln -sf {state} {FILE}")
        wait_for(machine, Event.SET_READ, 2)
        machine.wait_for(lambda: "stays" not in machine.property("StatusText"))
        udp.send(b"through")
        assert udp.arrived(1) == [b"through"]
        machine.do("sh", "-c", f"echo {CLIENT[4]} >>{state}")
        assert wait_for(machine, Event.SET_READ, 3)["QVERDICT_GENERATION"] == "4"
        udp.send(b"blocked")
        wait_for(machine, Event.LOGGED, 3)
    # Reloading makes nothing of it anew, and nothing was said of folders that cannot be watched.
    machine.do("systemctl", "reload", UNIT)
    assert wait_for(machine, Event.RELOADED, 1)["QVERDICT_GENERATION"] == "5"
    assert "not noticed" not in machine.journal()
    assert "not watched" not in machine.journal()
    assert machine.property("MainPID") == pid
