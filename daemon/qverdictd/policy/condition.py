# SPDX-License-Identifier: GPL-2.0
"""Conditions: the tree under a rule's ``match``, each node knowing its outcome on a packet."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from qverdictd.action.pattern import Pattern
from qverdictd.packet.fields import FIELDS
from qverdictd.packet.value import Missing, Payload
from qverdictd.packet.view import Packet
from qverdictd.policy.members import Members, Numbers
from qverdictd.policy.outcome import BOTH, EITHER, FALSE, HIDDEN, NEGATED, OF_MISSING, TRUE

_EVERY_PROTO = frozenset(range(256))


@dataclass(frozen=True, slots=True)
class Test:
    """Whether a field's value is among members. ``written`` is the policy's own text."""

    field: str
    among: Members
    written: str = dataclasses.field(default="", compare=False)
    _container: object = dataclasses.field(default=None, init=False, repr=False, compare=False)

    def outcome(self, packet: Packet) -> int:
        """Look the value up; where there is none, the outcome says so."""
        value = packet[self.field]
        if value.__class__ is Missing:
            return OF_MISSING[value]
        container = self._container or _with_container(self)
        return TRUE if value in container else FALSE  # type: ignore[operator]

    def can_hold(self) -> frozenset[int]:
        """Return the protocols of packets on which this can be true."""
        protocols = FIELDS[self.field].protocols or _EVERY_PROTO
        if self.field == "proto":
            container = self.among.container()
            return frozenset(proto for proto in protocols if proto in container)  # type: ignore[operator]
        return protocols

    def can_fail(self) -> frozenset[int]:
        """Return the protocols of packets on which this can be false."""
        if self.field == "proto":
            return _EVERY_PROTO - self.can_hold()
        return self.can_hold()


class _OnPayload:
    """What the tests on the payload share: who has one, and what its absence comes to."""

    __slots__ = ()

    def outcome(self, packet: Packet) -> int:
        """Look at the payload; where there is none, the outcome says so."""
        payload = packet["payload"]
        if isinstance(payload, Payload):
            return self._on(payload)
        return OF_MISSING[payload]  # type: ignore[index]

    def _on(self, payload: Payload) -> int:
        raise NotImplementedError

    def can_hold(self) -> frozenset[int]:
        """Return the protocols that have a payload."""
        return FIELDS["payload"].protocols or _EVERY_PROTO

    can_fail = can_hold


@dataclass(frozen=True, slots=True)
class Contains(_OnPayload):
    """Whether the payload has these bytes: at an offset, in a window, or anywhere."""

    find: bytes
    at: int | None = None
    within: tuple[int, int] | None = None
    written: str = dataclasses.field(default="", compare=False)

    def _on(self, payload: Payload) -> int:
        """Look for the bytes; what the cut hides may hold them."""
        data, size = payload.data, len(self.find)
        start, stop = self.window(payload.length)
        last = stop - size
        if last < start:
            return FALSE
        if data.find(self.find, start, stop) >= 0:
            return TRUE
        # They may lie where the cut reaches, if what is at hand of that place fits.
        first = max(start, len(data) - size + 1)
        for place in range(first, min(last, len(data)) + 1):
            if self.find.startswith(data[place:]):
                return HIDDEN
        return FALSE if last <= len(data) else HIDDEN

    def window(self, length: int) -> tuple[int, int]:
        """Return from and to where the bytes must lie in a payload of this length."""
        if self.at is not None:
            return self.at, min(self.at + len(self.find), length)
        start, stop = self.within or (0, length)
        return start, min(stop, length)


@dataclass(frozen=True, slots=True)
class Matches(_OnPayload):
    """Whether a pattern matches in the payload, or in a window of it taken by itself."""

    pattern: Pattern
    within: tuple[int, int] | None = None
    written: str = dataclasses.field(default="", compare=False)

    def _on(self, payload: Payload) -> int:
        """Match; bytes that the cut hides could make or (before ``$``) unmake a match."""
        start, stop = self.within or (0, payload.length)
        if min(stop, payload.length) > len(payload.data):
            return HIDDEN
        return TRUE if self.pattern.found_in(payload.data[start:stop]) else FALSE


@dataclass(frozen=True, slots=True)
class PayloadLength(_OnPayload):
    """Whether the payload's length is among numbers; headers tell it even where bytes are cut."""

    among: Numbers
    written: str = dataclasses.field(default="", compare=False)
    _container: object = dataclasses.field(default=None, init=False, repr=False, compare=False)

    def _on(self, payload: Payload) -> int:
        """Compare the length."""
        container = self._container or _with_container(self)
        return TRUE if payload.length in container else FALSE  # type: ignore[operator]


def _with_container(test: Test | PayloadLength) -> object:
    """Keep the members' container at the test that looks into it for the first time.

    Only the reference evaluator looks into it, and reading a policy is quicker without.
    """
    container = test.among.container()
    object.__setattr__(test, "_container", container)
    return container


@dataclass(frozen=True, slots=True)
class All:
    """True if every part is; false beats absent, absent beats true. No parts: true."""

    parts: tuple["Condition", ...]

    def outcome(self, packet: Packet) -> int:
        """Join the parts' outcomes; a part that is surely false ends the search."""
        result = TRUE
        for part in self.parts:
            outcome = part.outcome(packet)
            if outcome == FALSE:
                return FALSE
            if outcome != TRUE:
                result = BOTH[result][outcome]
        return result

    def can_hold(self) -> frozenset[int]:
        """Return the protocols of packets on which this can be true."""
        return _EVERY_PROTO.intersection(*(part.can_hold() for part in self.parts))

    def can_fail(self) -> frozenset[int]:
        """Return the protocols of packets on which this can be false."""
        return frozenset().union(*(part.can_fail() for part in self.parts))


@dataclass(frozen=True, slots=True)
class Any:
    """True if one part is; true beats absent, absent beats false. No parts: false."""

    parts: tuple["Condition", ...]

    def outcome(self, packet: Packet) -> int:
        """Join the parts' outcomes; a part that is surely true ends the search."""
        result = FALSE
        for part in self.parts:
            outcome = part.outcome(packet)
            if outcome == TRUE:
                return TRUE
            if outcome != FALSE:
                result = EITHER[result][outcome]
        return result

    def can_hold(self) -> frozenset[int]:
        """Return the protocols of packets on which this can be true."""
        return frozenset().union(*(part.can_hold() for part in self.parts))

    def can_fail(self) -> frozenset[int]:
        """Return the protocols of packets on which this can be false."""
        return _EVERY_PROTO.intersection(*(part.can_fail() for part in self.parts))


@dataclass(frozen=True, slots=True)
class Not:
    """True if the part is false, false if it is true, absent if it is absent."""

    part: "Condition"

    def outcome(self, packet: Packet) -> int:
        """Turn the part's outcome round."""
        return NEGATED[self.part.outcome(packet)]

    def can_hold(self) -> frozenset[int]:
        """Return the protocols of packets on which the part can be false."""
        return self.part.can_fail()

    def can_fail(self) -> frozenset[int]:
        """Return the protocols of packets on which the part can be true."""
        return self.part.can_hold()


Condition = Test | Contains | Matches | PayloadLength | All | Any | Not


def leaves(condition: Condition) -> Iterator[Condition]:
    """Yield the tests of a condition, from left to right."""
    match condition:
        case All() | Any():
            for part in condition.parts:
                yield from leaves(part)
        case Not():
            yield from leaves(condition.part)
        case _:
            yield condition
