# SPDX-License-Identifier: GPL-2.0
"""Counts each packet once: received = accepted + dropped + repeated + requeued + pending."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.packet.raw import RawPacket

#: How verdicts are called in the past, in the order in which they are shown.
DONE = {
    Verdict.ACCEPT: "accepted",
    Verdict.DROP: "dropped",
    Verdict.REPEAT: "repeated",
    Verdict.QUEUE: "requeued",
}


@dataclass(slots=True)
class RuleCount:
    """What one rule decided."""

    packets: int = 0
    octets: int = 0
    last: float = 0.0
    """When it last decided a packet, in seconds since the epoch; 0: unknown."""


@dataclass(slots=True)
class Counters:
    """Counters over one queue's or replay's life."""

    received: int = 0
    answered: Counter[Verdict] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    rules: dict[str, RuleCount] = field(default_factory=dict)
    replaced: int = 0
    not_shown: int = 0
    """Decisions that nobody saw because their reader was too slow; the packets did not wait."""

    @property
    def pending(self) -> int:
        """Packets received whose verdict is not sent yet."""
        return self.received - self.answered.total()

    def add(self, other: "Counters") -> None:
        """Add what others counted."""
        self.received += other.received
        self.answered.update(other.answered)
        self.reasons.update(other.reasons)
        self.replaced += other.replaced
        self.not_shown += other.not_shown
        for name, more in other.rules.items():
            count = self.rules.setdefault(name, RuleCount())
            count.packets += more.packets
            count.octets += more.octets
            count.last = max(count.last, more.last)

    def count(
        self,
        packets: Sequence[RawPacket],
        decisions: Sequence[Decision],
        now: float | None = None,
    ) -> None:
        """Count the verdicts of packets as sent, at the time ``now``; None: at their own times."""
        rules = self.rules
        for raw, decision in zip(packets, decisions, strict=True):
            if decision.replacement is not None:
                self.replaced += 1
            if decision.rule is not None:
                count = rules.get(decision.rule)
                if count is None:
                    count = rules[decision.rule] = RuleCount()
                count.packets += 1
                count.octets += raw.length
                count.last = max(count.last, now or raw.time or 0.0)
        self.answered.update([decision.verdict for decision in decisions])
        self.reasons.update([decision.reason for decision in decisions])
