# SPDX-License-Identifier: GPL-2.0
"""From a rule's document to the rule of the model; problems are noted where they stand."""

import re
from collections.abc import Iterable
from typing import Any as AnyValue

from qverdictd.action.decision import Log, Verdict
from qverdictd.action.draft import RESIZABLE
from qverdictd.action.mark import Mark
from qverdictd.action.rewrite import (
    Replace,
    ReplacePattern,
    Rewrite,
    SetAddress,
    SetNumber,
    SetPayload,
    changes_size,
)
from qverdictd.packet.fields import FIELDS, PROTO_OF, TRANSPORTS, Kind
from qverdictd.policy.condition import All, Any, Condition, Contains, Matches, Not, Test
from qverdictd.policy.document import MarkShape, QueueShape, ReplaceShape, RewriteShape, RuleShape
from qverdictd.policy.literals import (
    ValueReadError,
    address,
    bytes_of,
    number,
    regex,
)
from qverdictd.policy.model import Place, Rule
from qverdictd.policy.source import Path, Source
from qverdictd.policy.values import ValueReader

_RESIZABLE_PROTOS = {PROTO_OF[header] for header in RESIZABLE}
_FIXED_SIZE_PROTOS = frozenset(TRANSPORTS) - _RESIZABLE_PROTOS


class RuleBuilder:
    """Builds the rules of one file."""

    def __init__(self, source: Source, reader: ValueReader) -> None:
        self._source = source
        self._reader = reader

    def rule(self, shape: RuleShape, plain: dict[str, AnyValue], place: Place, path: Path) -> Rule:
        """Return the rule; where a part has problems, they are noted and the part is left out.

        ``plain``: the rule as it was written, of which ``shape`` is what is right.
        """
        match = plain.get("match")
        condition = self._match(match if isinstance(match, dict) else {}, (*path, "match"))
        verdict, queue = verdict_of(shape.verdict)
        if shape.name in ("default", "error"):
            self._source.problem(
                f"{shape.name!r} is what decisions say where no rule decided: "
                "call the rule something else",
                (*path, "name"),
            )
        return Rule(
            shape.name,
            condition,
            verdict,
            queue,
            _mark(shape),
            tuple(self._rewrites(shape.rewrite, plain.get("rewrite"), condition, path))
            if shape.rewrite
            else (),
            _log(shape),
            place,
        )

    def _match(self, match: dict[str, AnyValue], path: Path) -> All:
        parts: list[Condition] = []
        for key, raw in match.items():
            at = (*path, key)
            if key in FIELDS and raw is not None:
                parts.append(self._reader.condition(FIELDS[key], raw, self._report, at))
            elif key in ("any", "all") and isinstance(raw, list):
                inner = tuple(
                    self._match(item, (*at, index))
                    for index, item in enumerate(raw)
                    if isinstance(item, dict)
                )
                parts.append(Any(inner) if key == "any" else All(inner))
            elif key == "not" and isinstance(raw, dict):
                parts.append(Not(self._match(raw, at)))
        # What is cheap to look at comes first; the order changes no result.
        parts.sort(key=_cost)
        return All(tuple(parts))

    def _report(self, message: str, path: Path) -> None:
        self._source.problem(message, path)

    def _rewrites(
        self,
        shapes: list[RewriteShape],
        plain: AnyValue,
        condition: All,
        path: Path,
    ) -> Iterable[Rewrite]:
        for index, shape in enumerate(shapes):
            at = (*path, "rewrite", index)
            given = [name for name in ("set", "replace", "payload") if name in plain[index]]
            if len(given) != 1:
                self._report("expected one of set, replace, payload", at)
                continue
            if getattr(shape, given[0]) is None:
                continue  # not of its shape: that was said
            for rewrite in self._edits(shape, plain[index], at):
                if (why := size_problem(rewrite, condition)) is not None:
                    self._report(why, (*at, given[0]))
                yield rewrite

    def _edits(self, shape: RewriteShape, plain: AnyValue, at: Path) -> Iterable[Rewrite]:
        """Return the rewrites of one list entry; a ``set`` has one for each of its fields."""
        try:
            if shape.replace is not None:
                return [_replace(shape.replace)]
            if shape.payload is not None:
                return [SetPayload(bytes_of(shape.payload.text, shape.payload.hex))]
        except ValueReadError as error:
            self._report(str(error), (*at, "replace" if shape.replace else "payload"))
            return []
        edits: list[Rewrite] = []
        for name, raw in plain["set"].items():
            if name not in FIELDS or not FIELDS[name].settable:
                continue
            try:
                if FIELDS[name].kind is Kind.ADDRESS:
                    edits.append(SetAddress(name, address(raw)))
                else:
                    edits.append(SetNumber(name, number(FIELDS[name], raw)))
            except ValueReadError as error:
                self._report(str(error), (*at, "set", name))
        return edits


