# SPDX-License-Identifier: GPL-2.0
"""What is kept at each end of the service: descriptors, and the rules that lead to the queue."""

import re
import signal

import pytest

from tests.netns.traffic import Udp
from tests.service.machine import UNIT, Machine


@pytest.fixture
def attached(machine: Machine) -> Machine:
    """Start the service with rules of its own, which are to go at a stop."""
    machine.path("/etc/qverdictd/rules.yaml").write_text("version: 1\ndefault: accept\n")
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text(
        "attach: {backend: iptables-nft, on_stop: detach}\n"
    )
    machine.do("systemctl", "start", UNIT)
    return machine


def matched(machine: Machine) -> int | None:
    """Return how many packets our rule has seen, which begins at 0 when it is made anew."""
    saved = machine.do("iptables-nft-save", "-c")
    found = re.search(r"^\[(\d+):\d+\] -A qverdictd-forward .*NFQUEUE", saved, re.MULTILINE)
    return int(found[1]) if found else None


def judged(machine: Machine) -> bool:
    with Udp(machine.lab) as udp:
        udp.send(b"x")
        return udp.arrived(1) == [b"x"]


def killed(machine: Machine, number: signal.Signals) -> None:
    """Have the daemon end by a signal, and wait for the next one."""
    pid = machine.property("MainPID")
    machine.do("kill", f"-{number}", pid)
    machine.wait_for(lambda: machine.property("MainPID") not in (pid, "0"))
    machine.wait_for(lambda: machine.property("ActiveState") == "active")


def test_rules_stay_when_the_service_comes_back(attached: Machine) -> None:
    assert judged(attached)
    assert matched(attached) == 1
    attached.do("systemctl", "restart", UNIT)
    for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGKILL, signal.SIGSEGV):
        killed(attached, number)
    (package,) = attached.path("/root").glob("qverdictd_*.deb")
    attached.do("apt-get", "-q", "-y", "install", "--reinstall", f"/root/{package.name}")
    assert judged(attached)
    assert matched(attached) == 2
    attached.do("systemctl", "stop", UNIT)
    assert matched(attached) is None


def test_the_store_has_a_queue_and_its_ledger(attached: Machine) -> None:
    """Of the spare sockets none is left, however often it is started."""
    assert attached.property("NFileDescriptorStore") == "2"
    for _ in range(3):
        attached.do("systemctl", "restart", UNIT)
        killed(attached, signal.SIGKILL)
        assert attached.property("NFileDescriptorStore") == "2"
    descriptors = attached.do("ls", f"/proc/{attached.property('MainPID')}/fd").split()
    attached.do("systemctl", "restart", UNIT)
    again = attached.do("ls", f"/proc/{attached.property('MainPID')}/fd").split()
    assert len(again) == len(descriptors)
    attached.do("systemctl", "stop", UNIT)
    assert attached.property("NFileDescriptorStore") == "0"
    assert attached.lab.queues("gateway") == {}


def test_fewer_queues_after_a_restart(attached: Machine) -> None:
    config = attached.path("/etc/qverdictd/qverdictd.yaml")
    config.write_text("queues: 0-3\n")
    attached.do("systemctl", "restart", UNIT)
    assert set(attached.lab.queues("gateway")) == {0, 1, 2, 3}
    config.write_text("queues: 1-2\n")
    attached.do("systemctl", "restart", UNIT)
    assert set(attached.lab.queues("gateway")) == {1, 2}
    assert "queue 0 is no longer configured and was given back" in attached.journal()
    assert attached.property("NFileDescriptorStore") == "4"
