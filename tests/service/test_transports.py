# SPDX-License-Identifier: GPL-2.0
"""Ways of packets that need more than the unit allows, with the drop-in of docs/service.md."""

import re
import time
from pathlib import Path

from tests.netns.traffic import Udp, queue_rule
from tests.service.machine import UNIT, Machine

MANUAL = Path(__file__).parents[2] / "docs/service.md"


def drop_in(machine: Machine, about: str) -> None:
    """Do what the manual shows about something."""
    shown = re.findall(
        r"```ini\n# systemctl edit qverdictd\n(.*?)```", MANUAL.read_text(), re.DOTALL
    )
    (text,) = (text for text in shown if about in text)
    folder = machine.path(f"/etc/systemd/system/{UNIT}.d")
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(text)
    machine.do("systemctl", "daemon-reload")


def prepared(machine: Machine) -> None:
    machine.path("/etc/qverdictd/rules.yaml").write_text("version: 1\ndefault: accept\n")
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text("transport: netfilterqueue\n")


def test_netfilterqueue_with_its_drop_in(machine: Machine) -> None:
    prepared(machine)
    drop_in(machine, "PrivateNetwork")
    machine.do("systemctl", "start", UNIT)
    assert "over netfilterqueue" in machine.property("StatusText")
    queue_rule(machine.lab)
    with Udp(machine.lab) as udp:
        udp.send(b"x")
        assert udp.arrived(1) == [b"x"]


def test_netfilterqueue_without(machine: Machine) -> None:
    prepared(machine)
    assert machine.run("systemctl", "start", UNIT).returncode != 0
    time.sleep(1)
    assert machine.property("NRestarts") == "0"
    assert machine.property("ExecMainStatus") == "78"
    assert "RestrictAddressFamilies=AF_NETLINK" in machine.journal()


def test_many_queues(machine: Machine) -> None:
    machine.path("/etc/qverdictd/rules.yaml").write_text("version: 1\ndefault: accept\n")
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text("queues: 0-99\nqueue_length: 64\n")
    drop_in(machine, "qverdictd-sockets")
    machine.do("systemctl", "start", UNIT)
    machine.do("systemctl", "restart", UNIT)
    assert set(machine.lab.queues("gateway")) == set(range(100))
    assert machine.property("NFileDescriptorStore") == "200"
    queue_rule(machine.lab, number=99)
    with Udp(machine.lab) as udp:
        udp.send(b"x")
        assert udp.arrived(1) == [b"x"]
