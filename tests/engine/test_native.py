# SPDX-License-Identifier: GPL-2.0
"""The compiled engine behind the interface of engines: policies in and out of force, defects."""

from dataclasses import replace
from pathlib import Path

import pytest

from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.cli import main
from qverdictd.engine.compiled import compiled
from qverdictd.engine.native import NativeEngine
from qverdictd.errors import Exit, PolicyError, QverdictdError
from qverdictd.policy.load import load
from tests.engine.policies import policy, syn

DROP = "rules:\n  - {name: none, match: {dport: 23}, verdict: drop, log: {prefix: 'x '}}\n"
QUEUE = "rules:\n  - {name: again, match: {dport: 23}, verdict: {queue: 0}}\n"
#: A pattern takes more than this, and all else of these policies less.
LITTLE = 1 << 16
GREEDY = "rules:\n  - {name: one, match: {dport: 1}, verdict: drop}\n" + (
    "  - {name: greedy, match: {payload: {regex: '(a{50}b{50}){2}'}}, verdict: drop}\n"
)


def fail(error: Exception) -> None:
    raise error


def test_decisions_are_whole() -> None:
    engine = NativeEngine(policy(DROP), fail)
    assert engine.judge([syn(23), syn(24)]) == [
        Decision(Verdict.DROP, Reason.RULE, "none", logs=(Log("none", prefix="x "),)),
        Decision(Verdict.ACCEPT, Reason.DEFAULT),
    ]
    queued = NativeEngine(policy(QUEUE), fail).judge([syn(23)])
    assert queued == [Decision(Verdict.QUEUE, Reason.RULE, "again", queue=0)]


def test_a_prepared_policy_is_in_force_when_it_is_put_there() -> None:
    before, after = policy(DROP), policy(QUEUE)
    engine = NativeEngine(before, fail)
    put = engine.prepare(after)
    assert engine.policy is before
    (decision,) = engine.judge([syn(23)])
    assert (decision.verdict, decision.generation) == (Verdict.DROP, 1)
    put()
    assert engine.policy == after
    (decision,) = engine.judge([syn(23)])
    assert (decision.verdict, decision.generation) == (Verdict.QUEUE, 2)


def test_a_policy_that_needs_too_much_memory_leaves_the_one_before() -> None:
    with pytest.raises(PolicyError):
        NativeEngine(policy(GREEDY), fail, memory=LITTLE)
    engine = NativeEngine(policy(DROP), fail, memory=LITTLE)
    with pytest.raises(PolicyError):
        engine.prepare(policy(GREEDY))
    assert engine.judge([syn(23)])[0].verdict is Verdict.DROP


def test_the_rule_to_blame_for_memory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\n" + GREEDY)
    compiled(load(file))
    place = rf"^{file}:4:5: rule 'greedy': "
    with pytest.raises(PolicyError, match=place):
        compiled(load(file), memory=LITTLE)
    config = tmp_path / "qverdictd.yaml"
    config.write_text(f"rules: {file}\nengine_memory: {LITTLE}\n")
    monkeypatch.setattr("qverdictd.control.config.CONFIG_FILE", config)
    assert main(["check"]) == Exit.CONFIG
    assert capsys.readouterr().err.startswith(f"{file}:4:5: rule 'greedy': ")


def test_no_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def starved(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("qverdictd.engine.compiled.Engine", starved)
    with pytest.raises(QverdictdError, match="not enough memory to compile the policy"):
        compiled(policy(DROP))


def test_a_packet_that_is_none_is_paid_with_on_error_and_alone() -> None:
    reported: list[Exception] = []
    engine = NativeEngine(policy(DROP), reported.append)
    broken = replace(syn(23), mark=-1)
    decisions = engine.judge([syn(23), broken, syn(24)])
    assert [(each.verdict, each.reason) for each in decisions] == [
        (Verdict.DROP, Reason.RULE),
        (Verdict.DROP, Reason.INTERNAL),
        (Verdict.ACCEPT, Reason.DEFAULT),
    ]
    assert [type(error) for error in reported] == [OverflowError]
