# SPDX-License-Identifier: GPL-2.0
"""Three-valued logic, lifted to what is possible; and conditions over packets."""

import random
from dataclasses import replace
from itertools import product
from typing import Any as AnyValue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.packet.decode import decode
from qverdictd.packet.raw import RawPacket
from qverdictd.packet.value import Missing
from qverdictd.policy.condition import All, Any, Condition, Not
from qverdictd.policy.outcome import (
    ABSENT,
    BOTH,
    EITHER,
    FALSE,
    HIDDEN,
    NEGATED,
    OF_MISSING,
    TRUE,
)
from tests.generators.matches import SETS, matches
from tests.generators.packets import raw_packets
from tests.generators.policies import loaded

CERTAIN = (TRUE, FALSE, ABSENT)
OUTCOMES = range(8)

T, F, A = TRUE, FALSE, ABSENT


@pytest.mark.parametrize(
    ("first", "second", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (F, F, F, F),
        (A, T, A, T),
        (A, F, F, A),
        (A, A, A, A),
    ],
)
def test_truth_tables(first: int, second: int, both: int, either: int) -> None:
    assert BOTH[first][second] == BOTH[second][first] == both
    assert EITHER[first][second] == EITHER[second][first] == either


def test_not() -> None:
    assert [NEGATED[value] for value in CERTAIN] == [FALSE, TRUE, ABSENT]
    assert all(NEGATED[NEGATED[value]] == value for value in OUTCOMES)


def possible(outcome: int) -> list[int]:
    return [value for value in CERTAIN if outcome & value]


def test_an_outcome_is_what_any_of_the_possible_values_comes_to() -> None:
    for table in (BOTH, EITHER):
        for first, second in product(OUTCOMES, OUTCOMES):
            expected = {table[a][b] for a in possible(first) for b in possible(second)}
            assert set(possible(table[first][second])) == expected


def test_the_algebra() -> None:
    for a, b in product(OUTCOMES, OUTCOMES):
        assert NEGATED[BOTH[a][b]] == EITHER[NEGATED[a]][NEGATED[b]]
        assert NEGATED[EITHER[a][b]] == BOTH[NEGATED[a]][NEGATED[b]]
        for table in (BOTH, EITHER):
            assert table[a][b] == table[b][a]
            assert all(table[table[a][b]][c] == table[a][table[b][c]] for c in OUTCOMES)


def test_certain_values_that_end_a_search_win_against_all_that_is_possible() -> None:
    possible_sets = [value for value in OUTCOMES if value]
    assert all(BOTH[FALSE][value] == FALSE for value in possible_sets)
    assert all(EITHER[TRUE][value] == TRUE for value in possible_sets)
    assert all(BOTH[TRUE][value] == EITHER[FALSE][value] == value for value in possible_sets)


def test_a_missing_value_is_absent_or_hidden_or_both() -> None:
    assert {
        Missing.ABSENT: ABSENT,
        Missing.CUT: HIDDEN,
        Missing.UNKNOWN: HIDDEN | ABSENT,
    } == OF_MISSING


def condition_of(match: dict[str, AnyValue]) -> Condition:
    """Return the condition that a rule with this match has."""
    rules = [{"name": "r", "match": match}]
    condition = loaded({"version": 1, "sets": SETS, "rules": rules}).rules[0].condition
    assert condition is not None
    return condition


CONDITIONS = matches.map(condition_of)


@st.composite
def cut_packets(draw: st.DrawFn) -> tuple[RawPacket, RawPacket]:
    """Make a packet, and the same of which not all bytes are at hand."""
    whole = draw(raw_packets)
    cut = draw(st.integers(0, len(whole.data)))
    return whole, replace(whole, data=whole.data[:cut])


def shuffled(condition: Condition, order: random.Random) -> Condition:
    """Return the same condition, the parts of each of its joins in another order."""
    match condition:
        case Not():
            return Not(shuffled(condition.part, order))
        case All() | Any():
            parts = [shuffled(part, order) for part in condition.parts]
            order.shuffle(parts)
            return type(condition)(tuple(parts))
        case _:
            return condition


@given(CONDITIONS, cut_packets(), st.randoms(use_true_random=False))
def test_the_order_of_parts_changes_nothing(
    condition: Condition, packets: tuple[RawPacket, RawPacket], order: random.Random
) -> None:
    other = shuffled(condition, order)
    for raw in packets:
        assert condition.outcome(decode(raw)) == other.outcome(decode(raw))


@given(CONDITIONS, cut_packets())
def test_can_hold_is_sound(condition: Condition, packets: tuple[RawPacket, RawPacket]) -> None:
    for raw in packets:
        packet = decode(raw)
        outcome, proto = condition.outcome(packet), packet.proto
        if isinstance(proto, int):
            assert outcome & TRUE == 0 or proto in condition.can_hold()
            assert outcome & FALSE == 0 or proto in condition.can_fail()


@given(CONDITIONS, cut_packets())
def test_a_cut_hides_and_never_lies(
    condition: Condition, packets: tuple[RawPacket, RawPacket]
) -> None:
    whole, cut = (condition.outcome(decode(raw)) for raw in packets)
    assert whole in CERTAIN
    assert cut & whole == whole
