# SPDX-License-Identifier: GPL-2.0
"""A policy that needs more memory than it may have is refused at the rule to blame."""

import re
from pathlib import Path

import pytest

from qverdictd.engine.compiled import compiled
from qverdictd.errors import PolicyError
from qverdictd.policy.load import load
from qverdictd.policy.model import Policy

_SETS = (
    "sets:\n"
    f"  few: {{type: cidr, values: [{', '.join(f'192.0.2.{n}' for n in range(0, 256, 2))}]}}\n"
    "  many: {type: cidr, file: many.txt}\n"
)
_SET_RULES = """rules:
  - {name: small, match: {src: "@few"}, verdict: drop}
  - {name: large, match: {dst: "@many"}, verdict: drop}
  - {name: small-too, match: {src: 198.51.100.0/24}, verdict: drop}
"""
_PATTERN_RULES = "rules:\n" + "".join(
    f"  - {{name: r{n}, match: {{payload: {{regex: 'abc[a-z]{{100}}{n}'}}}}}}\n" for n in range(200)
)
_MANY_RULES = "rules:\n" + "".join(
    f"  - {{name: r{n}, match: {{src: 10.{n // 250}.{n % 250}.0/24, dport: {n}}}}}\n"
    for n in range(5000)
)


@pytest.fixture
def made(tmp_path: Path, request: pytest.FixtureRequest) -> Policy:
    many = (f"10.{n // 250}.{n % 250}.1" for n in range(50_000))
    (tmp_path / "many.txt").write_text("\n".join(many))
    (tmp_path / "rules.yaml").write_text("version: 1\n" + request.param)
    return load(tmp_path / "rules.yaml")


def refusal(policy: Policy, memory: int) -> str:
    with pytest.raises(PolicyError) as caught:
        compiled(policy, memory=memory)
    (found,) = caught.value.problems
    return f"{found.line}:{found.column}: {found.message}"


@pytest.mark.parametrize("made", [_SETS + _SET_RULES], indirect=True)
def test_a_set_that_is_too_large(made: Policy) -> None:
    message = refusal(made, 200_000)
    assert re.fullmatch(r"7:5: rule 'large': .* more than \d+ bytes", message)


@pytest.mark.parametrize("made", [_PATTERN_RULES], indirect=True)
def test_patterns_that_are_too_many(made: Policy) -> None:
    message = refusal(made, 4_000_000)
    found = re.fullmatch(r"(\d+):5: rule 'r(\d+)': patterns need more than \d+ bytes", message)
    assert found is not None
    assert int(found[1]) == int(found[2]) + 3


@pytest.mark.parametrize("made", [_MANY_RULES], indirect=True)
def test_rules_that_are_too_many(made: Policy) -> None:
    message = refusal(made, 500_000)
    found = re.fullmatch(r"(\d+):5: rule 'r(\d+)': .* more than \d+ bytes", message)
    assert found is not None
    assert int(found[1]) == int(found[2]) + 3


@pytest.mark.parametrize(
    "made",
    [
        _SET_RULES.replace("@few", "::1").replace("@many", "::2"),
        _SETS + _SET_RULES,
        _PATTERN_RULES,
        _MANY_RULES,
    ],
    indirect=True,
)
def test_every_cap_is_kept_or_refused(made: Policy) -> None:
    """Whatever the cap: an engine within it, or a refusal that says so."""
    refused = 0
    for shift in range(28):
        try:
            engine = compiled(made, memory=1 << shift)
        except PolicyError as error:
            refused += str(error).count(" more than ")
        else:
            assert engine.memory <= 1 << shift
            break
    assert refused == shift > 0
