# SPDX-License-Identifier: GPL-2.0
"""From the model to the program that the compiled engine runs (see `program`).

What is equal is there once: conditions, sets, lists of numbers, strings. Joins of joins of the
same kind are one join, which changes no outcome: ``all`` is the least and ``any`` the greatest of
their parts, in the order false, absent, true.
"""

from array import array
from collections.abc import Iterator

from qverdictd.action.decision import Verdict
from qverdictd.action.rewrite import (
    Replace,
    ReplacePattern,
    Rewrite,
    SetAddress,
    SetNumber,
    SetPayload,
)
from qverdictd.errors import PolicyError, Problem
from qverdictd.packet.numbering import NUMBER_OF
from qverdictd.policy.condition import (
    All,
    Any,
    Condition,
    Contains,
    Matches,
    Not,
    PayloadLength,
    Test,
)
from qverdictd.policy.lower_values import LoweredValues, ValueTooLongError
from qverdictd.policy.model import Policy, Rule
from qverdictd.policy.pause import collection_paused
from qverdictd.policy.program import (
    ALL_MATCHES,
    DEPTH_MAX,
    INDEX,
    LARGEST,
    NODE,
    NODE_AT,
    NODE_WITHIN,
    PARTS_MAX,
    REWRITE,
    RULE,
    RULE_LOGS,
    RULE_MARKS,
    TEMPLATE,
    VERDICTS,
    WINDOW,
    Edit,
    Op,
    Section,
)
from qverdictd.policy.sections import Shared, TooLargeError, assembled

_VERDICT_NUMBER = {verdict: number for number, verdict in enumerate(VERDICTS)}


@collection_paused()
def lower(policy: Policy) -> bytes:
    """Return the policy's program, in which the policy's large sets are from then on.

    Raises `PolicyError`, at the rule to blame, for what a program has no room for.
    """
    lowering = _Lowering(policy)
    rule = None
    try:
        for rule in policy.rules:
            lowering.rule(rule)
        return lowering.program()
    except _RefusedError as error:
        why = str(error)
    except ValueTooLongError as error:
        why = str(error)
    except TooLargeError:
        why = "the policy is too large to be compiled"
    raise PolicyError([problem(policy, rule, why)])


def problem(policy: Policy, rule: Rule | None, why: str) -> Problem:
    """Say why at the rule, or where there is none at the policy as a whole."""
    if rule is None or rule.place is None:
        return Problem(policy.files[0] if policy.files else "policy", 1, 1, why)
    place = rule.place
    return Problem(place.file, place.line, place.column, f"rule {rule.name!r}: {why}")


class _RefusedError(Exception):
    """A rule that passes a limit of the format; the text is for a person."""


