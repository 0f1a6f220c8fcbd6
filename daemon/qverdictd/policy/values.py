# SPDX-License-Identifier: GPL-2.0
"""What a value in a match means: from ``[80, {not: "@admins"}]`` to a condition."""

from collections.abc import Callable, Mapping

from qverdictd.packet.fields import FIELDS, Field, Kind
from qverdictd.policy.condition import Any, Condition, Contains, Matches, Not, PayloadLength, Test
from qverdictd.policy.literals import (
    ValueReadError,
    both_spaces,
    hex_bytes,
    members,
    near,
    numbers,
    regex,
    written,
)
from qverdictd.policy.members import Addresses, Members, Numbers, union
from qverdictd.policy.model import NamedSet
from qverdictd.policy.source import Path

#: Told of each problem, at a path below the value that is being read.
Report = Callable[[str, Path], None]

#: Types of a value that is one, and stays what it is.
_SINGLE = frozenset((str, int, bool))
#: Bytes of packed ranges.
_LARGEST_COPIED = 4096
_LARGEST_PAYLOAD = FIELDS["payload"].maximum


class ValueReader:
    """Reads the values of fields; knows the policy's sets."""

    def __init__(self, sets: Mapping[str, NamedSet | None], *, all_known: bool = True) -> None:
        """Take the sets by name; None stands for one that could not be read.

        ``all_known``: whether a name that is not among them is wrong; else a file is broken that
        may have it.
        """
        self._sets = sets
        self._all_known = all_known
        self._of_files = {f"@{name}" for name, one in sets.items() if one and one.file}
        self._known: dict[tuple[str, type, object], Condition] = {}
        """Of single values that were read before, by field and type: ``1`` equals ``true``."""

    def condition(self, field: Field, raw: object, report: Report, path: Path = ()) -> Condition:
        """Read a field's value in a match. Problems are reported; what remains is returned."""
        key = (field.name, raw.__class__, raw) if raw.__class__ in _SINGLE else None
        # The same ports and networks are in many rules.
        if key is not None and (known := self._known.get(key)) is not None:
            return known
        if isinstance(raw, list):
            if not raw:
                report("an empty list matches nothing: list a value, or leave the key out", path)
            parts = [
                self.condition(field, item, report, (*path, index))
                for index, item in enumerate(raw)
            ]
            return self._any(parts, written(raw))
        if isinstance(raw, dict) and "not" in raw:
            if len(raw) > 1:
                report("'not' stands alone in its mapping", path)
            return Not(self.condition(field, raw["not"], report, (*path, "not")))
        if self._of_lost_set(field, raw):
            return Any(())
        try:
            found = self._one(field, raw)
        except ValueReadError as error:
            report(str(error), path)
            return Any(())
        if key is not None:
            self._known[key] = found
        return found

    def _one(self, field: Field, raw: object) -> Condition:
        """Read a value that is no list, and not denied. Raises `ValueReadError`."""
        if field.kind is Kind.BYTES:
            return _payload(raw)
        among, text = self._members(field, raw), written(raw)
        if field.either:
            return Any(tuple(Test(name, among, text) for name in field.either))
        return Test(field.name, among, text)

    def _any(self, parts: list[Condition], text: str) -> Condition:
        """Join a list's parts; tests on one field that have a common form become one test."""
        # "Any" of "any" is one "any": a field that stands for two others is an "any" of them.
        flat = [one for part in parts for one in (part.parts if isinstance(part, Any) else (part,))]
        tests: dict[str, list[Members]] = {}
        joined: list[Condition] = []
        for part in flat:
            if isinstance(part, Test) and not self._stays(part):
                tests.setdefault(part.field, []).append(part.among)
            else:
                joined.append(part)
        joined[:0] = [Test(name, one, text) for name, all_ in tests.items() for one in union(all_)]
        return joined[0] if len(joined) == 1 else Any(tuple(joined))

    def _stays(self, test: Test) -> bool:
        """Whether a test stays by itself.

        A copy of a large set for each rule that names it would be dear, and what has become one
        with other values would not be found when the set's file changes (see `set_change`).
        """
        among = test.among
        large = isinstance(among, Addresses) and len(among.v4) + len(among.v6) > _LARGEST_COPIED
        return large or test.written in self._of_files

    def _of_lost_set(self, field: Field, raw: object) -> bool:
        """Whether the value is a set that could not be read: the error there is enough."""
        if field.kind is Kind.BYTES or not isinstance(raw, str) or not raw.startswith("@"):
            return False
        name = raw[1:]
        return self._sets[name] is None if name in self._sets else not self._all_known

    def _members(self, field: Field, raw: object) -> Members:
        if isinstance(raw, str) and raw.startswith("@"):
            return self._set(field, raw[1:])
        return members(field, raw)

    def _set(self, field: Field, name: str) -> Members:
        if name not in self._sets:
            raise ValueReadError(f"no set is called {name!r}" + near(name, list(self._sets)))
        named = self._sets[name]
        assert named is not None
        if named.type not in set_types(field):
            wanted = " or ".join(set_types(field)) or "no set"
            raise ValueReadError(
                f"set {name!r} is of type {named.type}: {field.name} takes {wanted}"
            )
        return set_members(field, named)


