# SPDX-License-Identifier: GPL-2.0
"""Rewrites: what a rule changes in a packet's bytes.

Each kind of edit is a value that knows how to apply itself to a `Draft`; lengths and checksums
are put right once, when all edits of a rule are done.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from qverdictd.action.draft import ActionFailedError, Draft
from qverdictd.action.pattern import Pattern, TooManyMatchesError
from qverdictd.packet.fields import FIELDS, Place
from qverdictd.packet.view import Packet


@dataclass(frozen=True, slots=True)
class SetNumber:
    """Set a header field to a number; the bits around it stay."""

    field: str
    value: int

    def apply(self, draft: Draft) -> None:
        """Write the value; a packet without the field cannot be rewritten so."""
        at, place = _placed(draft.packet, self.field)
        mask = place.mask if place.mask is not None else (1 << 8 * place.size) - 1
        old = int.from_bytes(draft.buffer[at : at + place.size], "big")
        new = old & ~mask | self.value << place.shift & mask
        draft.write(at, new.to_bytes(place.size, "big"))


@dataclass(frozen=True, slots=True)
class SetAddress:
    """Set ``src`` or ``dst`` to an address, packed: 4 bytes for IPv4, 16 for IPv6."""

    field: str
    address: bytes

    def apply(self, draft: Draft) -> None:
        """Write the address; a packet of the other family cannot be rewritten so."""
        at, place = _placed(draft.packet, self.field)
        if len(self.address) != place.size:
            raise ActionFailedError
        draft.write(at, self.address)


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace bytes of the payload, at most ``count`` times from the left; None: all."""

    find: bytes
    with_: bytes
    count: int | None = None

    def apply(self, draft: Draft) -> None:
        """Replace in the payload; nothing found changes nothing."""
        most = -1 if self.count is None else self.count
        draft.set_payload(draft.payload().replace(self.find, self.with_, most))


@dataclass(frozen=True, slots=True)
class ReplacePattern:
    """Replace what a pattern matches; ``with_`` is bytes and the numbers of groups."""

    find: Pattern
    with_: tuple[bytes | int, ...]
    count: int | None = None

    def apply(self, draft: Draft) -> None:
        """Replace in the payload; nothing found changes nothing."""
        try:
            draft.set_payload(self.find.replaced(draft.payload(), self.with_, self.count))
        except TooManyMatchesError:
            raise ActionFailedError from None


@dataclass(frozen=True, slots=True)
class SetPayload:
    """Replace the whole payload."""

    data: bytes

    def apply(self, draft: Draft) -> None:
        """Put the new payload in the old one's place."""
        draft.set_payload(self.data)


Rewrite = SetNumber | SetAddress | Replace | ReplacePattern | SetPayload


def changes_size(rewrite: Rewrite) -> bool:
    """Whether the rewrite can change the payload's size: a pattern's result may have any."""
    if isinstance(rewrite, Replace):
        return len(rewrite.find) != len(rewrite.with_)
    return isinstance(rewrite, ReplacePattern | SetPayload)


def rewritten(packet: Packet, rewrites: Iterable[Rewrite]) -> bytes | None:
    """Apply the rewrites in order and return the whole packet's new bytes; None: unchanged.

    The packet must not be `cut`. Raises `ActionFailedError` where a rewrite cannot be done.
    """
    draft = Draft(packet)
    for rewrite in rewrites:
        rewrite.apply(draft)
    return draft.finish()


def _placed(packet: Packet, field: str) -> tuple[int, Place]:
    """Find a field's place in this packet, as an offset from the packet's first byte."""
    for place in FIELDS[field].places:
        if place.header is packet.network:
            return place.offset, place
        if place.header is packet.transport:
            return packet.transport_at + place.offset, place
    raise ActionFailedError
