# SPDX-License-Identifier: GPL-2.0
"""The sections of a program as they grow: records and lists, equal ones kept once."""

from collections.abc import Mapping

from qverdictd.packet.numbering import FINGERPRINT
from qverdictd.policy.program import (
    HEADER,
    HEADER_SIZE,
    LARGEST,
    MAGIC,
    RECORDS,
    SECTION,
    STRING,
    VERSION,
    Section,
)


class Shared:
    """Records that are referred to by their number; equal ones are one."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, record: bytes) -> int:
        """Return the record's number, a new one if there is no equal record."""
        return self._numbers.setdefault(record, len(self._numbers))

    def packed(self) -> bytes:
        """Return all records."""
        return b"".join(self._numbers)


class SharedLists:
    """Lists of records, each of them in one piece; equal ones are one."""

    def __init__(self, record_size: int) -> None:
        self._record_size = record_size
        self._first: dict[bytes, int] = {}
        self._count = 0

    def place(self, records: bytes) -> tuple[int, int]:
        """Return where a list stands: its first record's number, and how many it has."""
        count = len(records) // self._record_size
        first = self._first.get(records)
        if first is None:
            first = self._first[records] = self._count
            self._count += count
        return first, count

    def packed(self) -> bytes:
        """Return all records."""
        return b"".join(self._first)


class Strings:
    """Strings, equal ones once; the first is empty."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {b"": 0}

    def number(self, string: bytes) -> int:
        """Return the string's number."""
        return self._numbers.setdefault(string, len(self._numbers))

    def packed(self) -> tuple[bytes, bytes]:
        """Return the strings' records, and the bytes that they are made of."""
        records, offset = [], 0
        for string in self._numbers:
            records.append(STRING.pack(offset, len(string)))
            offset += len(string)
        return b"".join(records), b"".join(self._numbers)


class TooLargeError(Exception):
    """A section would have more records than indexes can tell."""


def assembled(default: int, on_error: int, sections: Mapping[Section, bytes]) -> bytes:
    """Put a program together: its header, where each section stands, the sections.

    Raises `TooLargeError`.
    """
    table: list[bytes] = []
    bodies: list[bytes] = []
    end = HEADER_SIZE
    for kind in Section:
        body, gap = sections[kind], -end % 8
        count = len(body) // RECORDS[kind].size
        if count >= LARGEST:
            raise TooLargeError
        table.append(SECTION.pack(end + gap, count))
        bodies += (bytes(gap), body)
        end += gap + len(body)
    header = HEADER.pack(MAGIC, VERSION, default, on_error, end, FINGERPRINT)
    return b"".join((header, *table, *bodies))
