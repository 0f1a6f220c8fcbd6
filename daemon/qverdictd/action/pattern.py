# SPDX-License-Identifier: GPL-2.0
"""Regular expressions over bytes, matched in linear time by RE2.

The one place that knows the engine. The dialect is RE2's with its defaults, over Latin-1: a
character is a byte.
"""

from dataclasses import dataclass, field
from typing import Any

import re2

from qverdictd.action.limits import MOST_REPLACED


class TooManyMatchesError(Exception):
    """The pattern matches a packet more often than `MOST_REPLACED`."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; two of the same source are equal."""

    source: str
    compiled: Any = field(compare=False, repr=False)

    @classmethod
    def compile(cls, source: str) -> "Pattern":
        r"""Compile a pattern.

        Raises ValueError, with RE2's own reason, for what RE2 does not take; and for characters
        outside ASCII, which could be meant as Latin-1 or as UTF-8: write bytes as ``\xE9``.
        """
        try:
            text = source.encode("ascii")
        except UnicodeEncodeError:
            raise ValueError(
                "a regular expression is matched over bytes: "
                "write a character outside ASCII as its bytes, such as \\xC3\\xA9"
            ) from None
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors = False
        try:
            return cls(source, re2.compile(text, options))
        except re2.error as error:
            reason = error.args[0] if error.args else "not a regular expression"
            if isinstance(reason, bytes):
                reason = reason.decode("latin-1")
            raise ValueError(f"not a regular expression that RE2 takes: {reason}") from None

    @property
    def groups(self) -> int:
        """How many capturing groups the pattern has."""
        return int(self.compiled.groups)

    def found_in(self, text: bytes) -> bool:
        """Whether the pattern matches anywhere in the text."""
        return self.compiled.search(text) is not None

    def replaced(self, text: bytes, with_: tuple[bytes | int, ...], count: int | None) -> bytes:
        """Return the text with the first ``count`` matches (None: all) replaced.

        ``with_`` is bytes and numbers of groups; a group that took no part in a match is empty.
        As in RE2's own GlobalReplace, an empty match right behind another match is none.
        Raises `TooManyMatchesError`.
        """
        parts: list[bytes] = []
        done, number = 0, 0
        for match in self.compiled.finditer(text):
            if number and match.end() == done:
                continue
            if number == count:
                break
            if number == MOST_REPLACED:
                raise TooManyMatchesError
            number += 1
            parts.append(text[done : match.start()])
            parts.extend(
                part if isinstance(part, bytes) else match.group(part) or b"" for part in with_
            )
            done = match.end()
        return b"".join(parts) + text[done:]
