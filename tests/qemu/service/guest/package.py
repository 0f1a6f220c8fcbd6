# SPDX-License-Identifier: GPL-2.0
"""The packages: what they do at boot, and that nothing of the module's is left after a purge."""

import os
from pathlib import Path

from tests.netns.demo_cases import CASES
from tests.netns.demo_live import Traffic
from tests.netns.lab import Lab

from .system import UNIT, check, do, journal, judging, loaded, run, value, wait_for

_OURS = (
    "/etc/modules-load.d/qverdictd.conf",
    "/lib/systemd/system/qverdictd.service.d/ipqueue.conf",
    "/usr/src/ipqueue-1.0",
    "/var/lib/dkms/ipqueue",
)


def boot(lab: Lab) -> None:
    """See that the module that dkms built was loaded at boot, and that the unit took its queue."""
    del lab
    wait_for("the service judges packets", lambda: judging("ipqueue"))
    built = do("modinfo", "-n", "ipqueue").strip()
    print(built, do("dkms", "status"))
    check(built.startswith(f"/lib/modules/{os.uname().release}/updates/dkms/ipqueue.ko"), built)
    check(loaded("ipqueue") and not loaded("nfnetlink_queue"), "the other module is loaded")
    check(value("Result", "systemd-modules-load.service") == "success", "modules-load")
    check("transport auto: ipqueue, as its module is loaded" in journal(), journal())
    check("engine native" in value("StatusText"), value("StatusText"))
    check(value("NRestarts") == "0", "it did not start at once")
    status = Path(f"/proc/{value('MainPID')}/status").read_text(encoding="ascii")
    check("CapEff:\t0000000000001000\n" in status and "Seccomp:\t2\n" in status, status)
    for path in _OURS:
        check(Path(path).exists(), f"{path} is not there")


def purge(lab: Lab) -> None:
    """Purge the module's package: nothing of it is left, and NFQUEUE serves the same rule."""
    do("apt-get", "-q", "-y", "purge", "qverdictd-dkms")
    left = [path for path in _OURS if Path(path).exists()]
    check(not left, f"left after the purge: {left}")
    check(run("modinfo", "ipqueue").returncode != 0, "the module is still found")
    check("ipqueue" not in do("dkms", "status"), "dkms still knows it")
    check("AF_INET" not in value("RestrictAddressFamilies").split(), "the drop-in is in force")
    do("systemctl", "stop", UNIT)
    do("rmmod", "ipqueue")
    do("systemctl", "restart", "systemd-modules-load.service")
    do("systemctl", "start", UNIT)
    check(judging("nfqueue"), value("StatusText"))
    case = next(case for case in CASES if case.rule == "dns")
    arrived = Traffic(lab).send(case)
    check(arrived == f"{case.arrives}, answered", arrived)


def unload() -> None:
    """Stop the service, and take the module out of the kernel."""
    do("systemctl", "stop", UNIT)
    if loaded("ipqueue"):
        do("rmmod", "ipqueue")
