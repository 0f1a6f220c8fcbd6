# SPDX-License-Identifier: GPL-2.0
"""The JSON Schema takes what the loader takes, and shows an editor what it would refuse."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from qverdictd.packet.fields import FIELDS, Kind
from qverdictd.policy.schema import schema
from tests.vectors import FILES, scenario

RULES = Path(__file__).parents[2] / "rules"
VALIDATOR = Draft202012Validator(schema())
GOOD = {
    **{file.stem: file.read_text() for file in RULES.rglob("*.yaml")},
    **{file.stem: scenario(file).policy for file in FILES},
}


def refused(document: Any) -> bool:
    return not VALIDATOR.is_valid(document)


def of_match(match: Any) -> dict[str, Any]:
    return {"version": 1, "rules": [{"name": "r", "match": match}]}


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", GOOD)
def test_good_policies_are_good(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load(GOOD[name]))


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_there_with_what_it_means(name: str) -> None:
    definitions = schema()["$defs"]
    assert definitions["MatchShape"]["properties"][name]["description"] == FIELDS[name].doc
    settable = definitions["SettableShape"]["properties"]
    assert (name in settable) is FIELDS[name].settable
    described = definitions["PacketShape"]["properties"]
    assert (name in described) is (name not in ("length", "port"))


@pytest.mark.parametrize("name", FIELDS)
def test_every_name_of_a_field_is_offered(name: str) -> None:
    for value in FIELDS[name].names:
        if FIELDS[name].kind is not Kind.FLAGS:
            assert not refused(of_match({name: value}))
            assert not refused(of_match({name: [value, {"not": value}]}))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 2},
        {"version": 1, "defualt": "drop"},
        {"version": 1, "default": "repeat"},
        {"version": 1, "sets": {"a b": {"type": "port", "values": [1]}}},
        {"version": 1, "sets": {"s": {"type": "prot"}}},
        {"version": 1, "rules": [{}]},
        {"version": 1, "rules": [{"name": "a b"}]},
        {"version": 1, "rules": [{"name": "r", "verdict": "dorp"}]},
        {"version": 1, "rules": [{"name": "r", "verdict": {"queue": 65536}}]},
        {"version": 1, "rules": [{"name": "r", "mark": -1}]},
        {"version": 1, "rules": [{"name": "r", "log": {"level": "loud"}}]},
        {"version": 1, "rules": [{"name": "r", "rewrite": [{"set": {"length": 1}}]}]},
        {"version": 1, "rules": [{"name": "r", "rewrite": [{"replace": {"count": 0}}]}]},
        {"version": 1, "tests": [{"name": "t", "packet": {}}]},
        {"version": 1, "tests": [{"name": "t", "packet": {}, "expect": {"verdict": "continue"}}]},
        of_match({"dprt": 1}),
        of_match({"dport": 65536}),
        of_match({"dport": []}),
        of_match({"dport": {"lte": 1}}),
        of_match({"proto": "tpc"}),
        of_match({"family": 4}),
        of_match({"fragment": 1}),
        of_match({"payload": {"txt": "a"}}),
        of_match({"payload": {"regex": "a", "at": 1}}),
        of_match({"mark": {"mask": 1}}),
        of_match({"any": []}),
        of_match({"any": [{"dprt": 1}]}),
        of_match({"not": [{"dport": 1}]}),
    ],
    ids=str,
)
def test_bad_policies_are_bad(document: dict[str, Any]) -> None:
    assert refused(document)
