# SPDX-License-Identifier: GPL-2.0
"""The package: installed on a bare Debian 12, upgraded, removed, purged."""

from pathlib import Path

import pytest

from tests.netns.traffic import Udp, queue_rule
from tests.service.conftest import install
from tests.service.machine import UNIT, Machine


def files(machine: Machine) -> set[str]:
    """Return every file of the system that is of our name."""
    found = machine.do(
        "find", "/etc", "/usr", "/var", "/run", "/lib/systemd", "-xdev",
        "(", "-name", "*qverdictd*", "-o", "-path", "*/qverdictd/*", ")",
        "-not", "-path", "/run/systemd/*",
    )  # fmt: skip
    return set(found.splitlines())


def test_from_nothing_to_judging_and_back_to_nothing(bare: Machine) -> None:
    before = files(bare)
    text = install(bare)
    assert "Setting up qverdictd" in text
    # The policy that is shipped is an example: nothing is started before a person says so.
    assert bare.property("ActiveState") == "inactive"
    bare.do("qverdictd", "check")
    bare.path("/etc/qverdictd/rules.yaml").write_text("version: 1\ndefault: accept\n")
    bare.path("/etc/qverdictd/qverdictd.yaml").write_text(
        "attach: {backend: iptables-nft, on_stop: keep}\n"
    )
    bare.do("systemctl", "enable", "--now", UNIT)
    with Udp(bare.lab) as udp:
        udp.send(b"x")
        assert udp.arrived(1) == [b"x"]
    assert bare.do("qverdictd", "doctor").startswith("nothing is wrong with queue 0")
    bare.do("systemctl", "enable", "qverdictd.socket")
    bare.do("systemctl", "restart", UNIT)
    bare.do("apt-get", "-q", "-y", "remove", "qverdictd")
    assert bare.lab.queues("gateway") == {}
    # No rule of ours leads to a queue that nobody holds.
    with Udp(bare.lab) as udp:
        udp.send(b"x")
        assert udp.arrived(1) == [b"x"]
    assert bare.path("/etc/qverdictd/rules.yaml").read_text() == "version: 1\ndefault: accept\n"
    bare.do("apt-get", "-q", "-y", "purge", "qverdictd")
    left = files(bare) - before
    assert {name for name in left if not name.startswith("/var/lib/systemd/")} == set()
    assert bare.run("getent", "passwd", "qverdictd").returncode != 0


def test_an_upgrade_keeps_what_was_edited_and_serves_on(machine: Machine) -> None:
    edited = "version: 1\ndefault: accept\n# ours\n"
    machine.path("/etc/qverdictd/rules.yaml").write_text(edited)
    machine.do("systemctl", "start", UNIT)
    queue_rule(machine.lab)
    pid = machine.property("MainPID")
    (package,) = machine.path("/root").glob("qverdictd_*.deb")
    machine.do("apt-get", "-q", "-y", "install", "--reinstall", f"/root/{package.name}")
    assert machine.path("/etc/qverdictd/rules.yaml").read_text() == edited
    assert machine.property("ActiveState") == "active"
    assert machine.property("MainPID") != pid
    with Udp(machine.lab) as udp:
        udp.send(b"x")
        assert udp.arrived(1) == [b"x"]


@pytest.mark.parametrize("on_stop", ["keep", "detach"])
def test_rules_come_with_the_unit_and_go_if_so_configured(machine: Machine, on_stop: str) -> None:
    machine.path("/etc/qverdictd/rules.yaml").write_text("version: 1\ndefault: accept\n")
    machine.path("/etc/qverdictd/qverdictd.yaml").write_text(
        f"attach: {{backend: iptables-nft, hooks: [forward, input], on_stop: {on_stop}}}\n"
    )
    machine.do("systemctl", "start", UNIT)
    saved = machine.do("iptables-nft-save")
    assert "-A INPUT -j qverdictd-input" in saved
    machine.do("systemctl", "stop", UNIT)
    assert ("qverdictd" in machine.do("iptables-nft-save")) == (on_stop == "keep")


def test_the_module_s_package_has_all_that_dkms_needs(bare: Machine) -> None:
    (package,) = bare.path("/root").glob("qverdictd-dkms_*.deb")
    bare.do("dpkg-deb", "-x", f"/root/{package.name}", "/root/module")
    (source,) = bare.path("/root/module/usr/src").iterdir()
    assert source.name == "ipqueue-1.0"
    tree = Path(__file__).parents[2] / "kmod-ipqueue"
    ours = {
        str(path.relative_to(tree))
        for path in tree.rglob("*")
        if path.suffix in (".c", ".h") and not path.name.endswith(".mod.c")
    }
    assert {str(path.relative_to(source)) for path in source.rglob("*.[ch]")} == ours
    assert (source / "dkms.conf").is_file()
