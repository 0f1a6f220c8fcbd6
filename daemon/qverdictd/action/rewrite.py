# SPDX-License-Identifier: GPL-2.0
"""Rewrites: what a rule changes in a packet's bytes.

Each kind of edit is a value that knows how to apply itself to a `Draft`; lengths and checksums
are put right once, when all edits of a rule are done.
"""

from dataclasses import dataclass
from typing import Protocol

from qverdictd.action.draft import ActionFailedError, Draft
from qverdictd.packet.fields import FIELDS, Place


class Match(Protocol):
    """A match of a compiled pattern."""

    def start(self) -> int: ...
    def end(self) -> int: ...
    def group(self, number: int) -> bytes | None: ...


class Matches(Protocol):
    """All matches of a compiled pattern, from left to right."""

    def __iter__(self) -> "Matches": ...
    def __next__(self) -> Match: ...


class Pattern(Protocol):
    """A compiled regular expression over bytes; its engine matches in linear time."""

    @property
    def pattern(self) -> bytes: ...
    @property
    def groups(self) -> int: ...
    def search(self, text: bytes) -> Match | None: ...
    def finditer(self, text: bytes) -> Matches: ...


@dataclass(frozen=True, slots=True)
class SetField:
    """Set a header field: a number, or an address as packed bytes."""

    field: str
    value: int | bytes

    def apply(self, draft: Draft) -> None:
        """Write the value; a packet without the field cannot be rewritten so."""
        for place in FIELDS[self.field].places:
            if place.header is draft.packet.network:
                at = place.offset
            elif place.header is draft.packet.transport:
                at = draft.packet.transport_at + place.offset
            else:
                continue
            new = self.value if isinstance(self.value, bytes) else self._merged(draft, at, place)
            if len(new) != place.size:
                raise ActionFailedError
            draft.write(at, new)
            return
        raise ActionFailedError

    def _merged(self, draft: Draft, at: int, place: Place) -> bytes:
        """Return the field's bytes with the bits around it as they were."""
        assert isinstance(self.value, int)
        mask = place.mask if place.mask is not None else (1 << 8 * place.size) - 1
        old = int.from_bytes(draft.buffer[at : at + place.size], "big")
        return (old & ~mask | self.value << place.shift & mask).to_bytes(place.size, "big")


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace bytes of the payload, at most ``count`` times from the left; None: all."""

    find: bytes
    with_: bytes
    count: int | None = None

    def apply(self, draft: Draft) -> None:
        """Replace in the payload; nothing found changes nothing."""
        payload = draft.payload()
        draft.set_payload(payload.replace(self.find, self.with_, self.count or -1))


@dataclass(frozen=True, slots=True)
class ReplacePattern:
    """Replace what a pattern matches; ``with_`` is bytes and the numbers of groups."""

    find: Pattern
    with_: tuple[bytes | int, ...]
    count: int | None = None

    def apply(self, draft: Draft) -> None:
        """Replace in the payload; a group that took no part in the match is empty."""
        payload = draft.payload()
        parts: list[bytes] = []
        done = 0
        for number, match in enumerate(self.find.finditer(payload)):
            if number == self.count:
                break
            parts.append(payload[done : match.start()])
            parts.extend(
                part if isinstance(part, bytes) else match.group(part) or b"" for part in self.with_
            )
            done = match.end()
        draft.set_payload(b"".join(parts) + payload[done:])


@dataclass(frozen=True, slots=True)
class SetPayload:
    """Replace the whole payload."""

    data: bytes

    def apply(self, draft: Draft) -> None:
        """Put the new payload in the old one's place."""
        draft.set_payload(self.data)


Rewrite = SetField | Replace | ReplacePattern | SetPayload


def changes_size(rewrite: Rewrite) -> bool:
    """Whether the rewrite can change the payload's size: unknown for a pattern, so yes."""
    if isinstance(rewrite, Replace):
        return len(rewrite.find) != len(rewrite.with_)
    return isinstance(rewrite, ReplacePattern | SetPayload)