def size_problem(rewrite: Rewrite, condition: All) -> str | None:
    """Return why a rewrite must be refused that changes the size of what may be TCP's payload."""
    possible = _FIXED_SIZE_PROTOS & condition.can_hold() if changes_size(rewrite) else None
    if not possible:
        return None
    protos = ", ".join(sorted(TRANSPORTS[proto].name for proto in possible))
    why = (
        "the size of what a regex matches is not known before"
        if isinstance(rewrite, ReplacePattern)
        else "this changes the payload's size"
    )
    return (
        f"{why}, and the rule can match {protos}, whose payload must keep its size: "
        "replace text or hex by as many bytes, or match proto: udp or icmp"
    )


def verdict_of(shape: str | QueueShape) -> tuple[Verdict, int | None]:
    """Return a verdict and, for a requeue, the other queue's number."""
    if isinstance(shape, QueueShape):
        return Verdict.QUEUE, shape.queue
    return Verdict(shape), None


def _cost(part: Condition) -> int:
    """Order the parts of a match: first what is cheap and seldom true."""
    if isinstance(part, Test):
        return _TEST_COST[part.field]
    return 4 if isinstance(part, Contains) else 5 if isinstance(part, Matches) else 3


_TEST_COST = {name: 2 if field.kind is Kind.ADDRESS else 1 for name, field in FIELDS.items()}
_TEST_COST |= {"sport": 0, "dport": 0}


def _mark(shape: RuleShape) -> Mark | None:
    if isinstance(shape.mark, MarkShape):
        return Mark(shape.mark.set, shape.mark.mask)
    return None if shape.mark is None else Mark(shape.mark)


def _log(shape: RuleShape) -> Log | None:
    if isinstance(shape.log, bool):
        return Log(shape.name) if shape.log else None
    return Log(shape.name, shape.log.level, shape.log.prefix)


def _replace(shape: ReplaceShape) -> Rewrite:
    given = [name for name in ("text", "hex", "regex") if getattr(shape, name) is not None]
    if len(given) != 1:
        raise ValueReadError("expected one of text, hex, regex")
    if (shape.with_ is None) == (shape.with_hex is None):
        raise ValueReadError("expected with or with_hex, one of them")
    if shape.regex is not None:
        pattern = regex(shape.regex)
        if shape.with_ is not None:
            return ReplacePattern(pattern, _template(shape.with_, pattern.groups), shape.count)
        return ReplacePattern(pattern, (bytes_of(None, shape.with_hex),), shape.count)
    find = bytes_of(shape.text, shape.hex)
    if not find:
        raise ValueReadError(f"{given[0]}: expected at least one byte")
    return Replace(find, bytes_of(shape.with_, shape.with_hex), shape.count)


def _template(text: str, groups: int) -> tuple[bytes | int, ...]:
    r"""Split a replacement at its ``\1`` to ``\9``; ``\\`` is a backslash."""
    parts: list[bytes | int] = []
    for literal, escape in re.findall(r"([^\\]+)|\\(.?)", text, re.DOTALL):
        if literal:
            parts.append(literal.encode())
        elif escape == "\\":
            parts.append(b"\\")
        elif escape.isdigit() and escape != "0":
            if int(escape) > groups:
                raise ValueReadError(f"with: \\{escape}, but the regex has {groups} groups")
            parts.append(int(escape))
        else:
            raise ValueReadError(f"with: \\{escape}: expected \\1 to \\9, or \\\\ for a backslash")
    return tuple(parts)
