# SPDX-License-Identifier: GPL-2.0
"""Packets judged by the unit: each verdict, and a new policy under traffic."""

from pathlib import Path

from tests.netns.demo_cases import CASES
from tests.netns.demo_live import Traffic
from tests.netns.lab import Lab
from tests.netns.stream import Stream

from .system import UNIT, check, do, journal, run, value, wait_for

_RULES = Path("/etc/qverdictd/rules.yaml")


def verdicts(lab: Lab) -> None:
    """See packets accepted, dropped, rewritten and marked, by the rules as shipped."""
    traffic = Traffic(lab)
    for case in CASES:
        expected = case.arrives + (", answered" if case.verdict == "accept" else "")
        try:
            arrived = traffic.send(case)
        except OSError as error:
            arrived = repr(error)
        print(f"IPv{case.family} {case.sent}: {arrived}")
        check(arrived == expected, f"{arrived!r} arrived, not {expected!r}")


def reload(lab: Lab) -> None:
    """Load a new policy, then one with an error, under traffic: no packet notices."""
    pid = value("MainPID")
    shipped = _RULES.read_text(encoding="utf-8")
    stream = Stream(lab)
    with stream.running():
        stream.wait(20)
        extra = "rules:\n  - {name: extra, match: {proto: udp, dport: 1}, verdict: drop}\n"
        _RULES.write_text(shipped.replace("rules:\n", extra, 1), encoding="utf-8")
        do("systemctl", "reload", UNIT)
        wait_for("the new policy is in force", lambda: "reloaded: " in journal())
        _RULES.write_text("version: 1\ndefault: dorp\n", encoding="utf-8")
        check(run("systemctl", "reload", UNIT).returncode != 0, "a policy with errors was loaded")
        wait_for("the reason is told", lambda: "dorp" in value("StatusText"))
        _RULES.write_text(shipped, encoding="utf-8")
        do("systemctl", "reload", UNIT)
        wait_for("it is well again", lambda: "dorp" not in value("StatusText"))
    stream.complete("three reloads")
    check(value("MainPID") == pid, "another process")