def set_members(field: Field, named: NamedSet) -> Members:
    """Return what a field that is looked up in a set is looked for in."""
    if field.icmp_spaces and isinstance(named.members, Numbers):
        return both_spaces(named.members)
    return named.members


def set_types(field: Field) -> list[str]:
    """Return the types of sets that a field can be looked up in."""
    match field.kind:
        case Kind.ADDRESS:
            return ["cidr"]
        case Kind.NUMBER if field.name in ("sport", "dport", "port"):
            return ["port"]
        case Kind.NUMBER | Kind.MASKED:
            return ["number"]
        case Kind.INTERFACE:
            return ["interface"]
        case Kind.MAC:
            return ["mac"]
        case _:
            return []


_PAYLOAD_FORMS = {
    "text": {"at", "within"},
    "hex": {"at", "within"},
    "regex": {"within"},
    "length": set[str](),
}


def _payload(raw: object) -> Condition:
    """Read one value of ``payload``."""
    text = written(raw)
    if isinstance(raw, str):
        raw = {"text": raw}
    if not isinstance(raw, dict):
        raise ValueReadError(f"expected text, or a mapping with text, hex, regex or length: {text}")
    forms = [form for form in _PAYLOAD_FORMS if form in raw]
    if len(forms) != 1:
        raise ValueReadError("expected one of text, hex, regex, length" + _near_form(raw))
    form = forms[0]
    for key in raw:
        if key != form and key not in _PAYLOAD_FORMS[form]:
            raise ValueReadError(f"{key!r} does not go with {form}")
    if "at" in raw and "within" in raw:
        raise ValueReadError("expected at or within, not both")
    if form == "length":
        about = Field("payload length", Kind.NUMBER, FIELDS["payload"].layer, "", (), 0xFFFFFFFF)
        return PayloadLength(numbers(about, raw["length"]), text)
    within = _window(raw["within"]) if "within" in raw else None
    if form == "regex":
        return Matches(regex(raw["regex"]), within, text)
    needle = raw[form]
    if not isinstance(needle, str) or not needle:
        raise ValueReadError(f"{form}: expected at least one byte")
    find = needle.encode() if form == "text" else hex_bytes(needle)
    at = raw.get("at")
    if at is not None and (not isinstance(at, int) or isinstance(at, bool) or at < 0):
        raise ValueReadError(f"at: expected an offset in bytes, from 0, not {written(at)}")
    if within is not None and within[1] - within[0] < len(find):
        raise ValueReadError(f"{text} can never hold: the bytes are longer than the window")
    return Contains(find, at, within, text)


def _near_form(raw: dict[str, object]) -> str:
    for key in raw:
        if key not in _PAYLOAD_FORMS and (hint := near(key, list(_PAYLOAD_FORMS))):
            return f", not {key!r}{hint}"
    return ""


def _window(raw: object) -> tuple[int, int]:
    if (
        isinstance(raw, list)
        and len(raw) == 2
        and all(isinstance(bound, int) and not isinstance(bound, bool) for bound in raw)
        and 0 <= raw[0] < raw[1] <= _LARGEST_PAYLOAD
    ):
        return raw[0], raw[1]
    raise ValueReadError(f"within: expected [from, to] in bytes, from below to: {written(raw)}")
