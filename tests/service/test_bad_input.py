# SPDX-License-Identifier: GPL-2.0
"""What is not as the service needs it: what it says, whether it comes back, what packets do."""

import time
from collections.abc import Sequence

import pytest

from qverdictd.control.journal import Event
from tests.netns.traffic import Udp, queue_rule
from tests.service.machine import UNIT, Machine

POLICY = "version: 1\ndefault: accept\n"
WRONG = "version: 2\n"
CONFIG, NO_PERMISSION, UNAVAILABLE = "78", "77", "69"
STORE = """
import os, socket, sys
name, text = sys.argv[1:]
kept = os.memfd_create(name)
os.write(kept, eval(text))
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    manager.connect(os.environ["NOTIFY_SOCKET"])
    socket.send_fds(manager, [f"FDSTORE=1\\nFDNAME={name}\\nFDPOLL=0".encode()], [kept])
"""
"""A program that puts a memfd into a service's store."""


def policy(machine: Machine, text: str) -> None:
    machine.path("/etc/qverdictd/rules.yaml").write_text(text)


def drop_in(machine: Machine, text: str) -> None:
    folder = machine.path(f"/etc/systemd/system/{UNIT}.d")
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(text)
    machine.do("systemctl", "daemon-reload")


def messages(machine: Machine, event: Event) -> list[str]:
    """Return what the journal says about an event."""
    return [entry["MESSAGE"] for entry in machine.entries(event)]


def assert_it_stays_away(machine: Machine, code: str, told: str) -> None:
    """Start it: it says once why that cannot be, and nobody tries again."""
    assert machine.run("systemctl", "start", UNIT).returncode != 0
    assert machine.property("ExecMainStatus") == code
    time.sleep(1)
    assert machine.property("ActiveState") == "failed"
    assert machine.property("NRestarts") == "0"
    (message,) = messages(machine, Event.NOT_STARTED)
    assert told in message


def assert_it_judges(machine: Machine) -> None:
    with Udp(machine.lab) as udp:
        udp.send(b"yes")
        assert udp.arrived(1) == [b"yes"]


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("rules.yaml", None, "cannot read the policy"),
        ("rules.yaml", WRONG, "rules.yaml:1:10"),
        ("qverdictd.yaml", "overflow: maybe\n", "qverdictd.yaml:1:11"),
        ("qverdictd.yaml", "rules: /etc/nowhere.yaml\n", "cannot read the policy"),
        ("qverdictd.yaml", "cpus: 4000\n", "cpus: we may not run on 4000, only on "),
    ],
)
def test_a_file_that_a_person_must_mend(
    machine: Machine, file: str, text: str | None, told: str
) -> None:
    policy(machine, POLICY)
    path = machine.path(f"/etc/qverdictd/{file}")
    path.unlink() if text is None else path.write_text(text)
    assert_it_stays_away(machine, CONFIG, told)


@pytest.mark.parametrize("file", ["rules.yaml", "qverdictd.yaml"])
def test_a_file_that_we_may_not_read(machine: Machine, file: str) -> None:
    policy(machine, POLICY)
    machine.path(f"/etc/qverdictd/{file}").chmod(0o600)
    assert_it_stays_away(machine, CONFIG, "Permission denied")


@pytest.mark.parametrize("overflow", ["drop", "accept"])
def test_packets_meanwhile_do_what_overflow_says(machine: Machine, overflow: str) -> None:
    policy(machine, POLICY)
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text(
        f"overflow: {overflow}\nattach: {{backend: iptables-nft}}\n"
    )
    machine.do("systemctl", "start", UNIT)
    policy(machine, WRONG)
    assert machine.run("systemctl", "restart", UNIT).returncode != 0
    assert machine.property("ExecMainStatus") == CONFIG
    with Udp(machine.lab) as udp:
        udp.send(b"unjudged")
        if overflow == "accept":
            assert udp.arrived(1) == [b"unjudged"]
        policy(machine, POLICY)
        machine.do("systemctl", "start", UNIT)
        udp.send(b"judged")
        assert udp.arrived(1) == [b"judged"]


