# SPDX-License-Identifier: GPL-2.0
"""ClassBench's sets and traces: two evaluators, and the walk that wrote the traces."""

import random
from pathlib import Path

import pytest

from qverdictd.action.decision import Reason
from qverdictd.policy.load import load
from qverdictd.policy.reference import evaluate

from . import classbench
from .pairs import Both

#: Packets for the reference evaluator, which walks all rules for each: this many rules in all.
_RULES_WALKED = 1_500_000


@pytest.mark.parametrize("name", classbench.SETS)
def test_three_opinions(name: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(classbench.policy(name))
    both = Both.of(load(file))
    trace = classbench.trace(name)
    decisions = both.compiled.judge([header.packet for header in trace], 0)
    assert {one.reason for one in decisions} == {Reason.RULE}
    wrong = [
        (header, one.rule)
        for header, one in zip(trace, decisions, strict=True)
        if one.rule != header.rule
    ]
    assert not wrong
    rules = len(both.policy.rules)
    for header in random.Random(name).sample(trace, _RULES_WALKED // rules):
        assert evaluate(both.policy, header.packet).rule == header.rule
