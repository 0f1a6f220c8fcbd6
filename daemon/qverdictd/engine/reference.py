# SPDX-License-Identifier: GPL-2.0
"""The reference evaluator as an engine."""

from collections.abc import Callable, Sequence
from functools import partial

from qverdictd.action.decision import Decision
from qverdictd.engine.base import Report, judged_apart
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy
from qverdictd.policy.reference import evaluate


class ReferenceEngine:
    """Judges in readable Python."""

    name = "reference"

    def __init__(self, policy: Policy, report: Report) -> None:
        self._policy = policy
        self._report = report

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Return what puts another policy in force."""
        return partial(setattr, self, "_policy", policy.following(self._policy))

    def judge(self, packets: Sequence[RawPacket]) -> list[Decision]:
        """Return one decision for each packet, in order."""
        policy = self._policy
        try:
            return [evaluate(policy, raw) for raw in packets]
        except Exception:
            return judged_apart(partial(evaluate, policy), policy, packets, self._report)
