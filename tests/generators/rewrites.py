# SPDX-License-Identifier: GPL-2.0
"""Rewrites of every kind, made from the table of fields."""

import socket

from hypothesis import strategies as st

from qverdictd.action.pattern import Pattern
from qverdictd.action.rewrite import (
    Replace,
    ReplacePattern,
    Rewrite,
    SetAddress,
    SetNumber,
    SetPayload,
)
from qverdictd.packet.fields import FIELDS, Kind

from . import pools

_ADDRESSES = [
    *(socket.inet_pton(socket.AF_INET, address) for address in pools.V4),
    *(socket.inet_pton(socket.AF_INET6, address) for address in pools.V6),
]
_SETTABLE = [field for field in FIELDS.values() if field.settable]

set_numbers = st.sampled_from([f for f in _SETTABLE if f.kind is Kind.NUMBER]).flatmap(
    lambda field: st.builds(
        SetNumber,
        st.just(field.name),
        st.one_of(st.integers(0, field.maximum), st.just(field.maximum), st.just(0)),
    )
)
set_addresses = st.builds(
    SetAddress,
    st.sampled_from([f.name for f in _SETTABLE if f.kind is Kind.ADDRESS]),
    st.sampled_from(_ADDRESSES),
)
_find = st.sampled_from((b"hello", b"h", b"lo", b"GET /", b"\0", b"\xff\xff", b"l", b"nowhere"))
_count = st.one_of(st.none(), st.integers(1, 3))
replaces_same_size = st.builds(
    lambda find, fill, count: Replace(find, bytes((fill,)) * len(find), count),
    _find,
    st.sampled_from((0, 0x48, 0xFF)),
    _count,
)
replaces = st.builds(
    Replace, _find, st.sampled_from((b"", b"H", b"HELLO", b"a longer one")), _count
)
#: Patterns that Python's `re` and RE2 understand alike, and what to put in their place.
replace_patterns = st.builds(
    lambda find, with_, count: ReplacePattern(Pattern.compile(find), with_, count),
    st.sampled_from(("(h)(e)", "(l+)(o)", "(G|P)(E|O)", "(\\x00)(\\x00)", "([a-z])([a-z])")),
    st.sampled_from(((), (2, 1), (b"<", 1, b">"), (b"xy",), (1, 1, 2))),
    _count,
)
set_payloads = st.builds(SetPayload, st.one_of(st.just(b""), st.binary(max_size=40)))

#: Edits that a TCP payload takes too.
same_size: st.SearchStrategy[Rewrite] = st.one_of(set_numbers, set_addresses, replaces_same_size)
#: Every edit.
rewrites: st.SearchStrategy[Rewrite] = st.one_of(
    same_size, replaces, replace_patterns, set_payloads
)
