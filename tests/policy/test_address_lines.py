# SPDX-License-Identifier: GPL-2.0
"""Address sets are read in C as the reader in Python reads them, line by line."""

import ipaddress
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qverdictd.packet.ranges import AddressLines, address_range, merged_ranges
from qverdictd.policy import literals, sets
from qverdictd.policy.literals import ValueReadError, addresses
from qverdictd.policy.load import load
from qverdictd.policy.members import Addresses
from tests.policy.loading import problems

_V4 = ipaddress.IPv4Address
_V6 = ipaddress.IPv6Address
_addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(_V4),
    st.integers(0, 2**128 - 1).map(_V6),
    # Near each other and at the ends, so that ranges meet.
    st.integers(0, 40).map(_V4),
    st.integers(2**32 - 40, 2**32 - 1).map(_V4),
    st.integers(0, 40).map(_V6),
    st.integers(2**128 - 40, 2**128 - 1).map(_V6),
)
_texts = st.one_of(
    _addresses.map(str),
    _addresses.map(lambda address: address.exploded),
    st.integers(0, 2**32 - 1).map(lambda number: f"::ffff:{_V4(number)}"),
    st.sampled_from(("1.2.3", "01.2.3.4", "1.2.3.256", "::1::", "fe80::1%eth0", "", "1.2.3.4\0")),
)
_blanks = st.sampled_from(("", "", " ", "\t ", "\r", "\x0b\x0c", "\x1c", "\u00a0"))
_prefixes = st.one_of(st.integers(0, 140).map(str), st.sampled_from(("", "024", "0024", "-1", "x")))


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int) -> str:
    return str(ipaddress.ip_network((address, min(bits, address.max_prefixlen)), strict=False))


_values = st.one_of(
    _texts,
    st.builds(_network, _addresses, st.integers(0, 128)),
    st.builds("{}/{}".format, _texts, _prefixes),
    st.builds("{}{}-{}{}".format, _texts, _blanks, _blanks, _texts),
    st.text("0123456789.:/-abcdef# ", max_size=20),
)
_lines = st.builds(
    lambda before, value, after, comment: before + value + after + comment,
    *(_blanks, _values, _blanks, st.sampled_from(("", "", "#", " # 1.2.3.4", "#\u20ac"))),
)
_files = st.builds(
    lambda mark, lines, end: mark + "\n".join(lines).encode() + end,
    st.sampled_from((b"", b"", b"\xef\xbb\xbf", b"\xef\xbb")),
    st.lists(_lines, max_size=12),
    st.sampled_from((b"", b"\n", b"\xff\n", b"\xe2\x82\n", b"\n\n", b"\0")),
)


class _Split:
    """A file's lines, none of them read: all are left to the reader in Python."""

    def __init__(self, data: bytes) -> None:
        self._lines = enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self._lines

    def ranges(self) -> tuple[bytes, bytes]:
        return b"", b""


def _read(data: bytes) -> Addresses | list[str]:
    """Return a set file's addresses, or what is wrong with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "set.txt").write_bytes(data)
        policy = "version: 1\nsets: {s: {type: cidr, file: set.txt, values: ['192.0.2.1']}}\n"
        if found := problems(folder, policy):
            return [message.removeprefix(str(folder)) for message in found]
        members = load(folder / "rules.yaml").sets[0].members
    assert isinstance(members, Addresses)
    return members


@given(_files)
@example(b"1.2.3.4\n\n 5.6.7.8 \n::1\n")
@example(b"10.0.0.0/8\n10.0.0.1/8\n")
def test_a_file_is_read_the_same(data: bytes) -> None:
    fast = _read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sets, "AddressLines", _Split)
        patch.setattr(literals, "address_range", lambda _text: None)
        assert _read(data) == fast


@given(_values)
def test_what_is_plain_is_read_the_same(text: str) -> None:
    found = address_range(text) if text.isascii() else None
    if found is None:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(literals, "address_range", lambda _text: None)
        read = addresses(text)
    assert bytes(read.v4) + bytes(read.v6) == found


def _numbers(packed: tuple[bytes, bytes]) -> tuple[list[tuple[int, int]], ...]:
    """Return packed ranges as pairs of numbers, of each family."""
    v6 = struct.iter_unpack("=16s16s", packed[1])
    return list(struct.iter_unpack("=II", packed[0])), [
        (int.from_bytes(low, "big"), int.from_bytes(high, "big")) for low, high in v6
    ]


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined


def _ranges(bits: int) -> st.SearchStrategy[list[tuple[int, int]]]:
    ends = st.one_of(st.integers(0, 50), st.integers(2**bits - 50, 2**bits - 1))
    pairs = st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair)))
    return st.lists(pairs, max_size=20)


@given(_ranges(32), _ranges(128))
def test_ranges_are_merged(v4: list[tuple[int, int]], v6: list[tuple[int, int]]) -> None:
    merged = merged_ranges(
        b"".join(struct.pack("=II", *pair) for pair in v4),
        b"".join(low.to_bytes(16, "big") + high.to_bytes(16, "big") for low, high in v6),
    )
    assert _numbers(merged) == (_joined(v4), _joined(v6))


@given(_ranges(32), _ranges(128), _addresses)
def test_members_are_found(
    v4: list[tuple[int, int]], v6: list[tuple[int, int]], address: _V4 | _V6
) -> None:
    number = int(address)
    inside = any(low <= number <= high for low, high in (v4 if address.version == 4 else v6))
    members = Addresses.of(
        b"".join(struct.pack("=II", *pair) for pair in v4),
        b"".join(low.to_bytes(16, "big") + high.to_bytes(16, "big") for low, high in v6),
    )
    assert (address.packed in members.container()) is inside


@pytest.mark.parametrize("ranges", [(b"1234567", b""), (b"", bytes(31))])
def test_half_a_range_is_refused(ranges: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="not whole ranges"):
        merged_ranges(*ranges)


def test_lines_are_counted() -> None:
    lines = AddressLines(b"1.2.3.4\nx\n\n# none\n5.6.7.8\n y z # c\n")
    assert list(lines) == [(2, b"x"), (6, b" y z # c")]
    assert _numbers(lines.ranges()) == ([(0x01020304,) * 2, (0x05060708,) * 2], [])


def test_a_nul_in_an_address_is_an_error_like_any_other() -> None:
    with pytest.raises(ValueReadError, match="expected an IPv4 or IPv6 address"):
        addresses("192.0.2.1\0")
