# SPDX-License-Identifier: GPL-2.0
"""What becomes of a policy in its program; that engines decide the same is tested elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from qverdictd._fast import verify
from qverdictd.action.decision import Verdict
from qverdictd.action.mark import Mark
from qverdictd.action.rewrite import Replace, SetPayload
from qverdictd.errors import PolicyError
from qverdictd.packet.numbering import NUMBER_OF
from qverdictd.policy.condition import All, Condition, Contains, Not
from qverdictd.policy.condition import Any as AnyOf
from qverdictd.policy.condition import Test as FieldTest
from qverdictd.policy.load import load
from qverdictd.policy.lower import lower
from qverdictd.policy.members import Addresses, Interfaces, Numbers
from qverdictd.policy.model import Place, Policy, Rule
from qverdictd.policy.program import ALL_MATCHES, DEPTH_MAX, LARGEST, Op, Section
from qverdictd.policy.records import Records
from tests.generators.policies import policies
from tests.vectors import FILES, scenario

TTL = FieldTest("ttl", Numbers(((1, 1),)))


def lowered(folder: Path, *matches: dict[str, Any], sets: dict[str, Any] | None = None) -> Records:
    """Lower a policy with a rule for each match."""
    rules = [{"name": f"r{number}", "match": match} for number, match in enumerate(matches)]
    file = folder / "rules.yaml"
    file.write_text(json.dumps({"version": 1, "sets": sets or {}, "rules": rules}))
    return checked(load(file))


def checked(policy: Policy) -> Records:
    """Lower a policy; the verifier must take what comes."""
    program = lower(policy)
    verify(program)
    return Records(program)


def rule(name: str, *parts: Condition, **more: Any) -> Rule:
    return Rule(name, All(parts), more.pop("verdict", Verdict.DROP), **more)


def policy(*rules: Rule) -> Policy:
    return Policy(Verdict.ACCEPT, Verdict.DROP, rules)


@given(policies)
def test_every_policy_has_a_program(policy: Policy) -> None:
    program = checked(policy)
    assert program.count(Section.RULES) == len(policy.rules)


def test_every_scenario_has_a_program(tmp_path: Path) -> None:
    for file in FILES:
        checked(load(scenario(file).write_to(tmp_path / file.stem)))


def test_the_header_tells_what_is_done_without_a_rule() -> None:
    program = checked(Policy(Verdict.DROP, Verdict.ACCEPT, ()))
    assert (program.default, program.on_error) == (Verdict.DROP, Verdict.ACCEPT)
    assert program.count(Section.NODES) == 0


def test_what_is_equal_is_there_once(tmp_path: Path) -> None:
    match = {"src": "@s", "dport": "@p", "payload": "abc", "not": {"any": [{"ttl": 1}, {"ecn": 1}]}}
    sets = {
        "s": {"type": "cidr", "values": ["192.0.2.0/24", "2001:db8::/32"]},
        "p": {"type": "port", "values": [1, 3, 5]},
    }
    once = lowered(tmp_path, match, sets=sets)
    often = lowered(tmp_path, *[match] * 100, sets=sets)
    names = Section.RULES, Section.STRINGS, Section.BYTES
    for kind in set(Section) - set(names):
        assert often.count(kind) == once.count(kind)
    assert once.count(Section.SETS) == 1
    assert once.count(Section.NUMBERS) == 4  # ttl and ecn look for the same


def test_sets_of_equal_members_are_one_and_keep_their_names(tmp_path: Path) -> None:
    values = {"type": "cidr", "values": ["192.0.2.0/24"]}
    program = lowered(
        tmp_path,
        {"src": "@a"},
        {"src": "@b"},
        {"src": "192.0.2.0/24"},
        sets={"a": values, "b": values},
    )
    nodes = program.records(Section.NODES, 0, program.count(Section.NODES))
    tests = [node for node in nodes if node[0] == Op.IN_SET]
    assert program.count(Section.SETS) == 1
    assert [program.text(node[5]) for node in tests] == ["a", "b", ""]


def test_either_port_is_one_of_two(tmp_path: Path) -> None:
    program = lowered(tmp_path, {"port": [53, 80]})
    sport, dport, either, whole = program.records(Section.NODES, 0, 4)
    assert [sport[1], dport[1]] == [NUMBER_OF["sport"], NUMBER_OF["dport"]]
    assert sport[3:5] == dport[3:5]
    assert (either[0], whole[0]) == (Op.ANY, Op.ALL)


@pytest.mark.parametrize(
    ("parts", "ops"),
    [
        ((), [Op.ALL]),
        ((TTL,), [Op.IN_NUMBERS, Op.ALL]),
        ((All((AnyOf((TTL,)),)),), [Op.IN_NUMBERS, Op.ALL]),
        ((Not(Not(TTL)),), [Op.IN_NUMBERS, Op.ALL]),
        ((Not(All((Not(AnyOf((TTL,))),))),), [Op.IN_NUMBERS, Op.ALL]),
        ((Not(TTL),), [Op.IN_NUMBERS, Op.NOT, Op.ALL]),
        ((AnyOf(()),), [Op.ANY, Op.ALL]),
        ((AnyOf((All(()), TTL)),), [Op.ALL, Op.IN_NUMBERS, Op.ANY, Op.ALL]),
    ],
)
def test_joins_of_one_are_left_out(parts: tuple[Condition, ...], ops: list[Op]) -> None:
    program = checked(policy(rule("r", *parts)))
    nodes = program.records(Section.NODES, 0, program.count(Section.NODES))
    assert [node[0] for node in nodes] == ops


def test_joins_of_a_kind_are_one() -> None:
    others = [FieldTest("ttl", Numbers(((number, number),))) for number in (2, 3, 4)]
    program = checked(policy(rule("r", All((TTL, All((others[0],)))), All(tuple(others[1:])))))
    assert program.record(Section.NODES, 4)[4] == 4
    assert program.count(Section.NODES) == 5


def test_numbers_past_any_packet_are_the_largest() -> None:
    program = checked(
        policy(
            rule(
                "r",
                Contains(b"a", at=1 << 40),
                rewrites=(Replace(b"a", b"b", 1 << 40), Replace(b"a", b"b"), SetPayload(b"")),
            )
        )
    )
    assert program.record(Section.NODES, 0)[5] == LARGEST
    counts = [record[4] for record in program.records(Section.REWRITES, 0, 3)]
    assert counts == [ALL_MATCHES, ALL_MATCHES, 0]


def test_a_mark_lies_within_its_mask() -> None:
    program = checked(policy(rule("r", mark=Mark(0x1FF, 0xF0))))
    assert program.record(Section.RULES, 0)[3:5] == (0xF0, 0xF0)


def problem(broken: Policy) -> str:
    with pytest.raises(PolicyError) as caught:
        lower(broken)
    return str(caught.value)


def nested(depth: int) -> Condition:
    """Return a condition of this depth."""
    condition: Condition = TTL
    for level in range(depth - 1):
        condition = All((condition, TTL)) if level % 2 else AnyOf((condition, TTL))
    return condition


def test_deep_conditions_are_refused_at_their_rule() -> None:
    place = Place("rules.yaml", 7, 3)
    checked(policy(rule("r", nested(DEPTH_MAX - 1), Not(TTL))))
    assert problem(policy(rule("a"), rule("r", nested(DEPTH_MAX), Not(TTL), place=place))) == (
        f"rules.yaml:7:3: rule 'r': its match is nested deeper than {DEPTH_MAX} levels"
    )


def test_conditions_with_too_many_parts_are_refused_at_their_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("qverdictd.policy.lower.PARTS_MAX", 1005)
    rules = [rule(f"r{number}", TTL, place=Place("f", number, 1)) for number in range(1, 504)]
    checked(policy(*rules[:502]))
    assert problem(policy(*rules)) == (
        "f:503:1: rule 'r503': the rules up to here have more than 1,005 parts"
    )


def test_a_name_that_no_interface_has_is_refused_at_its_rule() -> None:
    test = FieldTest("in", Interfaces(frozenset(("é" * 8,))))
    assert problem(policy(rule("r", test, place=Place("f", 1, 2)))) == (
        "f:1:2: rule 'r': no interface is called 'éééééééé': at most 15 bytes"
    )


def test_large_sets_are_not_copied_into_lists(tmp_path: Path) -> None:
    large = {"type": "cidr", "values": [f"10.0.{n // 100}.{n % 100 * 2}" for n in range(1000)]}
    small = {"type": "cidr", "values": ["192.0.2.0/24"]}
    matches = [{"src": ["@large", "@small", f"10.1.0.{n}"]} for n in range(100)]
    program = lowered(tmp_path, *matches, sets={"large": large, "small": small})
    assert program.count(Section.RANGES4) == 1000 + 2 * 100
    assert program.count(Section.SETS) == 1 + 100


def test_a_large_set_is_in_its_program_alone(tmp_path: Path) -> None:
    entries = [f"10.{n // 250}.{n % 250}.1" for n in range(20_000)]
    entries += [f"2001:db8::{n:x}:0" for n in range(5_000)]
    (tmp_path / "s.txt").write_text("\n".join(entries))
    (tmp_path / "rules.yaml").write_text(
        "version: 1\nsets: {s: {type: cidr, file: s.txt}}\n"
        "rules:\n- {name: r, match: {src: '@s'}, verdict: drop}\n"
        "- {name: other, match: {src: {not: '@s'}}}\n"
        "tests:\n- {name: t, packet: {src: 10.1.1.1}, expect: {verdict: drop}}\n"
    )
    policy = load(tmp_path / "rules.yaml")
    members = policy.sets[0].members
    assert isinstance(members, Addresses)
    before = Addresses(bytes(members.v4), bytes(members.v6))
    program = lower(policy)
    verify(program)
    assert members == before
    assert hash(members) == hash(before)
    for view in (members.v4, members.v6):
        assert isinstance(view, memoryview)
        assert view.obj is program
    container = members.container()
    assert bytes((10, 79, 249, 1)) in container
    assert bytes((10, 79, 249, 2)) not in container
    assert bytes.fromhex("20010db8000000000000000013870000") in container
    assert bytes.fromhex("20010db8000000000000000013870001") not in container
    assert lower(policy) == program
