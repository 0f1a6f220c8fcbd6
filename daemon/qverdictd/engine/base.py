# SPDX-License-Identifier: GPL-2.0
"""The interface of an engine."""

from collections.abc import Sequence
from typing import Protocol

from qverdictd.action.decision import Decision
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy


class Engine(Protocol):
    """Judges packets by the policy in force."""

    @property
    def name(self) -> str:
        """The name by which configuration and logs call it."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""

    def swap(self, policy: Policy) -> None:
        """Put another policy in force, between two packets."""

    def judge(self, packets: Sequence[RawPacket]) -> list[Decision]:
        """Return one decision for each packet, in order. Raises nothing: a defect is a reason."""
