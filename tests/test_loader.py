# SPDX-License-Identifier: GPL-2.0
"""What is told of policies and sets that are loaded, or refused, while the daemon runs."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from qverdictd.control.notify import Notifier
from qverdictd.engine.base import Engine
from qverdictd.engine.native import NativeEngine
from qverdictd.engine.reference import ReferenceEngine
from qverdictd.errors import TransportError
from qverdictd.loader import Loader
from qverdictd.policy.load import load
from qverdictd.policy.model import Policy
from qverdictd.worker.python import PythonWorkers

POLICY = """version: 1
sets:
  a: {type: port, file: a.txt}
  b: {type: port, file: b.txt}
rules:
  - {name: one, match: {dport: "@a", sport: "@b"}, verdict: drop}
"""


class Told:
    """Hears what a service manager would."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def __call__(self, text: str) -> None:
        self.words.append(text)

    def status(self) -> str:
        return self.words[-1].rpartition("STATUS=")[2]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(POLICY)
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("80\n")
    return file


def refuse(error: Exception) -> None:
    raise error


Made = tuple[Loader, Engine, Told]


@pytest.fixture(params=["native", "reference"])
def made(rules: Path, request: pytest.FixtureRequest) -> Iterator[Made]:
    kind: type[NativeEngine] | type[ReferenceEngine] = NativeEngine
    if request.param == "reference":
        kind = ReferenceEngine
    engine = kind(load(rules), refuse)
    told = Told()
    workers = PythonWorkers(engine, [], lambda _packets, _decisions: 0)
    yield Loader(rules, engine, workers, lambda _: None, Notifier(told)), engine, told
    workers.stop()


def sets(rules: Path, *names: str) -> frozenset[str]:
    return frozenset(str(rules.with_name(f"{name}.txt")) for name in names)


def test_status_says_all_that_is_not_as_files_say(made: Made, rules: Path) -> None:
    loader, engine, told = made
    a, b = rules.with_name("a.txt"), rules.with_name("b.txt")
    judging = f"judging: 1 rules from {rules}"
    rules.write_text(POLICY + "bad: 1\n")
    loader.policy()()
    assert told.words[-1].startswith("READY=1\nSTATUS=not reloaded, the policy before stays")
    a.write_text("none\n")
    b.write_text("443\n")
    loader.sets(sets(rules, "a", "b"))()
    assert told.words[-1].startswith("STATUS=not reloaded, ")
    assert f"; set 'a' stays as it was: {a}:1:1: " in told.status()
    assert "set 'b'" not in told.status()
    assert engine.policy.generation == 2
    rules.write_text(POLICY)
    a.write_text("80\n")
    loader.sets(sets(rules, "a"))()
    assert told.status().startswith("not reloaded, ")
    assert "set 'a'" not in told.status()
    assert engine.policy.generation == 2
    loader.policy()()
    assert told.words[-1] == f"READY=1\nSTATUS={judging}"
    assert engine.policy.generation == 3
    a.unlink()
    loader.sets(sets(rules, "a"))()
    assert told.status().startswith(f"{judging}; set 'a' stays as it was: ")


def test_what_is_the_same_is_no_change(
    made: Made, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loader, engine, _ = made
    before = engine.policy
    rules.with_name("a.txt").write_text("# a web server\n80\n")
    loader.sets(sets(rules, "a"))()
    loader.sets(frozenset(["/nosuch"]))()
    assert engine.policy is before
    assert capsys.readouterr().err == ""


def test_what_cannot_be_put_in_force_leaves_what_is(
    made: Made, rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loader, engine, told = made
    before = engine.policy

    def prepare(_self: PythonWorkers, _policy: Policy) -> Callable[[], None]:
        return partial(refuse, TransportError("the kernel does not answer"))

    monkeypatch.setattr(PythonWorkers, "prepare", prepare)
    rules.with_name("a.txt").write_text("81\n")
    loader.sets(sets(rules, "a"))()
    assert "set 'a' stays as it was: the kernel does not answer" in told.status()
    loader.policy()()
    assert told.status().startswith("not reloaded, the policy before stays in force: the kernel")
    assert engine.policy is before
    assert "was read again" not in capsys.readouterr().err
