# SPDX-License-Identifier: GPL-2.0
"""A kernel without NFQUEUE: what the service says, and that it stays away."""

from pathlib import Path

from tests.netns.lab import Lab

from .system import UNIT, check, do, journal, judging, run, value

_NEVER = Path("/etc/modprobe.d/no-nfqueue.conf")


def without(lab: Lab) -> None:
    """Take the kernel's own queue away, too; start; then give it back, as the entry says."""
    del lab
    do("systemctl", "stop", UNIT)
    do("rmmod", "nfnetlink_queue")
    # Or the kernel itself would load it, for the first message to it.
    _NEVER.write_text("install nfnetlink_queue /bin/false\n", encoding="ascii")
    check(run("systemctl", "start", UNIT).returncode != 0, "it started")
    check(value("ExecMainStatus") == "78", value("ExecMainStatus"))
    check("this kernel has no NFQUEUE: load the module nfnetlink_queue" in journal(), journal())
    check(value("ActiveState") == "failed", value("ActiveState"))
    check(value("NRestarts") == "0", "it was tried again")
    _NEVER.unlink()
    do("modprobe", "nfnetlink_queue")
    do("systemctl", "start", UNIT)
    check(judging("nfqueue"), value("StatusText"))
