# SPDX-License-Identifier: GPL-2.0
"""The interface of an engine."""

from collections.abc import Callable, Sequence
from typing import Protocol

from qverdictd.action.decision import Decision, Reason
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy

#: Told of defects of ours, for the log.
Report = Callable[[Exception], None]


class Engine(Protocol):
    """Judges packets by the policy in force."""

    @property
    def name(self) -> str:
        """The name by which configuration and logs call it."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Make another policy ready beside the one in force; return what puts it in force.

        This may take long, in any thread; the policy gets the generation that comes next. What it
        returns takes no time, and is called between two packets. Raises `QverdictdError`, most
        often `PolicyError`: then nothing has changed.
        """

    def judge(self, packets: Sequence[RawPacket]) -> list[Decision]:
        """Return one decision for each packet, in order. Raises nothing: a defect is a reason."""


def judged_apart(
    judge: Callable[[RawPacket], Decision],
    policy: Policy,
    packets: Sequence[RawPacket],
    report: Report,
) -> list[Decision]:
    """Judge the packets of a batch that hides a defect: whoever holds an id owes a verdict."""
    decisions = []
    for raw in packets:
        try:
            decisions.append(judge(raw))
        except Exception as error:
            report(error)
            decisions.append(policy.error(raw, Reason.INTERNAL))
    return decisions
