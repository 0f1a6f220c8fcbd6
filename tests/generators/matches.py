# SPDX-License-Identifier: GPL-2.0
"""Matches as a policy writes them, from the table of fields: every field, every value form."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from qverdictd.packet.fields import FIELDS, Field, Kind

from . import pools

#: The sets that generated matches call; their values are those that packets have.
SETS: dict[str, dict[str, Any]] = {
    "nets": {"type": "cidr", "values": ["192.0.2.0/24", "2001:db8::/64", "10.0.0.1"]},
    "web": {"type": "port", "values": [80, 443, "9000-9999"]},
    "some": {"type": "number", "values": [0, 6, 17, "40-70", 255]},
    "lans": {"type": "interface", "values": ["eth*", "lan"]},
    "cards": {"type": "mac", "values": [pools.MACS[0]]},
}

_LIKELY: dict[str, tuple[int, ...]] = {
    "proto": (1, 6, 17, 33, 58, 132, 136, 47, 253),
    "sport": pools.PORTS,
    "dport": pools.PORTS,
    "port": pools.PORTS,
    "ttl": pools.TTLS,
    "dscp": pools.DSCPS,
    "ecn": (0, 1, 2, 3),
    "length": (20, 28, 40, 48, 60, 70, 80),
    "tcp.window": pools.WINDOWS,
    "tcp.mss": pools.SIZES,
    "icmp.type": (0, 3, 8, 11, 128, 129),
    "icmp.code": (0, 1, 3),
    "mark": pools.MARKS,
    "uid": pools.IDS,
    "gid": pools.IDS,
}


def _numbers(field: Field) -> st.SearchStrategy[Any]:
    """Write a number, a range or a comparison."""
    number = st.one_of(st.sampled_from(_LIKELY[field.name]), st.integers(0, field.maximum))
    pair = st.tuples(number, number).map(sorted)
    return st.one_of(
        number,
        pair.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        number.filter(lambda value: value > 0).map(lambda value: {"lt": value}),
        number.filter(lambda value: value < field.maximum).map(lambda value: {"gt": value}),
        st.tuples(st.sampled_from(("le", "ge")), number).map(lambda pair: dict([pair])),
        pair.map(lambda ends: {"ge": ends[0], "le": ends[1]}),
    )


def _number_forms(field: Field) -> st.SearchStrategy[Any]:
    forms = [_numbers(field)]
    if field.names:
        forms.append(st.sampled_from(sorted(field.names)))
    if field.accounts:
        forms.append(st.just("root"))
    set_name = "web" if field.name in ("sport", "dport", "port") else "some"
    return st.one_of(*forms, st.just(f"@{set_name}"))


def _masked(field: Field) -> st.SearchStrategy[Any]:
    bits = st.sampled_from(pools.MARKS)
    return st.one_of(
        _number_forms(field),
        st.tuples(bits, bits).map(lambda pair: {"value": pair[0] & pair[1], "mask": pair[1]}),
        bits.map(lambda value: {"value": value}),
    )


def _addresses(field: Field) -> st.SearchStrategy[Any]:
    return st.sampled_from(
        (
            *pools.V4,
            *pools.V6,
            "192.0.2.0/24",
            "0.0.0.0/0",
            "::/0",
            "2001:db8::/33",
            "192.0.2.2-203.0.113.9",
            "2001:db8::-2001:db8::70",
            "@nets",
        )
    )


def _flags(field: Field) -> st.SearchStrategy[Any]:
    return st.dictionaries(
        st.sampled_from(sorted(field.names)), st.sampled_from(("", "!")), min_size=1, max_size=3
    ).map(lambda flags: ",".join(sign + name for name, sign in flags.items()))


def _payloads(field: Field) -> st.SearchStrategy[Any]:
    text, hex_ = st.sampled_from(pools.NEEDLES), st.sampled_from(pools.HEX_NEEDLES)
    at = st.integers(0, 8)
    window = st.tuples(st.integers(0, 8), st.integers(8, 40)).map(
        lambda pair: [pair[0], pair[0] + pair[1]]
    )
    lengths = st.one_of(
        st.integers(0, 20), st.just("1-9"), st.just({"lt": 8}), st.just({"ge": 5, "le": 16})
    )
    return st.one_of(
        text,
        st.builds(lambda text, at: {"text": text, "at": at}, text, at),
        st.builds(lambda hex_, at: {"hex": hex_, "at": at}, hex_, at),
        st.builds(lambda text, within: {"text": text, "within": within}, text, window),
        hex_.map(lambda hex_: {"hex": hex_}),
        st.sampled_from(pools.PATTERNS).map(lambda regex: {"regex": regex}),
        st.builds(
            lambda regex, within: {"regex": regex, "within": within},
            st.sampled_from(pools.PATTERNS),
            window,
        ),
        lengths.map(lambda length: {"length": length}),
    )


def _names(field: Field) -> st.SearchStrategy[Any]:
    return st.sampled_from(sorted(field.names))


def _interfaces(field: Field) -> st.SearchStrategy[Any]:
    return st.sampled_from(
        (*pools.INTERFACES[:-1], "eth*", "averylongn*", "averylongname15*", "*", "@lans")
    )


_SINGLE: dict[Kind, Callable[[Field], st.SearchStrategy[Any]]] = {
    Kind.NUMBER: _number_forms,
    Kind.ENUM: _names,
    Kind.ADDRESS: _addresses,
    Kind.BOOL: lambda field: st.booleans(),
    Kind.FLAGS: _flags,
    Kind.BYTES: _payloads,
    Kind.INTERFACE: _interfaces,
    Kind.MASKED: _masked,
    Kind.MAC: lambda field: st.sampled_from((*pools.MACS, "@cards")),
}


def values(field: Field) -> st.SearchStrategy[Any]:
    """Write any value of a field: a single one, a list, a negated one of either."""
    single = _SINGLE[field.kind](field)
    several = st.lists(
        st.one_of(single, single.map(lambda value: {"not": value})), min_size=1, max_size=3
    )
    return st.one_of(
        single,
        single,
        several,
        st.one_of(single, several).map(lambda value: {"not": value}),
    )


_tests = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda name: st.builds(lambda value: {name: value}, values(FIELDS[name]))
)
_plain = st.lists(_tests, min_size=1, max_size=2).map(
    lambda tests: {name: value for test in tests for name, value in test.items()}
)


def _joined(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        several.map(lambda parts: {"any": parts}),
        several.map(lambda parts: {"all": parts}),
        inner.map(lambda part: {"not": part}),
        st.builds(lambda part, tests: {**tests, "not": part}, inner, _plain),
    )


#: The mapping under a rule's ``match``.
matches: st.SearchStrategy[dict[str, Any]] = st.recursive(_plain, _joined, max_leaves=6)
