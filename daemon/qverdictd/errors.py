# SPDX-License-Identifier: GPL-2.0
"""What can go wrong, by who is to blame; each error knows its exit code.

Exit codes are those of ``sysexits.h`` where it has one: a unit file or a script can tell a
typing mistake (64) from bad data (65), a thing that is not there (69), missing rights (77) and a
configuration that a person has to mend (78).
"""

import enum
from dataclasses import dataclass


class Exit(enum.IntEnum):
    """The exit codes of every command."""

    OK = 0
    FAILED = 1
    USAGE = 64
    DATA = 65
    UNAVAILABLE = 69
    NO_PERMISSION = 77
    CONFIG = 78


class QverdictdError(Exception):
    """An error whose text is for the person who runs us, and says what to do next."""

    exit_code = Exit.FAILED


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file a person wrote; lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class PolicyError(QverdictdError):
    """A policy or configuration that cannot be used: every problem found in one reading."""

    exit_code = Exit.CONFIG

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class SetupError(QverdictdError):
    """What is configured cannot be done on this machine."""

    exit_code = Exit.CONFIG


class WireError(QverdictdError):
    """The other side sent bytes that break the protocol."""

    exit_code = Exit.DATA


class CaptureError(QverdictdError):
    """A capture file that cannot be read, or not to its end."""

    exit_code = Exit.DATA


class TransportError(QverdictdError):
    """The kernel's queue cannot be had, or was lost."""

    exit_code = Exit.UNAVAILABLE


class NoQueueError(TransportError):
    """There are no queues to be had here before a person changes the system."""

    exit_code = Exit.CONFIG


class PermissionMissingError(TransportError):
    """The queue needs rights that this process lacks."""

    exit_code = Exit.NO_PERMISSION


class RulesError(QverdictdError):
    """The kernel's firewall rules cannot be read or changed."""

    exit_code = Exit.UNAVAILABLE
