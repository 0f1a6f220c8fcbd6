# SPDX-License-Identifier: GPL-2.0
"""The policies that we ship: they load, they are tested, and an editor can check them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qverdictd.policy.load import load
from qverdictd.policy.schema import schema

RULES = Path(__file__).parents[2] / "rules"
QVERDICTD = Path(sys.executable).with_name("qverdictd")
POLICIES = [RULES / "rules.yaml", *sorted((RULES / "examples").glob("*.yaml"))]


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_every_rule_of_a_shipped_policy_is_shown_by_a_test(file: Path) -> None:
    policy = load(file)
    deciding = {rule.name for rule in policy.rules if rule.verdict.value != "continue"}
    shown = {test.expect.rule for test in policy.tests}
    assert shown - {None} == deciding


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_editors_are_told_of_the_schema(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    prefix = "# yaml-language-server: $schema="
    assert first.startswith(prefix)
    named = file.parent / first.removeprefix(prefix)
    assert named.resolve() == (RULES / "policy.schema.json").resolve()


def test_the_schema_is_that_of_this_version() -> None:
    shipped = json.loads((RULES / "policy.schema.json").read_text())
    assert shipped == schema(), "run: .venv/bin/qverdictd schema > rules/policy.schema.json"


def test_check_finds_all_of_them_good() -> None:
    done = subprocess.run(
        [QVERDICTD, "check", *POLICIES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[1] for line in done.stdout.splitlines()] == [" good"] * len(POLICIES)
