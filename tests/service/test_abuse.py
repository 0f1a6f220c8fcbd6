# SPDX-License-Identifier: GPL-2.0
"""What others do to the daemon, under load: packets that kill, users without rights, full disks."""

import json
import shutil
import subprocess
from pathlib import Path

from qverdictd.control.journal import Event
from tests.netns.lab import SERVER
from tests.netns.traffic import Udp
from tests.service.books import CAME_MARKED, MARKED, POLICY, QUEUE, Books
from tests.service.machine import UNIT, Machine
from tests.service.rig import FIRST_PORT, Load, compiled

POISON = "  - {name: search, match: {payload: {text: poison}}, verdict: accept}\n"
NOBODY = 65534


def drop_in(machine: Machine, text: str) -> None:
    """Change our unit as an administrator does."""
    folder = machine.path(f"/etc/systemd/system/{UNIT}.d")
    folder.mkdir(parents=True)
    (folder / "test.conf").write_text(f"[Service]\n{text}")
    machine.do("systemctl", "daemon-reload")


def test_packets_that_kill(served: Books) -> None:
    """Each ends two processes, and is judged by none after them; no other packet is lost."""
    machine = served.machine
    defect = compiled("../netns/poison.c", flags=("-shared", "-fPIC"))
    shutil.copy(defect, machine.path("/usr/lib/poison.so"))
    machine.path("/etc/qverdictd/rules.yaml").write_text(f"{POLICY}{POISON}on_error: drop\n")
    drop_in(machine, "Environment=LD_PRELOAD=/usr/lib/poison.so\n")
    machine.do("systemctl", "restart", UNIT)
    flows = (0, MARKED, 7, 15)
    with Load(machine.lab) as load:
        for count, flow in enumerate(flows, 1):
            load.moving(2500)
            load.poison(flow)
            machine.wait_for(lambda count=count: quarantined(served) == count, 20)
        load.moving(2500)
    assert load.figures is not None
    assert sorted(flow for flow, _ in load.figures.missing) == sorted(flows)
    assert load.figures.sent > 10_000
    told = served.entries(Event.QUARANTINED)
    for flow, entry in zip(flows, told, strict=True):
        assert entry["QVERDICT_DST"] == SERVER[4]
        assert entry["QVERDICT_DPORT"] == str(FIRST_PORT + flow)
        assert entry["QVERDICT_VERDICT"] == "drop"
        assert entry["QVERDICT_REASON"] == "quarantined"
        assert entry["QVERDICT_MARK"] == str(CAME_MARKED if flow == MARKED else 0)
        assert b"poison".hex() in entry["MESSAGE"].partition("bytes: ")[2]
        assert f"destination port: {FIRST_PORT + flow}\n" in entry["MESSAGE"]
    served.balance(load, dropped=len(flows))
    summary = [entry["MESSAGE"] for entry in served.entries(Event.STOPPED)]
    assert any("could not be judged: quarantined 1;" in text for text in summary), summary


def quarantined(books: Books) -> int:
    """Return how many packets were quarantined until now."""
    return len(books.entries(Event.QUARANTINED))


def test_a_user_without_rights(served: Books) -> None:
    machine = served.machine
    script = machine.path("/usr/local/lib/attacker.py")
    shutil.copy(Path(__file__).with_name("attacker.py"), script)
    portid = machine.lab.queues("gateway")[QUEUE].portid
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    words = [*user, "python3", "/usr/local/lib/attacker.py", str(portid), str(QUEUE)]
    with subprocess.Popen(
        machine.command(*words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attacker:
        assert attacker.stdin is not None
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "attacking\n"
        with Load(machine.lab) as load:
            load.moving(10_000)
            machine.do("systemctl", "restart", UNIT)
            load.moving(10_000)
        served.balance(load)
        # From nothing: the port id that a new socket would have is another's already.
        machine.do("systemctl", "start", UNIT)
        assert machine.lab.queues("gateway")[QUEUE].portid > 1 << 31
        with Udp(machine.lab) as udp:
            udp.send(b"refuse me", b"yes")
            assert udp.arrived(1) == [b"yes"]
        told = json.loads(attacker.communicate("stop\n")[0])
    assert told.pop("squatted")["ports"] > 500
    assert len(told) == 8
    for name, answers in told.items():
        assert set(answers) == {"EPERM"}, (name, answers)
        assert answers["EPERM"] > 500, (name, answers)


def test_the_journal_anew(served: Books) -> None:
    """It ends in each way, and has all that is said afterwards."""
    machine = served.machine
    with Load(machine.lab) as load:
        for reloads, signal in enumerate(("SIGTERM", "SIGKILL", "SIGABRT"), 1):
            load.moving()
            kill_journal(machine, signal)
            load.moving()
            machine.do("systemctl", "reload", UNIT)
            machine.wait_for(lambda reloads=reloads: len(served.entries(Event.RELOADED)) == reloads)
    served.balance(load)


def kill_journal(machine: Machine, signal: str) -> None:
    """Send a signal to the journal."""
    machine.do("systemctl", "kill", "--kill-whom=main", f"--signal={signal}", "systemd-journald")


def test_a_journal_that_hangs(served: Books) -> None:
    """Longer than the watchdog's patience, with as much to log as there can be."""
    machine = served.machine
    log = f"  - {{name: log, match: {{dport: {FIRST_PORT}}}, verdict: accept, log: true}}\n"
    machine.path("/etc/qverdictd/rules.yaml").write_text(POLICY + log)
    machine.do("systemctl", "reload", UNIT)
    pid = machine.property("MainPID")
    with Load(machine.lab) as load:
        load.moving()
        kill_journal(machine, "SIGSTOP")
        load.moving(8 * 8000)
        kill_journal(machine, "SIGCONT")
        load.moving()
        machine.do("journalctl", "--sync")
        assert "entries are missing here: the journal did not take them" in machine.journal()
    assert machine.property("MainPID") == pid
    served.balance(load)


def test_a_full_disk(served: Books) -> None:
    machine = served.machine
    for place in ("/var/log/journal", "/var/lib/qverdictd"):
        machine.do("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place)
        machine.run("dd", "if=/dev/zero", f"of={place}/full", "bs=4k")
    machine.do("systemctl", "restart", "systemd-journald")
    with Load(machine.lab) as load:
        load.moving()
        machine.do("systemctl", "reload", UNIT)
        load.moving()
        machine.do("systemctl", "restart", UNIT)
        load.moving()
    served.balance(load)
