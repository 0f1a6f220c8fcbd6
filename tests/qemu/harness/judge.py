# SPDX-License-Identifier: GPL-2.0
"""Judging a run: what the scenarios said, and what the kernel's log says about each of them."""

import re
from dataclasses import dataclass, field

# What a healthy kernel never prints. The names are those of the kernel's own reports.
_REPORT = re.compile(
    r"WARNING|BUG\b|Oops|KASAN|KFENCE|UBSAN|KCSAN|kmemleak: \d+ new|Kernel panic|Call Trace"
    r"|general protection fault|refcount_t|lockdep|circular locking|possible recursive locking"
    r"|suspicious RCU|inconsistent lock state|irq lock inversion|held when returning"
    r"|sleeping function|scheduling while atomic|list_(?:add|del) corruption|use-after-free"
    r"|double free|slab .*(?:Objects remaining|corrupt)|Objects remaining"
    r"|unregister_netdevice: waiting"
    r"|rcu: INFO:|detected stall|soft lockup|hard LOCKUP|blocked for more than|segfault|traps:"
    r"|bad: scheduling|DEBUG_LOCKS|self-test|leak"
)
# Lines that contain such a word and say nothing bad.
_HARMLESS = re.compile(
    r"kmemleak: (?:Automatic|Kernel memory leak detector|Enabling)|self-test: all \d+ passed"
)
_MARK = re.compile(r"ipqueue-test: (begin|end|start (\S+))")


@dataclass
class Result:
    """How one scenario ended."""

    name: str
    seconds: float
    why: str = ""
    """Empty when it passed."""


@dataclass
class Run:
    """What one boot's guest said, line by line."""

    wanted: list[str]
    results: dict[str, Result] = field(default_factory=dict)
    transcript: dict[str, list[str]] = field(default_factory=dict)
    ended: bool = False
    _current: str = "boot"

    def line(self, text: str) -> Result | None:
        """Take one line of the guest's log; the result when it is the last of a scenario."""
        word, _, rest = text.partition(" ")
        if word == "@start":
            self._current = rest
        elif word == "@end":
            self.ended = True
        elif word in ("@ok", "@fail"):
            name, seconds, why = (rest + "  ").split(" ", 2)
            result = Result(name, float(seconds or 0), why.strip() if word == "@fail" else "")
            self.results[name] = result
            return result
        elif text.strip():
            self.transcript.setdefault(self._current, []).append(text)
        return None

    def missing(self) -> list[Result]:
        """Give a failure for each scenario that never said how it ended."""
        return [
            Result(name, 0.0, "the machine stopped before it ended")
            for name in [*self.wanted, "teardown"]
            if name not in self.results
        ]


def reports(log: str) -> list[Result]:
    """Give a failure, with the first lines, for each scenario with a report of the kernel.

    Judged from the guest's begin mark on; no begin mark, or no end mark, is a failure too.
    """
    current = "boot"
    found: dict[str, list[str]] = {}
    marks: set[str] = set()
    for line in log.splitlines():
        mark = _MARK.search(line)
        if mark:
            marks.add(mark[1].split()[0])
            current = mark[2] or current
        elif "begin" in marks and _REPORT.search(line) and not _HARMLESS.search(line):
            found.setdefault(current, []).append(line.strip())
    failures = [
        Result(f"{name}/kernel-log", 0.0, " | ".join(lines[:3])) for name, lines in found.items()
    ]
    for mark_name in ("begin", "end"):
        if mark_name not in marks:
            last = " | ".join(log.splitlines()[-3:])
            failures.append(Result("kernel-log", 0.0, f"no {mark_name} mark; last lines: {last}"))
    return failures
