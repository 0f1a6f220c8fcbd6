# SPDX-License-Identifier: GPL-2.0
"""Hostile text and bytes: a policy loads, or `PolicyError` says why; nothing else happens."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qverdictd.action.decision import Verdict
from qverdictd.errors import PolicyError, Problem
from qverdictd.packet.build import build
from qverdictd.packet.fields import FIELDS
from qverdictd.policy.load import load
from qverdictd.policy.reference import evaluate
from tests.vectors import FILES, scenario

GOOD = [scenario(file).policy for file in FILES]

WORDS = st.one_of(
    st.sampled_from([*FIELDS, "@x", "~", "no", "true", "-1", "1e999", ".inf", "1.5", "0x"]),
    st.sampled_from(["not", "any", "all", "match", "verdict", "rewrite", "set", "replace", "lt"]),
    st.sampled_from(["payload", "regex", "hex", "text", "with", "within", "at", "length", "mask"]),
    st.sampled_from(["queue", "value", "<<", "&a", "*a", "!!int"]),
    st.sampled_from(["-", "- ", ": ", "{", "}", "[", "]", "'", '"', "#", "|", ">", "?", "\n  "]),
    st.sampled_from(["\n", "%TAG", "---", "\0", "\ud7ff", "\u2028", "ä", "9" * 30, "0" * 70]),
    st.sampled_from(['"@x"', '"\\0"', '"\\uD800"', "'<mapping>'"]),
)


def load_text(data: bytes) -> None:
    """Load; whatever is wrong is a problem with a place."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_bytes(data)
        problems = []
        try:
            load(file)
        except PolicyError as error:
            problems = error.problems or [Problem("", 0, 0, "")]
        for problem in problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert problem.message


@given(st.sampled_from(GOOD), st.data())
def test_mutated_policies(policy: str, data: st.DataObject) -> None:
    """Words are put over pieces of a policy, of any length."""
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(policy)))
        end = min(len(policy), start + data.draw(st.integers(0, 12)))
        policy = policy[:start] + data.draw(WORDS) + policy[end:]
    load_text(policy.encode(errors="surrogatepass"))


@given(st.lists(WORDS, max_size=30).map("".join))
@example("version: 1\nrules: [{name: r, rewrite: [{payload: x}]}]\n")
@example('version: 1\n"\\uD800": 1\n')
@example("version: 1\nrules: [{name: r, match: {payload: {length: {}}}}]\n")
def test_words(text: str) -> None:
    load_text(("version: 1\n" + text).encode(errors="surrogatepass"))


@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    load_text(data)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**40), 2**40),
        st.sampled_from(["a", "@x", "1-2", "10.0.0.0/8", "syn,!ack", "", "eth*", "\\1"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["not", "lt", "value", "mask", "regex", "text"]), inner),
    ),
    max_leaves=6,
)


def as_yaml(value: object) -> str:
    match value:
        case None:
            return "~"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case list():
            return "[" + ", ".join(map(as_yaml, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
        case _:
            return f"'{value}'"


PLACES = [
    *("{name: r, match: {%s: %%s}}" % name for name in FIELDS),  # noqa: UP031
    "{name: r, match: {any: %s}}",
    "{name: r, match: {not: %s}}",
    "{name: r, verdict: %s}",
    "{name: r, mark: %s}",
    "{name: r, log: %s}",
    "{name: r, rewrite: %s}",
    "{name: r, rewrite: [{set: %s}]}",
    "{name: r, rewrite: [{set: {ttl: %s}}]}",
    "{name: r, rewrite: [{replace: %s}]}",
    "{name: r, rewrite: [{payload: %s}]}",
    "{name: %s}",
]


@given(st.sampled_from(PLACES), VALUES)
def test_any_value_at_any_place(place: str, value: object) -> None:
    text = place % as_yaml(value)
    load_text(f"version: 1\nsets: {{x: {{type: cidr, values: [::1]}}}}\nrules: [{text}]\n".encode())


@given(st.sampled_from(["sets: {x: %s}", "sets: %s", "tests: [%s]", "rules: %s"]), VALUES)
def test_any_value_outside(place: str, value: object) -> None:
    load_text(f"version: 1\n{place % as_yaml(value)}\n".encode())


@given(st.sampled_from([*FIELDS, "hex"]), VALUES, VALUES)
def test_any_value_in_a_test(field: str, value: object, expected: object) -> None:
    packet, expect = as_yaml({field: value}), as_yaml(expected)
    test = f"{{name: t, packet: {packet}, expect: {{verdict: drop, payload: {expect}}}}}"
    load_text(f"version: 1\ntests: [{test}]\n".encode())


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(a*)*b", "^a{0,500}a{0,500}$"]
)
def test_no_pattern_is_slow(tmp_path: Path, pattern: str) -> None:
    """With backtracking these would not end before the sun does."""
    file = tmp_path / "rules.yaml"
    file.write_text(
        "version: 1\nrules:\n"
        f"  - {{name: r, match: {{payload: {{regex: '{pattern}'}}}}, verdict: drop}}\n"
    )
    policy = load(file)
    packet = build({"proto": 17}, b"a" * 65_000 + b"!")
    assert evaluate(policy, packet).verdict is Verdict.ACCEPT
