# SPDX-License-Identifier: GPL-2.0
"""Generated policies on generated packets, by the hundred thousand."""

import os
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qverdictd.action.decision import Reason, Verdict
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy

from ..generators.packets import raw_packets
from ..generators.policies import policies
from .pairs import Both, variants

#: At least so many pairs of a policy and a packet; fewer for a quick look.
PAIRS = int(os.environ.get("DIFFERENTIAL_PAIRS", "200000"))
_PACKETS = 200
"""Judged by one policy."""


def test_both_evaluators_agree_on_everything() -> None:
    pairs = 0
    decided: Counter[tuple[Reason, Verdict, bool]] = Counter()

    @settings(
        max_examples=PAIRS // _PACKETS + 1, suppress_health_check=list(HealthCheck), database=None
    )
    @given(policies, st.lists(raw_packets, min_size=2, max_size=6), st.integers(0, 1 << 32))
    def agree(policy: Policy, raws: list[RawPacket], seed: int) -> None:
        nonlocal pairs
        both = Both.of(policy)
        packets = variants(raws, seed, _PACKETS)
        pairs += both.agree(packets)
        for one in both.compiled.judge(packets[:50], 0):
            decided[one.reason, one.verdict, one.replacement is not None] += 1

    agree()
    assert pairs >= PAIRS
    # Nothing that can be decided was left out; workers quarantine, not engines.
    reasons = set(Reason) - {Reason.INTERNAL, Reason.QUARANTINED}
    assert {reason for reason, _, _ in decided} == reasons
    assert {verdict for _, verdict, _ in decided} == set(Verdict) - {Verdict.CONTINUE}
    assert {replaced for _, _, replaced in decided} == {False, True}
