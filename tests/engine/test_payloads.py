# SPDX-License-Identifier: GPL-2.0
"""Many tests on one payload, and what they replace: the compiled engine against the reference.

So many that the engine looks for them together, in one pass; each rule that holds logs, so that a
difference in any shows.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP

from qverdictd import _fast
from qverdictd.action.decision import Log, Verdict
from qverdictd.action.limits import MOST_REPLACED
from qverdictd.action.pattern import Pattern
from qverdictd.action.rewrite import Replace, ReplacePattern, Rewrite, SetPayload
from qverdictd.packet.raw import AF_INET, RawPacket
from qverdictd.policy.condition import All, Any, Condition, Contains, Matches, Not
from qverdictd.policy.lower import lower
from qverdictd.policy.model import Policy, Rule
from tests.differential.pairs import Both
from tests.generators.expressions import LETTERS, patterns, texts, words

_windows = st.sampled_from((None, None, (0, 8), (2, 12), (30, 40)))
_tests = st.one_of(
    st.builds(Contains, words, st.none(), _windows),
    st.builds(Contains, words, st.integers(0, 12)),
    st.builds(Matches, patterns, _windows),
)
_conditions: st.SearchStrategy[Condition] = st.recursive(
    _tests,
    lambda parts: st.one_of(
        parts.map(Not),
        st.lists(parts, min_size=1, max_size=3).map(tuple).map(All),
        st.lists(parts, min_size=1, max_size=3).map(tuple).map(Any),
    ),
    max_leaves=3,
)
_counts = st.sampled_from((None, None, 1, 2, MOST_REPLACED, MOST_REPLACED + 1))


@st.composite
def _replacements(draw: st.DrawFn) -> ReplacePattern:
    found = draw(patterns)
    groups = st.integers(1, min(found.groups, 9)) if found.groups else words
    return ReplacePattern(
        found, tuple(draw(st.lists(st.one_of(words, groups), max_size=3))), draw(_counts)
    )


_rewrites: st.SearchStrategy[Rewrite] = st.one_of(
    st.builds(Replace, words, st.one_of(words, st.just(b"")), _counts),
    _replacements(),
    st.builds(SetPayload, texts),
)


def _policy(conditions: list[Condition], rewrites: dict[int, Rewrite]) -> Policy:
    return Policy(
        default=Verdict.DROP,
        on_error=Verdict.ACCEPT,
        rules=tuple(
            Rule(
                f"rule-{number}",
                All((condition,)),
                Verdict.CONTINUE,
                rewrites=(rewrites[number],) if number in rewrites else (),
                log=Log(f"rule-{number}"),
            )
            for number, condition in enumerate(conditions)
        ),
    )


def _udp(payload: bytes) -> RawPacket:
    data = bytes(IP(src="192.0.2.1", dst="192.0.2.2") / UDP(sport=1, dport=2) / payload)
    return RawPacket(1, data, len(data), AF_INET)


def _cut(raw: RawPacket, size: int) -> RawPacket:
    return replace(raw, data=raw.data[: len(raw.data) - size])


_packets = st.one_of(
    texts.map(_udp),
    texts.map(_udp),
    st.builds(_cut, texts.map(_udp), st.integers(0, 12)),
    # More matches than may be replaced.
    st.sampled_from(LETTERS).map(lambda letter: _udp(bytes([letter]) * (MOST_REPLACED + 200))),
)


@given(
    st.lists(_conditions, min_size=1, max_size=60),
    st.dictionaries(st.integers(0, 59), _rewrites, max_size=4),
    st.lists(_packets, min_size=5, max_size=20),
)
def test_every_test_finds_what_it_must(
    conditions: list[Condition], rewrites: dict[int, Rewrite], packets: list[RawPacket]
) -> None:
    Both.of(_policy(conditions, rewrites)).agree(packets)


def test_thousands_of_tests() -> None:
    literals = [f"{number:x}.".encode() for number in range(3000)]
    expressions = [Pattern.compile(f"{number:x}[,;]+{number:x}") for number in range(1000)]
    policy = _policy(
        [*(Contains(word) for word in literals), *(Matches(one) for one in expressions)], {}
    )
    packets = [_udp(text) for text in (b"", b"7d0.", b"abc.3,3 3e7;;3e7 bb7.", b"9,9" * 400)]
    both = Both.of(policy)
    both.agree(packets)
    assert [len(decision.logs) for decision in both.compiled.judge(packets, 0)] == [0, 3, 8, 2]


@pytest.mark.parametrize("source", [r"(\xe9a|\xe9b)", r"(?:\351a|\351b)c?", r"^(?:\xe9a|\xe9b)"])
def test_alternatives_that_begin_with_a_byte_above_ascii(source: str) -> None:
    """RE2 of 2022-06 misses these where it searches for what all alternatives begin with."""
    policy = _policy([Matches(Pattern.compile(source))], {})
    packets = [_udp(b"\xe9b"), _udp(b"a\xe9a"), _udp(b"\xe9")]
    both = Both.of(policy)
    both.agree(packets)
    assert both.compiled.judge(packets[:1], 0)[0].logs


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (r"(?<name>a)", "(?<"),
        # RE2 of 2022-06 would find the micro sign, that of the reference does not.
        (r"(?i)\p{Greek}", "ignores case"),
        (r"a(?s-m:b(?si:[^\PL]))", "ignores case"),
    ],
)
def test_what_the_two_re2_take_differently_is_refused_by_its_rule(source: str, why: str) -> None:
    policy = _policy([Contains(b"a"), Matches(Pattern.compile(source))], {})
    with pytest.raises(_fast.ProgramError) as refused:
        _fast.Engine(lower(policy))
    assert refused.value.rule == 1
    assert why in refused.value.text


def test_a_literal_as_long_as_the_cut_payload_is_searched_in_linear_time() -> None:
    """Where the payload ends in what may be its beginning, at every length of it."""
    find = b"a" * 20_000 + b"b" * 20_000
    policy = _policy([Contains(find)], {})
    whole = _udp(b"a" * 30_000 + b"b" * 30_000)
    Both.of(policy).agree([whole, *(_cut(whole, size) for size in (1, 5_000, 29_999, 45_000))])


def test_a_scan_forgets_the_payload_that_a_rewrite_changed() -> None:
    fillers: list[Condition] = [Contains(f"filler-{number}".encode()) for number in range(200)]
    conditions = [*fillers[:100], Contains(b"xz"), *fillers[100:], Contains(b"z"), Contains(b"xy")]
    policy = _policy(conditions, {100: Replace(b"z", b"y")})
    decision = Both.of(policy).compiled.judge([_udp(b"xz")], 0)[0]
    assert [log.rule for log in decision.logs] == ["rule-100", "rule-202"]


def test_a_scan_forgets_the_packet_before() -> None:
    conditions: list[Condition] = [Contains(f"word-{number}.".encode()) for number in range(200)]
    policy = _policy(conditions, {})
    packets = [_udp(f"word-{number}. word-199.".encode()) for number in (1, 100, 198)]
    found = [decision.logs for decision in Both.of(policy).compiled.judge(packets, 0)]
    assert [[log.rule for log in logs] for logs in found] == [
        ["rule-1", "rule-199"],
        ["rule-100", "rule-199"],
        ["rule-198", "rule-199"],
    ]
