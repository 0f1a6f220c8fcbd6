# SPDX-License-Identifier: GPL-2.0
"""A packet that ends whoever judges it, among others that must not be lost for it."""

import os
import signal
from pathlib import Path

from tests.netns.datagrams import Datagrams
from tests.netns.lab import Lab

from .system import UNIT, check, do, journal, judging, value, wait_for

_PORT = 53
_RULES = Path("/etc/qverdictd/rules.yaml")
_POLICY = """version: 1
default: accept
on_error: drop
rules: [{name: search, match: {payload: {text: poison}}, verdict: accept}]
"""
_DROP_IN = Path("/run/systemd/system/qverdictd.service.d/poison.conf")
_DEFECT = """[Service]
Environment=LD_PRELOAD=/opt/qverdictd/poison.so
BindReadOnlyPaths=/opt/qverdictd
"""


def poison(lab: Lab) -> None:
    """Have it end two daemons: the third gives it on_error unseen, and all others are judged."""
    shipped = _RULES.read_text(encoding="utf-8")
    Path("/proc/sys/debug/exception-trace").write_text("0", encoding="ascii")  # it is no accident
    _DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    _DROP_IN.write_text(_DEFECT, encoding="ascii")
    _RULES.write_text(_POLICY, encoding="ascii")
    do("systemctl", "daemon-reload")
    do("systemctl", "restart", UNIT)
    with Datagrams(lab, (_PORT,)) as datagrams:
        _poisoned(datagrams)
    check(journal().count("quarantined: ") == 1, journal())
    _DROP_IN.unlink()
    _RULES.write_text(shipped, encoding="utf-8")
    do("systemctl", "daemon-reload")


def _poisoned(datagrams: Datagrams) -> None:
    """Have the poison judged in one batch with others, between them."""
    pid = int(value("MainPID"))
    os.kill(pid, signal.SIGSTOP)
    sent = [b"%d" % number for number in range(40)]
    for payload in (*sent[:20], b"poison", *sent[20:]):
        datagrams.send(_PORT, payload)
    os.kill(pid, signal.SIGCONT)
    wait_for("two ended", lambda: value("NRestarts") == "2")
    wait_for("the third judges", lambda: judging("ipqueue"))
    datagrams.read_until(len(sent))
    check(datagrams.arrived[_PORT] == sent, datagrams.arrived)
