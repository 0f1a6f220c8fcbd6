# SPDX-License-Identifier: GPL-2.0
"""Three-valued logic over what may still be unknown.

A condition is true, false or absent (`TRUE`, `FALSE`, `ABSENT`). Where the copy range hides bytes,
it may be one or another of these: an *outcome* is the set of what is possible, as bits. A
condition on a field that was cut off is ``TRUE | FALSE``; if even the field's presence is
hidden, any of the three. So the order in which conditions are looked at never changes a result,
and a packet is an error only where the hidden bytes would decide.
"""

from collections.abc import Callable, Iterable

from qverdictd.packet.value import Missing

TRUE, FALSE, ABSENT = 1, 2, 4
HIDDEN = TRUE | FALSE

#: What a test on a field comes to where the field has no value.
OF_MISSING = {
    Missing.ABSENT: ABSENT,
    Missing.CUT: HIDDEN,
    Missing.UNKNOWN: TRUE | FALSE | ABSENT,
}

_NEGATED = {TRUE: FALSE, FALSE: TRUE, ABSENT: ABSENT}


def _weaker(first: int, second: int) -> int:
    """``all`` of two certain values: false beats absent, absent beats true."""
    return next(value for value in (FALSE, ABSENT, TRUE) if value in (first, second))


def _stronger(first: int, second: int) -> int:
    """``any`` of two certain values: true beats absent, absent beats false."""
    return next(value for value in (TRUE, ABSENT, FALSE) if value in (first, second))


def _bits(outcome: int) -> Iterable[int]:
    return (value for value in (TRUE, FALSE, ABSENT) if outcome & value)


def _lifted(join: Callable[[int, int], int]) -> tuple[tuple[int, ...], ...]:
    """Lift an operation on certain values to sets of possible ones."""

    def joined(first: int, second: int) -> int:
        possible = 0
        for a in _bits(first):
            for b in _bits(second):
                possible |= join(a, b)
        return possible

    return tuple(tuple(joined(a, b) for b in range(8)) for a in range(8))


#: ``BOTH[a][b]``: the outcome of ``all`` of two; ``EITHER[a][b]``: of ``any`` of two.
BOTH = _lifted(_weaker)
EITHER = _lifted(_stronger)
#: ``NEGATED[a]``: the outcome of ``not``; not absent is absent.
NEGATED = tuple(sum(_NEGATED[value] for value in _bits(outcome)) for outcome in range(8))
