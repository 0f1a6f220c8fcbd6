# SPDX-License-Identifier: GPL-2.0
"""Lowers what fields are looked for in: numbers, addresses, hardware addresses, interfaces."""

import os
from array import array
from collections.abc import Iterable
from itertools import chain

from qverdictd.packet.numbering import NUMBER_OF
from qverdictd.packet.ranges import RANGE4_SIZE, RANGE6_SIZE
from qverdictd.policy.condition import Test
from qverdictd.policy.members import Addresses, Interfaces, Macs, Masked, Numbers
from qverdictd.policy.program import (
    INTERFACE,
    INTERFACE_SIZE,
    MAC,
    NODE,
    NUMBERS,
    SET,
    Op,
    Section,
)
from qverdictd.policy.records import Records
from qverdictd.policy.sections import SharedLists, Strings

#: Bytes of a set that is worth sharing.
_LARGE = 1 << 16


class ValueTooLongError(Exception):
    """A value that a program has no room for; the text is for a person."""


class LoweredValues:
    """The sections of values, and of the strings in them."""

    def __init__(self, set_names: Iterable[str]) -> None:
        self._written_as = {f"@{name}": name for name in set_names}
        self._strings = Strings()
        self._numbers = SharedLists(NUMBERS.size)
        self._macs = SharedLists(MAC.size)
        self._interfaces = SharedLists(INTERFACE.size)
        self._sets: list[bytes] = []
        self._set_of: dict[tuple[bytes | memoryview, bytes | memoryview], int] = {}
        self._large: list[tuple[Addresses, int]] = []
        self._ranges4: list[bytes | memoryview] = []
        self._ranges6: list[bytes | memoryview] = []
        self._count4 = self._count6 = 0
        self._known: dict[int, tuple[int, int]] = {}
        """Where values stand that were lowered before, by their identity: sets are large."""

    def sections(self) -> dict[Section, bytes]:
        """Return the sections that are made here."""
        strings, string_bytes = self._strings.packed()
        return {
            Section.NUMBERS: self._numbers.packed(),
            Section.SETS: b"".join(self._sets),
            Section.RANGES4: b"".join(self._ranges4),
            Section.RANGES6: b"".join(self._ranges6),
            Section.MACS: self._macs.packed(),
            Section.INTERFACES: self._interfaces.packed(),
            Section.STRINGS: strings,
            Section.BYTES: string_bytes,
        }

    def string(self, string: bytes) -> int:
        """Return a string's number."""
        return self._strings.number(string)

    def test(self, test: Test) -> bytes:
        """Return the node of a test."""
        among, field, count = test.among, NUMBER_OF[test.field], 0
        extra = self.string(self._written_as.get(test.written, "").encode())
        match among:
            case Numbers():
                op = Op.IN_NUMBERS
                first, count = self.numbers(among)
            case Addresses():
                op, first = Op.IN_SET, self._address_set(among)
            case Masked():
                op, first, extra = Op.IN_MASKED, among.value, among.mask
            case Macs():
                op = Op.IN_MACS
                first, count = self._macs.place(b"".join(map(MAC.pack, sorted(among.addresses))))
            case Interfaces():
                op = Op.IN_INTERFACES
                first, count = self._interfaces.place(_packed_interfaces(among))
        return NODE.pack(op, field, 0, first, count, extra)

    def numbers(self, numbers: Numbers) -> tuple[int, int]:
        """Return where numbers stand: the first of them, and how many."""
        place = self._known.get(id(numbers))
        if place is None:
            packed = array("I", chain.from_iterable(numbers.intervals)).tobytes()
            place = self._known[id(numbers)] = self._numbers.place(packed)
        return place

    def _address_set(self, addresses: Addresses) -> int:
        known = self._known.get(id(addresses))
        if known is not None:
            return known[0]
        number = self._set_of.get((addresses.v4, addresses.v6))
        if number is None:
            number = self._set_of[addresses.v4, addresses.v6] = len(self._sets)
            count4, count6 = len(addresses.v4) // RANGE4_SIZE, len(addresses.v6) // RANGE6_SIZE
            self._sets.append(SET.pack(self._count4, count4, self._count6, count6))
            self._ranges4.append(addresses.v4)
            self._ranges6.append(addresses.v6)
            self._count4 += count4
            self._count6 += count6
        self._known[id(addresses)] = (number, 0)
        if len(addresses.v4) + len(addresses.v6) >= _LARGE:
            self._large.append((addresses, number))
        return number

    def share(self, program: bytes) -> None:
        """Let the policy's large sets be where they are in its program, instead of twice."""
        records = Records(program)
        ranges4, ranges6 = records.body(Section.RANGES4), records.body(Section.RANGES6)
        for addresses, number in self._large:
            first4, count4, first6, count6 = records.record(Section.SETS, number)
            addresses.share(
                ranges4[first4 * RANGE4_SIZE :][: count4 * RANGE4_SIZE],
                ranges6[first6 * RANGE6_SIZE :][: count6 * RANGE6_SIZE],
            )


def _packed_interfaces(interfaces: Interfaces) -> bytes:
    """Return the names' records; raises `ValueTooLongError` for one that no interface can have."""
    records = []
    names = [(name, False) for name in sorted(interfaces.exact)]
    for name, prefix in names + [(name, True) for name in sorted(set(interfaces.prefixes))]:
        encoded = os.fsencode(name)  # as the names of interfaces are read from the kernel
        if len(encoded) >= INTERFACE_SIZE:
            raise ValueTooLongError(f"no interface is called {name!r}: at most 15 bytes")
        records.append(INTERFACE.pack(encoded, len(encoded), prefix))
    return b"".join(records)