class _Lowering:
    """A program in the making."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._values = LoweredValues(named.name for named in policy.sets)
        self._rules: list[bytes] = []
        self._nodes: list[bytes] = []
        self._node_of: dict[tuple[int, bytes], int] = {}
        """The node of each leaf's record, and of each join's op and children."""
        self._test_of: dict[tuple[int, str, str], int] = {}
        """The node of each test, by its members' identity, its field and its text."""
        self._depths: list[int] = []
        self._parts: list[int] = []
        """For each node how many parts a packet meets in it, at most."""
        self._met = 0
        self._children: list[bytes] = []
        self._child_count = 0
        self._windows = Shared()
        self._patterns = Shared()
        self._rewrites: list[bytes] = []
        self._templates: list[bytes] = []

    def program(self) -> bytes:
        """Return what has become of the rules."""
        program = assembled(
            _VERDICT_NUMBER[self._policy.default],
            _VERDICT_NUMBER[self._policy.on_error],
            self._values.sections()
            | {
                Section.RULES: b"".join(self._rules),
                Section.NODES: b"".join(self._nodes),
                Section.CHILDREN: b"".join(self._children),
                Section.WINDOWS: self._windows.packed(),
                Section.PATTERNS: self._patterns.packed(),
                Section.REWRITES: b"".join(self._rewrites),
                Section.TEMPLATES: b"".join(self._templates),
            },
        )
        self._values.share(program)
        return program

    def rule(self, rule: Rule) -> None:
        """Add a rule behind those before it."""
        condition = self._join(Op.ALL, rule.condition)
        if self._depths[condition] > DEPTH_MAX:
            raise _RefusedError(f"its match is nested deeper than {DEPTH_MAX} levels")
        self._met += self._parts[condition] + len(rule.rewrites)
        if self._met > PARTS_MAX:
            raise _RefusedError(f"the rules up to here have more than {PARTS_MAX:,} parts")
        flags = value = mask = 0
        if rule.mark is not None:
            flags, mask = RULE_MARKS, rule.mark.mask
            value = rule.mark.value & mask
        if rule.log is not None:
            flags |= RULE_LOGS
        first = len(self._rewrites)
        self._rewrites += map(self._rewrite, rule.rewrites)
        self._rules.append(
            RULE.pack(
                condition,
                first,
                len(rule.rewrites),
                value,
                mask,
                rule.queue if rule.verdict is Verdict.QUEUE and rule.queue is not None else 0,
                _VERDICT_NUMBER[rule.verdict],
                flags,
                self._values.string(rule.name.encode()),
            )
        )

    def _node(self, condition: Condition) -> int:
        """Return the number of the node of a condition that is `_bare`."""
        match condition:
            case Test():
                return self._test(condition)
            case All():
                return self._join(Op.ALL, condition)
            case Any():
                return self._join(Op.ANY, condition)
            case Not():
                return self._not(condition)
            case Contains(find=find, at=at, within=within):
                flags, extra = self._window(within)
                if at is not None:
                    # No payload reaches as far as the largest offset.
                    flags, extra = NODE_AT, min(at, LARGEST)
                string = self._values.string(find)
                return self._leaf(NODE.pack(Op.CONTAINS, 0, flags, string, 0, extra))
            case Matches(pattern=pattern, within=within):
                flags, extra = self._window(within)
                number = self._pattern(pattern.source)
                return self._leaf(NODE.pack(Op.MATCHES, 0, flags, number, 0, extra))
            case PayloadLength(among=among):
                first, count = self._values.numbers(among)
                return self._leaf(NODE.pack(Op.PAYLOAD_LENGTH, 0, 0, first, count, 0))

    def _test(self, test: Test) -> int:
        # Members are shared by the tests for the same value: one look tells most of them.
        key = (id(test.among), test.field, test.written)
        number = self._test_of.get(key)
        if number is None:
            number = self._test_of[key] = self._leaf(self._values.test(test))
        return number

    def _leaf(self, record: bytes) -> int:
        key = (Op.IN_NUMBERS, record)  # an op that joins nothing: never a join's key
        number = self._node_of.get(key)
        if number is None:
            number = self._new(key, record, 1, 1)
            if record[0] == Op.IN_INTERFACES:  # these are compared one by one
                self._parts[number] += NODE.unpack(record)[4]
        return number

    def _not(self, condition: Not) -> int:
        part = self._node(_bare(condition.part))
        key = (Op.NOT, INDEX.pack(part))
        number = self._node_of.get(key)
        if number is None:
            record = NODE.pack(Op.NOT, 0, 0, part, 0, 0)
            number = self._new(key, record, self._depths[part] + 1, self._parts[part] + 1)
        return number

    def _join(self, op: Op, join: All | Any) -> int:
        parts = [
            self._test(part) if part.__class__ is Test else self._node(part) for part in _flat(join)
        ]
        children = array("I", parts).tobytes()
        key = (op, children)
        number = self._node_of.get(key)
        if number is None:
            record = NODE.pack(op, 0, 0, self._child_count, len(parts), 0)
            self._children.append(children)
            self._child_count += len(parts)
            depth = 1 + max(map(self._depths.__getitem__, parts), default=0)
            met = 1 + sum(map(self._parts.__getitem__, parts))
            number = self._new(key, record, depth, met)
        return number

    def _new(self, key: tuple[int, bytes], record: bytes, depth: int, parts: int) -> int:
        number = self._node_of[key] = len(self._nodes)
        self._nodes.append(record)
        self._depths.append(depth)
        self._parts.append(parts)
        return number

    def _window(self, within: tuple[int, int] | None) -> tuple[int, int]:
        """Return a node's flags and its window."""
        if within is None:
            return 0, 0
        return NODE_WITHIN, self._windows.number(WINDOW.pack(*within))

    def _pattern(self, source: str) -> int:
        return self._patterns.number(INDEX.pack(self._values.string(source.encode())))

    def _rewrite(self, rewrite: Rewrite) -> bytes:
        field = a = b = count = extra = 0
        match rewrite:
            case SetNumber():
                edit, field, a = Edit.SET_NUMBER, NUMBER_OF[rewrite.field], rewrite.value
            case SetAddress():
                edit, field = Edit.SET_ADDRESS, NUMBER_OF[rewrite.field]
                a = self._values.string(rewrite.address)
            case Replace():
                edit, count = Edit.REPLACE, _count(rewrite.count)
                a, b = self._values.string(rewrite.find), self._values.string(rewrite.with_)
            case ReplacePattern():
                edit, count = Edit.REPLACE_PATTERN, _count(rewrite.count)
                a, b, extra = (
                    self._pattern(rewrite.find.source),
                    len(self._templates),
                    len(rewrite.with_),
                )
                self._templates += map(self._template, rewrite.with_)
            case SetPayload():
                edit, a = Edit.SET_PAYLOAD, self._values.string(rewrite.data)
        return REWRITE.pack(edit, field, a, b, count, extra)

    def _template(self, part: bytes | int) -> bytes:
        if isinstance(part, int):
            return TEMPLATE.pack(part, 0)
        return TEMPLATE.pack(0, self._values.string(part))


def _count(count: int | None) -> int:
    """Return how often to replace; no packet has as many matches as the largest number."""
    return ALL_MATCHES if count is None else min(count, ALL_MATCHES)


def _bare(condition: Condition) -> Condition:
    """Return what is joined alone, or denied twice."""
    while isinstance(condition, All | Any) and len(condition.parts) == 1:
        (condition,) = condition.parts
    if isinstance(condition, Not):
        denied = _bare(condition.part)
        if isinstance(denied, Not):
            return _bare(denied.part)
    return condition


def _flat(join: All | Any) -> Iterator[Condition]:
    """Yield the parts of a join, and of those among them that join in the same way."""
    for part in join.parts:
        if part.__class__ is Test:  # as most are
            yield part
            continue
        bare = _bare(part)
        if isinstance(bare, All | Any) and type(bare) is type(join):
            yield from _flat(bare)
        else:
            yield bare
