# SPDX-License-Identifier: GPL-2.0
"""Both engines over the shared vectors: each packet is a test."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest

from qverdictd.action.decision import Reason, Verdict
from qverdictd.action.rewrite import Rewrite, SetAddress, SetNumber
from qverdictd.app import make_engine
from qverdictd.engine.base import Engine
from qverdictd.packet.fields import FIELDS
from qverdictd.policy.condition import All, Any, Condition, Not
from qverdictd.policy.condition import Test as FieldTest
from qverdictd.policy.load import load
from qverdictd.policy.model import Policy
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


@cache
def engine(name: str, file: Path) -> Engine:
    return make_engine(name, loaded(file))


@pytest.mark.parametrize("name", ["reference", "native"])
@pytest.mark.parametrize(("one", "case"), CASES)
def test_vector(one: Scenario, case: Case, name: str) -> None:
    (decision,) = engine(name, one.file).judge([case.packet])
    assert decision._replace(logs=()) == case.expect
    assert tuple((log.rule, log.level, log.prefix) for log in decision.logs) == case.logged


def test_no_name_is_given_twice() -> None:
    for one in SCENARIOS:
        names = [case.name for case in one.cases]
        assert len(set(names)) == len(names), one.file


def _fields(condition: Condition | None) -> set[str]:
    match condition:
        case None:
            return set()
        case All() | Any():
            return {name for part in condition.parts for name in _fields(part)}
        case Not():
            return _fields(condition.part)
        case FieldTest():
            return {condition.field}
        case _:
            return {"payload"}


def test_the_vectors_cover_the_language() -> None:
    rules = [rule for one in SCENARIOS for rule in loaded(one.file).rules]
    used = {name for rule in rules for name in _fields(rule.condition)}
    assert used == {name for name, field in FIELDS.items() if not field.either}
    assert {rule.verdict for rule in rules} == set(Verdict)
    edits = [edit for rule in rules for edit in rule.rewrites]
    assert {type(edit) for edit in edits} == set(get_args(Rewrite))
    written = {edit.field for edit in edits if isinstance(edit, SetNumber | SetAddress)}
    assert written == {name for name, field in FIELDS.items() if field.settable}
    decided = {case.expect.reason for one in SCENARIOS for case in one.cases}
    # A defect is none of the language's, and what is quarantined was not judged.
    assert decided == set(Reason) - {Reason.INTERNAL, Reason.QUARANTINED}
