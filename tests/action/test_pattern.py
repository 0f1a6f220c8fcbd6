# SPDX-License-Identifier: GPL-2.0
"""Regular expressions over bytes: what they match, what they replace, what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.action.limits import MOST_REPLACED
from qverdictd.action.pattern import Pattern, TooManyMatchesError


def _replaced(source: str, text: bytes, with_: tuple[bytes | int, ...] = (b"-",)) -> bytes:
    return Pattern.compile(source).replaced(text, with_, None)


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("hello", b"say hello", True),
        ("^hello", b"say hello", False),
        ("(?i)HELLO", b"hello", True),
        (r"\xE9", b"\xe9", True),  # a character is a byte
        (r"\xC3\xA9", "\u00e9".encode(), True),
        ("^.$", b"\xc3\xa9", False),
        ("^..$", b"\xc3\xa9", True),
        (r"\x00", b"a\0b", True),
        ("a.b", b"a\nb", False),
        ("(?s)a.b", b"a\nb", True),
        ("b$", b"b\n", False),
        ("^$", b"", True),
    ],
)
def test_what_is_found(source: str, text: bytes, found: bool) -> None:
    assert Pattern.compile(source).found_in(text) is found


@pytest.mark.parametrize("source", ["(", "a**", "(?=a)", r"(a)\1", "[z-a]", "a{1001}", "(?P<n"])
def test_what_re2_does_not_take_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression that RE2 takes: "):
        Pattern.compile(source)


def test_characters_that_could_be_meant_in_two_ways_are_refused() -> None:
    with pytest.raises(ValueError, match=r"write a character outside ASCII as its bytes"):
        Pattern.compile("caf\u00e9")


def test_patterns_of_one_source_are_equal() -> None:
    assert Pattern.compile("a+") == Pattern.compile("a+") != Pattern.compile("a*")
    assert Pattern.compile("(a)(b(c))").groups == 3


@pytest.mark.parametrize(
    ("source", "text", "with_", "result"),
    [
        ("l+", b"hello", (b"L",), b"heLo"),
        ("(h)(e)", b"he he", (2, 1), b"eh eh"),
        ("(h)|(e)", b"he", (b"<", 1, b">"), b"<h><>"),  # a group that took no part is empty
        ("x*", b"axb", (b"-",), b"-a-b-"),  # as RE2's GlobalReplace
        ("^", b"ab", (b"-",), b"-ab"),
        ("$", b"ab", (b"-",), b"ab-"),
        ("nowhere", b"text", (b"-",), b"text"),
    ],
)
def test_what_is_replaced(
    source: str, text: bytes, with_: tuple[bytes | int, ...], result: bytes
) -> None:
    assert _replaced(source, text, with_) == result


@given(
    st.sampled_from(("ab", "a+b", "[ab]{2}", "a|bb", "(?s)a.", r"[^a]+", r"\x00\xff?")),
    st.text("ab\0\xff\n", max_size=30).map(lambda text: text.encode("latin-1")),
    st.one_of(st.none(), st.integers(1, 3)),
)
def test_matches_that_are_not_empty_are_pythons(
    source: str, text: bytes, count: int | None
) -> None:
    pattern = Pattern.compile(source)
    assert pattern.found_in(text) == bool(re.search(source.encode(), text))
    assert pattern.replaced(text, (b"<", b">"), count) == re.sub(
        source.encode(), b"<>", text, count=count or 0
    )


def test_more_matches_than_the_limit_are_refused() -> None:
    pattern = Pattern.compile("a")
    assert pattern.replaced(b"a" * MOST_REPLACED, (), None) == b""
    with pytest.raises(TooManyMatchesError):
        pattern.replaced(b"a" * (MOST_REPLACED + 1), (), None)
    assert pattern.replaced(b"a" * (MOST_REPLACED + 1), (), MOST_REPLACED) == b"a"


@pytest.mark.parametrize("source", ["(a+)+$", "(a|aa)+$", "(a*)*b", "a?" * 30 + "a" * 30])
def test_no_pattern_takes_long(source: str) -> None:
    """Each of these doubles a backtracking engine's work with every character."""
    pattern = Pattern.compile(source)
    assert not pattern.found_in(b"a" * 65000 + b"!") or source.endswith("a" * 30)
