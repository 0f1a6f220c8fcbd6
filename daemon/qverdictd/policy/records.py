# SPDX-License-Identifier: GPL-2.0
"""Reads a program's records back, for people and tests; the engine has its own verifier."""

from typing import Any

from qverdictd.policy.program import HEADER, RECORDS, SECTION, VERDICTS, Section


class Records:
    """The records of a program that `lower` has made."""

    def __init__(self, program: bytes) -> None:
        self._program = program
        _, _, default, on_error, _, _ = HEADER.unpack_from(program)
        self.default = VERDICTS[default]
        self.on_error = VERDICTS[on_error]
        self._sections = [
            SECTION.unpack_from(program, HEADER.size + kind * SECTION.size) for kind in Section
        ]

    def count(self, kind: Section) -> int:
        """Return how many records a section has."""
        return int(self._sections[kind][1])

    def body(self, kind: Section) -> memoryview:
        """Return a section's bytes, where they are in the program."""
        offset, count = self._sections[kind]
        return memoryview(self._program)[offset : offset + count * RECORDS[kind].size]

    def record(self, kind: Section, index: int) -> tuple[Any, ...]:
        """Return one record's members, as `program` lists them."""
        layout = RECORDS[kind]
        return layout.unpack_from(self._program, self._sections[kind][0] + index * layout.size)

    def records(self, kind: Section, first: int, count: int) -> list[tuple[Any, ...]]:
        """Return some records."""
        return [self.record(kind, index) for index in range(first, first + count)]

    def string(self, number: int) -> bytes:
        """Return a string."""
        offset, length = self.record(Section.STRINGS, number)
        start = self._sections[Section.BYTES][0] + offset
        return self._program[start : start + length]

    def text(self, number: int) -> str:
        """Return a string that is text."""
        return self.string(number).decode()
