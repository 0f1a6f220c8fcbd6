# SPDX-License-Identifier: GPL-2.0
"""A decision: the one thing said of each packet, from which all that people see is made."""

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Verdict(enum.Enum):
    """What becomes of a packet. ``CONTINUE`` is a rule's, never a decision's."""

    ACCEPT = "accept"
    DROP = "drop"
    REPEAT = "repeat"
    """Back through the hook, from its first rule."""
    QUEUE = "queue"
    """To another queue, `Decision.queue`."""
    CONTINUE = "continue"

    __hash__ = object.__hash__  # by identity, as enums compare: counted for each packet


class Reason(enum.Enum):
    """Why a decision is what it is; never free text, so that it can be counted."""

    RULE = "rule"
    """A rule decided."""
    DEFAULT = "default"
    """No rule decided: the policy's ``default``."""
    MALFORMED = "malformed"
    """The packet's own lengths cannot hold its headers: ``on_error``."""
    TRUNCATED = "truncated"
    """A field that a rule needs was cut off by the copy range: ``on_error``."""
    ACTION_FAILED = "action-failed"
    """An action cannot be done to this packet: ``on_error``."""
    UNSUPPORTED = "unsupported"
    """Neither IPv4 nor IPv6: ``on_error``."""
    INTERNAL = "internal"
    """A defect of ours, reported with its traceback once: ``on_error``."""
    QUARANTINED = "quarantined"
    """It was being judged twice when a fault ended the daemon: ``on_error``, unseen."""

    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Log:
    """A rule asked for the packet to be logged."""

    rule: str
    level: str = "info"
    prefix: str = ""


class Decision(NamedTuple):
    """What was decided of one packet."""

    verdict: Verdict
    reason: Reason
    rule: str | None = None
    """The deciding rule's name; None unless the reason is ``RULE``."""
    queue: int | None = None
    """The other queue, 0-65535; None unless the verdict is ``QUEUE``."""
    mark: int = 0
    """The mark with which the packet goes on: set it if the packet came with another."""
    replacement: bytes | None = None
    """The whole network packet's new bytes; None: as it came. Empty bytes are a replacement."""
    logs: tuple[Log, ...] = ()
    """From every rule on the way that asked to log, in order."""
    generation: int = 1
    """Of the policy that decided, as `Policy.generation`."""
