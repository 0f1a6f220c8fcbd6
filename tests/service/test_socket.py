# SPDX-License-Identifier: GPL-2.0
"""The socket unit: a queue that outlives the service, and starts it again."""

import time

import pytest

from tests.netns.traffic import Udp, queue_rule
from tests.service.machine import UNIT, Machine

SOCKET = "qverdictd.socket"
EXPOSURE = 6
"""As systemd-analyze counts, 6 is 0.6."""
POLICY = "version: 1\ndefault: accept\n"
WRONG = "version: 2\n"


@pytest.fixture
def lasting(machine: Machine) -> Machine:
    """Enable the socket unit, start the service, and send to queue 0 what the gateway forwards."""
    policy(machine, POLICY)
    machine.do("systemctl", "enable", SOCKET)
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    return machine


def policy(machine: Machine, text: str) -> None:
    machine.path("/etc/qverdictd/rules.yaml").write_text(text)


def state(machine: Machine, unit: str) -> str:
    return machine.run("systemctl", "is-active", unit).stdout.rstrip("\n")


def queues(machine: Machine) -> set[int]:
    return set(machine.lab.queues("gateway"))


def drop_in(machine: Machine, unit: str, text: str) -> None:
    folder = machine.path(f"/etc/systemd/system/{unit}.d")
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(text)
    machine.do("systemctl", "daemon-reload")


def test_the_queue_outlives_a_stop_and_the_next_packet_starts_the_service(lasting: Machine) -> None:
    assert state(lasting, SOCKET) == "active"
    done = lasting.run("systemd-analyze", "security", f"--threshold={EXPOSURE}", "--no-pager", UNIT)
    assert done.returncode == 0, done.stdout
    with Udp(lasting.lab) as udp:
        udp.send(b"judged")
        assert udp.arrived(1) == [b"judged"]
        lasting.do("systemctl", "stop", UNIT)
        assert state(lasting, UNIT) == "inactive"
        assert queues(lasting) == {0}
        udp.send(b"waited", b"too")
        assert udp.arrived(2) == [b"waited", b"too"]
        lasting.wait_for(lambda: state(lasting, UNIT) == "active")
        # And again: the socket is not used up.
        lasting.do("systemctl", "stop", UNIT)
        udp.send(b"again")
        assert udp.arrived(1) == [b"again"]
    lasting.do("systemctl", "stop", SOCKET, UNIT)
    assert queues(lasting) == set()


def test_without_a_policy_no_packet_starts_it(lasting: Machine) -> None:
    lasting.do("systemctl", "stop", UNIT)
    policy(lasting, WRONG)
    with Udp(lasting.lab) as udp:
        udp.send(b"starts it")
        lasting.wait_for(lambda: state(lasting, UNIT) == "failed")
        lasting.wait_for(lambda: state(lasting, SOCKET) == "inactive")
        assert lasting.property("ExecMainStatus") == "78"
        assert queues(lasting) == set()
        started = lasting.property("InvocationID")
        udp.send(b"dropped", b"dropped")
        time.sleep(1)
        assert lasting.property("InvocationID") == started
        assert lasting.property("NRestarts") == "0"
        policy(lasting, POLICY)
        lasting.do("systemctl", "start", UNIT)
        assert state(lasting, SOCKET) == "active"
        udp.send(b"judged")
        assert udp.arrived(1) == [b"judged"]
    lasting.do("systemctl", "stop", UNIT)
    assert queues(lasting) == {0}


def test_a_line_for_each_queue(machine: Machine) -> None:
    policy(machine, POLICY)
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text("queues: 0-2\n")
    drop_in(machine, SOCKET, "[Socket]\nListenNetlink=netfilter 0\nListenNetlink=netfilter 0\n")
    machine.do("systemctl", "enable", SOCKET)
    machine.do("systemctl", "start", UNIT)
    for number in range(3):
        port = str(4000 + number)
        queue_rule(machine.lab, "-p", "udp", "--dport", port, number=number)
    machine.do("systemctl", "stop", UNIT)
    assert queues(machine) == {0, 1, 2}
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "daemon-reexec")
    assert queues(machine) == {0, 1, 2}
    with Udp(machine.lab) as udp:
        udp.send(b"waited")
        assert udp.arrived(1) == [b"waited"]
    machine.wait_for(lambda: state(machine, UNIT) == "active")
    assert queues(machine) == {0, 1, 2}
    machine.do("systemctl", "stop", SOCKET, UNIT)
    assert queues(machine) == set()


def test_a_queue_without_a_line_is_the_service_s(machine: Machine) -> None:
    policy(machine, POLICY)
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text("queues: 0-1\n")
    machine.do("systemctl", "enable", SOCKET)
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab, number=1)
    assert queues(machine) == {0, 1}
    with Udp(machine.lab) as udp:
        udp.send(b"judged")
        assert udp.arrived(1) == [b"judged"]
    machine.do("systemctl", "restart", UNIT)
    assert queues(machine) == {0, 1}
    machine.do("systemctl", "stop", UNIT)
    assert queues(machine) == {0}


def test_it_is_begun_with_while_the_service_runs(machine: Machine) -> None:
    """At a restart: the queue stays on its socket until it is free."""
    policy(machine, POLICY)
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    machine.do("systemctl", "enable", SOCKET)
    with Udp(machine.lab) as udp:
        machine.do("systemctl", "restart", UNIT)
        udp.send(b"one")
        assert udp.arrived(1) == [b"one"]
        machine.do("systemctl", "stop", UNIT)
        machine.do("systemctl", "start", UNIT)
        machine.do("systemctl", "stop", UNIT)
        udp.send(b"two")
        assert udp.arrived(1) == [b"two"]
