# SPDX-License-Identifier: GPL-2.0
"""The reference evaluator as an engine."""

from collections.abc import Callable, Sequence

from qverdictd.action.decision import Decision, Reason
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy
from qverdictd.policy.reference import evaluate


class ReferenceEngine:
    """Judges in readable Python. ``report`` is told of defects of ours, for the log."""

    name = "reference"

    def __init__(self, policy: Policy, report: Callable[[Exception], None]) -> None:
        self._policy = policy
        self._report = report

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    def swap(self, policy: Policy) -> None:
        """Put another policy in force."""
        self._policy = policy

    def judge(self, packets: Sequence[RawPacket]) -> list[Decision]:
        """Return one decision for each packet, in order."""
        policy = self._policy
        try:
            return [evaluate(policy, raw) for raw in packets]
        except Exception:
            return [self._guarded(policy, raw) for raw in packets]

    def _guarded(self, policy: Policy, raw: RawPacket) -> Decision:
        """Judge one packet of a batch that hides a defect: whoever holds an id owes a verdict."""
        try:
            return evaluate(policy, raw)
        except Exception as error:
            self._report(error)
            return policy.error(raw, Reason.INTERNAL)
