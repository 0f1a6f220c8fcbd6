# SPDX-License-Identifier: GPL-2.0
"""What the scenarios share: the policy, commands run here and now, and traffic case by case."""

import contextlib
import ctypes
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.netns.daemon import Daemon
from tests.netns.demo_cases import Case
from tests.netns.demo_live import Traffic, decided
from tests.netns.lab import Lab

from qverdictd.cli import main

RULES = Path("/opt/qverdictd/rules/rules.yaml")


def check(holds: bool, text: object) -> None:
    """Fail with what was seen instead, if something does not hold."""
    if not holds:
        raise AssertionError(str(text))


def command(lab: Lab, *arguments: str) -> tuple[int, str, str]:
    """Run a command of qverdictd's on the gateway; return its exit code, output and errors.

    In this process, because another Python takes seconds to start here.
    """
    output, errors = io.StringIO(), io.StringIO()
    with (
        lab.inside("gateway"),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        code = main(arguments)
    return code, output.getvalue(), errors.getvalue()


_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h, as all that follows
_CAP_NET_ADMIN = 12
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def powerless() -> Iterator[None]:
    """Let this thread do without CAP_NET_ADMIN for a while."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the upper halves
    check(_libc.capget(header, sets) == 0, "capget")
    before = sets[0]
    sets[0] = before & ~(1 << _CAP_NET_ADMIN)
    check(_libc.capset(header, sets) == 0, "capset")
    try:
        yield
    finally:
        sets[0] = before
        check(_libc.capset(header, sets) == 0, "capset")


def kmod(lab: Lab, *arguments: str) -> dict[str, Any]:
    """Run ``qverdictd kmod --json``; return what it prints by family."""
    code, output, errors = command(lab, "kmod", "--json", *arguments)
    check(code == 0, f"kmod: exit code {code}: {errors}")
    queues = [json.loads(line) for line in output.splitlines()]
    return {queue["family"]: queue for queue in queues}


def run_cases(lab: Lab, daemon: Daemon, cases: Sequence[Case]) -> None:
    """Send cases; what arrives and what is said of it must be as expected."""
    traffic = Traffic(lab)
    for case in cases:
        expected = case.arrives + (", answered" if case.verdict == "accept" else "")
        try:
            arrived = traffic.send(case)
        except OSError as error:
            arrived = repr(error)
        record = decided(daemon, case)
        print(f"IPv{case.family} {case.sent}: {arrived}")
        check(arrived == expected, f"{arrived!r} arrived, not {expected!r}: {record}")
        assert record is not None, "no decision was shown"
        check((record["verdict"], record["rule"]) == (case.verdict, case.rule), record)
