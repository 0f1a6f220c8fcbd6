# SPDX-License-Identifier: GPL-2.0
"""Scenarios as data: a policy, packets, and the whole decision on each. See README.md.

Every evaluator runs the same files; this reads them and knows no evaluator.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.document import TestShape
from qverdictd.policy.inline_tests import read_test
from qverdictd.policy.shape import checked
from qverdictd.policy.source import Node, Source, read

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.yaml"))

_CASE_KEYS = {"name", "packet", "patch", "cut", "meta", "expect"}
_EXPECT_KEYS = {"verdict", "rule", "reason", "mark", "becomes", "logs"}


@dataclass(frozen=True, slots=True)
class Case:
    """One packet, and what must be decided of it."""

    name: str
    packet: RawPacket
    expect: Decision
    """``logs`` are expected apart, see `logged`."""
    logged: tuple[tuple[str, str, str], ...]
    """Rule, level and prefix of each log that is asked for, in order."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One vector file."""

    file: Path
    policy: str
    beside: dict[str, str]
    """Files beside the policy, by relative path: set files, ``rules.d``."""
    cases: tuple[Case, ...]

    def write_to(self, folder: Path) -> Path:
        """Write the policy and the files beside it; return the policy's path."""
        for name, text in {"rules.yaml": self.policy, **self.beside}.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return folder / "rules.yaml"


def scenario(file: Path) -> Scenario:
    """Read a vector file. Raises ValueError where it is not one."""
    source = read(file, "vector")
    if source.problems or not isinstance(source.root.value, dict):
        raise ValueError("\n".join(map(str, source.problems)) or f"{file}: not a mapping")
    top = source.root.value
    _only(top, {"policy", "beside", "cases"}, file)
    cases = top["cases"].value
    assert isinstance(cases, list)
    return Scenario(
        file,
        top["policy"].plain(),
        top["beside"].plain() if "beside" in top else {},
        tuple(_case(source, node) for node in cases),
    )


def _only(mapping: dict[str, Any], known: set[str], where: object) -> None:
    if unknown := set(mapping) - known:
        raise ValueError(f"{where}: unknown keys {unknown}")


def _case(source: Source, node: Node) -> Case:
    case = node.value
    assert isinstance(case, dict)
    where = f"{source.name}:{node.line}"
    _only(case, _CASE_KEYS, where)
    plain = node.plain()
    packet = _packet(source, case["packet"])
    data = bytearray(packet.data)
    for offset, text in plain.get("patch", {}).items():
        new = bytes.fromhex(text)
        data[int(offset) : int(offset) + len(new)] = new
    packet.data = bytes(data[: plain.get("cut")])
    for name, value in plain.get("meta", {}).items():
        if name not in RawPacket.__slots__:
            raise ValueError(f"{where}: no packet has {name}")
        setattr(packet, name, value)
    expect = plain["expect"]
    _only(expect, _EXPECT_KEYS, where)
    replacement = None
    if "becomes" in expect:
        if "patch" in plain and "hex" not in expect["becomes"]:
            raise ValueError(f"{where}: a patched packet becomes hex")
        replacement = _changed(source, case["packet"], case["expect"])
    return Case(
        plain["name"],
        packet,
        _decision(expect, packet, replacement),
        tuple(
            (log["rule"], log.get("level", "info"), log.get("prefix", ""))
            for log in expect.get("logs", ())
        ),
    )


def _packet(source: Source, description: Node) -> RawPacket:
    """Make a packet from its description, as a policy's own tests do."""
    test = Node(
        {
            "name": Node("vector", 1, 1),
            "packet": description,
            "expect": Node({"verdict": Node("accept", 1, 1)}, 1, 1),
        },
        description.line,
        description.column,
    )
    shape = checked(source, test, TestShape, ())
    read_ = None if shape is None else read_test(shape, test, source, ())
    if read_ is None:
        raise ValueError("\n".join(map(str, source.problems)))
    return read_.packet


def _changed(source: Source, description: Node, expect: Node) -> bytes:
    """Make the packet that has the new values, and otherwise those of before."""
    assert isinstance(description.value, dict)
    assert isinstance(expect.value, dict)
    new = expect.value["becomes"].value
    assert isinstance(new, dict)
    old = {} if "hex" in new else description.value
    return _packet(source, Node({**old, **new}, expect.line, expect.column)).data


def _decision(expect: dict[str, Any], packet: RawPacket, replacement: bytes | None) -> Decision:
    rule = expect.get("rule")
    verdict: Any = expect["verdict"]
    queue: int | None = None
    if isinstance(verdict, dict):
        verdict, queue = "queue", verdict["queue"]
    return Decision(
        Verdict(verdict),
        Reason(expect.get("reason", "default" if rule is None else "rule")),
        rule,
        queue,
        expect.get("mark", packet.mark),
        replacement,
    )