def test_a_queue_that_another_holds_is_waited_for(machine: Machine) -> None:
    """No person need come back when the other program has ended."""
    policy(machine, POLICY)
    machine.do("systemd-run", "--unit=other", "/usr/bin/qverdictd", "run")
    machine.wait_for(lambda: 0 in machine.lab.queues("gateway"))
    assert machine.run("systemctl", "start", UNIT).returncode != 0
    machine.wait_for(lambda: "queue 0 is held by another process" in machine.journal())
    machine.do("systemctl", "stop", "other")
    machine.wait_for(lambda: machine.property("ActiveState") == "active")


def test_no_rights(machine: Machine) -> None:
    policy(machine, POLICY)
    drop_in(machine, "[Service]\nAmbientCapabilities=\nCapabilityBoundingSet=\n")
    assert_it_stays_away(machine, NO_PERMISSION, "queue 0 needs CAP_NET_ADMIN")


def test_no_socket_is_to_be_had(machine: Machine) -> None:
    """As on a kernel that makes none, too, but for what the unit's helper then says."""
    policy(machine, POLICY)
    drop_in(machine, "[Service]\nExecStartPre=\n")
    assert_it_stays_away(machine, CONFIG, "was handed too few")


def test_more_queues_than_sockets(machine: Machine) -> None:
    policy(machine, POLICY)
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text("queues: 0-64\n")
    assert_it_stays_away(machine, CONFIG, "give qverdictd-sockets a larger number")
    assert machine.lab.queues("gateway") == {}


def test_the_engine_is_missing(machine: Machine) -> None:
    (engine,) = machine.path("/usr/lib/qverdictd/qverdictd").glob("_fast*.so")
    engine.unlink()
    for words in (["check"], ["run"], ["--help"]):
        done = machine.run("qverdictd", *words)
        assert done.returncode == int(UNAVAILABLE)
        (line,) = done.stderr.splitlines()
        assert "_fast" in line
        assert "install it again" in line


def test_var_is_full(machine: Machine) -> None:
    policy(machine, POLICY)
    for folder in ("/var/log/journal", "/var/lib/qverdictd"):
        machine.do("mkdir", "-p", folder)
        machine.do("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        machine.run("dd", "if=/dev/zero", f"of={folder}/full", "bs=4k")
    assert "100%" in machine.do("df", "--output=pcent", "/var/log/journal")
    machine.do("systemctl", "restart", "systemd-journald")
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    assert_it_judges(machine)
    machine.do("systemctl", "reload", UNIT)
    machine.do("systemctl", "restart", UNIT)
    assert_it_judges(machine)
    # journald has what it is told in memory then.
    assert len(messages(machine, Event.READY)) == 2


def store(machine: Machine, name: str, text: Sequence[str] | str) -> None:
    """Have a memfd in the service's store before it starts."""
    machine.path("/root/store.py").write_text(STORE)
    drop_in(machine, f"[Service]\nExecStartPre=+/usr/bin/python3 /root/store.py {name} '{text}'\n")


def test_the_store_of_another_version(machine: Machine) -> None:
    policy(machine, POLICY)
    store(machine, "journal-0", 'b"whatever"')
    machine.do("systemctl", "start", UNIT)
    assert "'journal-0' is nothing that this version knows" in machine.journal()
    queue_rule(machine.lab)
    assert_it_judges(machine)
    # Let go of for good.
    machine.path(f"/etc/systemd/system/{UNIT}.d/test.conf").unlink()
    machine.do("systemctl", "daemon-reload")
    machine.do("systemctl", "restart", UNIT)
    assert machine.journal().count("is nothing that this version knows") == 1


@pytest.mark.parametrize("text", ['b"garbage"', 'b"garbage " * 512', "bytes(4096)", "bytes(65536)"])
def test_a_ledger_with_garbage(machine: Machine, text: str) -> None:
    policy(machine, POLICY)
    store(machine, "ledger-0", text)
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    assert_it_judges(machine)
    assert "ledger" in machine.journal()


def test_a_queue_that_is_none(machine: Machine) -> None:
    policy(machine, POLICY)
    store(machine, "queue-0", 'b"no socket"')
    machine.do("systemctl", "start", UNIT)
    assert "'queue-0' is no netlink socket" in machine.journal()
    queue_rule(machine.lab)
    assert_it_judges(machine)
