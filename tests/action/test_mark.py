# SPDX-License-Identifier: GPL-2.0
"""Marks: the bits in the mask are set, the others stay."""

from hypothesis import given
from hypothesis import strategies as st

from qverdictd.action.mark import Mark

_numbers = st.integers(0, 0xFFFFFFFF)


def test_the_contracts_own_words() -> None:
    assert Mark(0x10, 0xFF).applied(0xAB00) == 0xAB10
    assert Mark(0).applied(0xFFFFFFFF) == 0
    assert Mark(5).applied(0xFFFFFFFF) == 5


@given(_numbers, _numbers, _numbers)
def test_each_bit_is_the_marks_or_the_old(value: int, mask: int, old: int) -> None:
    new = Mark(value, mask).applied(old)
    assert 0 <= new <= 0xFFFFFFFF
    for bit in range(32):
        source = value if mask >> bit & 1 else old
        assert new >> bit & 1 == source >> bit & 1
