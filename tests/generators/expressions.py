# SPDX-License-Identifier: GPL-2.0
"""Regular expressions that RE2 takes, and texts that they may match: few letters, much alike."""

import re

from hypothesis import reject
from hypothesis import strategies as st

from qverdictd.action.pattern import Pattern

#: A text's bytes: letters, what ends a line, and what a C string or UTF-8 would trip over.
LETTERS = b"ab\0\n\xe9"

texts = st.lists(st.sampled_from(LETTERS), max_size=60).map(bytes)
words = st.lists(st.sampled_from(LETTERS), min_size=1, max_size=3).map(bytes)


def _written(word: bytes) -> str:
    return "".join(chr(byte) if chr(byte) in "ab" else f"\\x{byte:02x}" for byte in word)


_ATOMS = st.one_of(
    words.map(_written),
    st.sampled_from(
        [
            r".",
            r"\w",
            r"\W",
            r"\s",
            r"\d",
            r"\C",
            r"\pL",
            r"[ab]",
            r"[^a]",
            r"[^\n]",
            r"[[:alpha:]]",
            r"[\x80-\xff]",
            r"\Q+.\E",
            r"(?i:A)",
            r"(?s:.)",
            r"\b",
            r"\B",
            r"^",
            r"$",
            r"\A",
            r"\z",
            r"(?m:^)",
            r"(?m:$)",
        ]
    ),
    st.just(""),
)
_REPEATS = st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?", "{2,}"])
_FLAGS = st.sampled_from(["i", "s", "m", "U", "-s", "is"])


def _larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(parts, parts).map("".join),
        st.tuples(parts, st.sampled_from((".*", ".+?", "a*")), parts).map("".join),
        st.tuples(parts, parts).map("({0[0]}|{0[1]})".format),
        st.tuples(parts, _REPEATS).map("(?:{0[0]}){0[1]}".format),
        st.tuples(_FLAGS, parts).map("(?{0[0]}:{0[1]})".format),
        parts.map("({})".format),
    )


@st.composite
def _patterns(draw: st.DrawFn) -> Pattern:
    source = draw(st.recursive(_ATOMS, _larger, max_leaves=6))
    if r"\pL" in source and re.search(r"\(\?\w*i", source):
        reject()  # the compiled engine's RE2 may take it differently, and so refuses it
    try:
        return Pattern.compile(source)
    except ValueError:  # such as a repetition of nothing
        reject()


patterns = _patterns()
