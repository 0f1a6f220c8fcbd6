# SPDX-License-Identifier: GPL-2.0
"""The reference evaluator over the shared vectors: each packet is a test."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qverdictd.policy.load import load
from qverdictd.policy.model import Policy
from qverdictd.policy.reference import evaluate
from tests.vectors import FILES, Case, Scenario, scenario

SCENARIOS = [scenario(file) for file in FILES]
CASES = [
    pytest.param(one, case, id=f"{one.file.stem}: {case.name}")
    for one in SCENARIOS
    for case in one.cases
]


@cache
def loaded(file: Path) -> Policy:
    one = next(one for one in SCENARIOS if one.file == file)
    with TemporaryDirectory() as folder:
        return load(one.write_to(Path(folder)))


@pytest.mark.parametrize(("one", "case"), CASES)
def test_vector(one: Scenario, case: Case) -> None:
    decision = evaluate(loaded(one.file), case.packet)
    assert decision._replace(logs=()) == case.expect
    assert tuple((log.rule, log.level, log.prefix) for log in decision.logs) == case.logged


def test_no_name_is_given_twice() -> None:
    for one in SCENARIOS:
        names = [case.name for case in one.cases]
        assert len(set(names)) == len(names), one.file
