# SPDX-License-Identifier: GPL-2.0
"""What a field's value is looked for in.

Numbers and addresses are kept as sorted, disjoint, closed intervals: one canonical form for single
values, ranges, comparisons, prefixes and their union.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qverdictd.packet.ranges import RANGE6_SIZE, merged_ranges

Interval = tuple[int, int]


def _merged(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """Yield sorted, disjoint intervals; neighbours that touch become one."""
    last: Interval | None = None
    for low, high in sorted(intervals):
        if last is None:
            last = (low, high)
        elif low <= last[1] + 1:
            last = (last[0], max(last[1], high))
        else:
            yield last
            last = (low, high)
    if last is not None:
        yield last


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers, as intervals."""

    intervals: tuple[Interval, ...]

    @classmethod
    def of(cls, intervals: Iterable[Interval]) -> "Numbers":
        """Make the union of closed intervals, given in any order."""
        return cls(tuple(_merged(intervals)))

    def container(self) -> "range | frozenset[int] | _Bisected":
        """Return the same numbers in the container that is fastest to look into."""
        if all(low == high for low, high in self.intervals):
            return frozenset(low for low, _ in self.intervals)
        if len(self.intervals) == 1:
            low, high = self.intervals[0]
            return range(low, high + 1)
        return _Bisected(self.intervals)


class _Bisected:
    """Intervals looked into by bisection."""

    def __init__(self, intervals: tuple[Interval, ...]) -> None:
        self._starts = [low for low, _ in intervals]
        self._ends = [high for _, high in intervals]

    def __contains__(self, value: int) -> bool:
        index = bisect_right(self._starts, value) - 1
        return index >= 0 and value <= self._ends[index]


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of both families, as packed ranges of each (see `packet.ranges`)."""

    v4: bytes | memoryview
    v6: bytes | memoryview
    _ranges: "_AddressRanges | None" = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, v4: bytes, v6: bytes) -> "Addresses":
        """Make the union of ranges, given in any order."""
        return cls(*merged_ranges(v4, v6))

    def container(self) -> "_AddressRanges":
        """Return what looks an address up."""
        if self._ranges is None:
            object.__setattr__(self, "_ranges", _AddressRanges(self.v4, self.v6))
        assert self._ranges is not None
        return self._ranges

    def share(self, v4: memoryview, v6: memoryview) -> None:
        """Let the ranges be these, which are the same: a large set need not be there twice."""
        assert (len(v4), len(v6)) == (len(self.v4), len(self.v6))
        object.__setattr__(self, "v4", v4)
        object.__setattr__(self, "v6", v6)
        if self._ranges is not None:
            self._ranges.look_in(v4, v6)


class _AddressRanges:
    """Packed ranges looked into by bisection; an address is its 4 or 16 packed bytes."""

    __slots__ = ("_ends4", "_ends6", "_starts4", "_starts6")

    def __init__(self, v4: bytes | memoryview, v6: bytes | memoryview) -> None:
        self.look_in(v4, v6)

    def look_in(self, v4: bytes | memoryview, v6: bytes | memoryview) -> None:
        """Look into these ranges from now on."""
        bounds = memoryview(v4).cast("I")
        self._starts4, self._ends4 = bounds[::2], bounds[1::2]
        self._starts6, self._ends6 = _Every(v6, 0), _Every(v6, 16)

    def __contains__(self, value: bytes) -> bool:
        if len(value) == 4:
            number = int.from_bytes(value, "big")
            index = bisect_right(self._starts4, number) - 1
            return index >= 0 and number <= self._ends4[index]
        # Packed addresses sort as their numbers do.
        index = bisect_right(self._starts6, value) - 1
        return index >= 0 and value <= self._ends6[index]


class _Every:
    """The first or the last addresses of packed IPv6 ranges."""

    __slots__ = ("_offset", "_ranges")

    def __init__(self, ranges: bytes | memoryview, offset: int) -> None:
        self._ranges = ranges
        self._offset = offset

    def __len__(self) -> int:
        return len(self._ranges) // RANGE6_SIZE

    def __getitem__(self, index: int) -> bytes:
        at = index * RANGE6_SIZE + self._offset
        return bytes(self._ranges[at : at + 16])


@dataclass(frozen=True, slots=True)
class Macs:
    """Hardware addresses, 6 packed bytes each."""

    addresses: frozenset[bytes]

    def container(self) -> frozenset[bytes]:
        """Return the addresses themselves."""
        return self.addresses


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Interface names, whole or by prefix."""

    exact: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def container(self) -> "Interfaces":
        """Return itself."""
        return self

    def __contains__(self, value: str) -> bool:
        return value in self.exact or value.startswith(self.prefixes)


@dataclass(frozen=True, slots=True)
class Masked:
    """Numbers whose bits in ``mask`` are those of ``value``."""

    value: int
    mask: int

    def container(self) -> "Masked":
        """Return itself."""
        return self

    def __contains__(self, number: int) -> bool:
        return number & self.mask == self.value


Members = Numbers | Addresses | Macs | Interfaces | Masked


def union(parts: list[Members]) -> list[Members]:
    """Join the parts that have a common form; masked values stay by themselves."""
    joined: list[Members] = [part for part in parts if isinstance(part, Masked)]
    numbers = [part for part in parts if isinstance(part, Numbers)]
    if numbers:
        joined.append(Numbers.of(pair for part in numbers for pair in part.intervals))
    addresses = [part for part in parts if isinstance(part, Addresses)]
    if addresses:
        joined.append(
            Addresses.of(
                b"".join(part.v4 for part in addresses),
                b"".join(part.v6 for part in addresses),
            )
        )
    macs = [part for part in parts if isinstance(part, Macs)]
    if macs:
        joined.append(Macs(frozenset().union(*(part.addresses for part in macs))))
    interfaces = [part for part in parts if isinstance(part, Interfaces)]
    if interfaces:
        joined.append(
            Interfaces(
                frozenset().union(*(part.exact for part in interfaces)),
                tuple(prefix for part in interfaces for prefix in part.prefixes),
            )
        )
    return joined
