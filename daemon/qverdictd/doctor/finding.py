# SPDX-License-Identifier: GPL-2.0
"""Something that the doctor found."""

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Packets are lost, or go past us, or would."""
    WARNING = "warning"
    """Works, but not as the configuration or its reader would have it."""
    NOTE = "note"
    """Worth knowing; nothing is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One illness with its cure."""

    name: str
    """Stable, for programs: ``no-rule``, ``held``, ...; the manual lists them all."""
    severity: Severity
    text: str
    cure: str
    """What to do, as a sentence or a command; empty for a note that needs none."""
