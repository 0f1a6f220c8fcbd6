# SPDX-License-Identifier: GPL-2.0
"""The programs that change the kernel's rules, and the changes we ask of them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qverdictd.errors import QverdictdError, RulesError

_PATIENCE = 30
"""Seconds for a program to end; the lock of another iptables can take some."""
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
"""Where they are; a user's PATH on Debian has no sbin, and root's is not to be trusted here."""


@dataclass(frozen=True, slots=True)
class Step:
    """A change: what one program reads, carried out as a whole or not at all."""

    command: tuple[str, ...]
    script: str

    def __str__(self) -> str:
        return f"{' '.join(self.command)} <<'END'\n{self.script}END"


def find(program: str) -> str | None:
    """Return the path of a program; None if it is not installed."""
    return shutil.which(program, path=_PATH)


def output(command: Sequence[str], script: str = "") -> str | None:
    """Return what a program prints; None if it is not there or fails."""
    done = _run(command, script)
    return done.stdout if done is not None and done.returncode == 0 else None


def refusal(command: Sequence[str], script: str) -> str | None:
    """Return why a program does not take a script; None if it does."""
    done = _run(command, script)
    if done is None:
        return f"{command[0]} is not installed"
    return None if done.returncode == 0 else reason(done.stderr)


def carry_out(step: Step) -> None:
    """Change the kernel's rules. Raises `RulesError`."""
    refused = refusal(step.command, step.script)
    if refused is not None:
        hint = "" if os.geteuid() == 0 else " (these programs need root)"
        raise RulesError(f"{step.command[0]}: {refused}{hint}")


def reason(text: str) -> str:
    """Return the line of an error message that says what is wrong."""
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "Try "))]
    return lines[0] if lines else "it failed without a word"


def kernel_names(path: Path) -> set[str]:
    """Read a file of names, one a line; empty if it is not there."""
    try:
        return set(path.read_text().split())
    except OSError:
        return set()


def _run(command: Sequence[str], script: str) -> "subprocess.CompletedProcess[str] | None":
    path = find(command[0])
    if path is None:
        return None
    try:
        return subprocess.run(  # noqa: S603  # one of our own command lines, no shell
            [path, *command[1:]],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            env={"PATH": _PATH, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise QverdictdError(f"{command[0]} did not end within {_PATIENCE} s") from error
