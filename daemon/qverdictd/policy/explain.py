# SPDX-License-Identifier: GPL-2.0
"""A policy as numbered pseudo-code: what the compiled engine runs, read back from its program."""

from collections.abc import Iterator

from qverdictd.action.decision import Verdict
from qverdictd.packet.fields import FIELDS, Field
from qverdictd.packet.value import address_text
from qverdictd.policy.lower import lower
from qverdictd.policy.model import Policy, Rule
from qverdictd.policy.program import (
    ALL_MATCHES,
    NO_NAME,
    NODE_AT,
    NODE_WITHIN,
    RULE_LOGS,
    RULE_MARKS,
    VERDICTS,
    Edit,
    Op,
    Section,
)
from qverdictd.policy.records import Records
from qverdictd.policy.value_text import (
    MOST_SHOWN,
    interfaces_text,
    listed,
    macs_text,
    masked_text,
    numbers_text,
    printable,
    range_text,
)

#: Fields by their numbers in a program.
_FIELDS = tuple(FIELDS.values())


def explain(policy: Policy) -> str:
    """Return the policy as text; the numbers are the rules' positions.

    Raises `PolicyError` where the policy cannot be lowered.
    """
    return "\n".join(_Listing(policy).lines()) + "\n"


class _Listing:
    """The text of a program. The policy tells what a program has no need of: logs, set files."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._program = Records(lower(policy))

    def lines(self) -> Iterator[str]:
        """Yield the lines."""
        for named in self._policy.sets:
            yield f"set @{named.name}: {named.type}" + (
                f", with {named.file}" if named.file else ""
            )
        yield f"   0  if the packet cannot be judged: {self._program.on_error.value}, at once"
        rules = self._policy.rules
        for index, rule in enumerate(rules):
            yield from self._rule(index, rule)
        yield f"{len(rules) + 1:4}  {self._program.default.value}  (default)"

    def _rule(self, index: int, rule: Rule) -> Iterator[str]:
        condition, first, rewrites, value, mask, queue, verdict, flags, name = self._program.record(
            Section.RULES, index
        )
        text = self._node(condition)
        shown = text if text == "always" else f"if {text}"
        yield f"{index + 1:4}  {self._program.text(name)}: {shown}"
        for rewrite in self._program.records(Section.REWRITES, first, rewrites):
            yield f"        {self._rewrite(*rewrite)}"
        if flags & RULE_MARKS:
            yield f"        mark = mark & ~{mask:#x} | {value:#x}"
        if flags & RULE_LOGS and rule.log is not None:
            prefix = f": {rule.log.prefix}" if rule.log.prefix else ""
            yield f"        log at {rule.log.level}{prefix}"
        match VERDICTS[verdict]:
            case Verdict.CONTINUE:
                yield "        go on with the next rule"
            case Verdict.QUEUE:
                yield f"        to queue {queue}, end"
            case decided:
                yield f"        {decided.value}, end"

    def _node(self, index: int) -> str:
        op, field, flags, first, count, extra = self._program.record(Section.NODES, index)
        match Op(op):
            case Op.ALL:
                return self._join(first, count, " and ") or "always"
            case Op.ANY:
                return self._join(first, count, " or ") or "never"
            case Op.NOT:
                return f"not ({self._node(first)})"
            case Op.CONTAINS:
                return f"payload has {self._program.string(first)!r}" + self._place(flags, extra)
            case Op.MATCHES:
                return f"payload matches {self._pattern(first)}" + self._place(flags, extra)
            case Op.PAYLOAD_LENGTH:
                return f"payload length in {self._numbers(FIELDS['payload'], first, count)}"
            case Op.IN_MASKED:
                return f"{_FIELDS[field].name} in {masked_text(_FIELDS[field], first, extra)}"
            case _ if extra != NO_NAME:
                return f"{_FIELDS[field].name} in @{self._program.text(extra)}"
            case _:
                return f"{_FIELDS[field].name} in {self._values(Op(op), field, first, count)}"

    def _join(self, first: int, count: int, word: str) -> str:
        children = [child for (child,) in self._program.records(Section.CHILDREN, first, count)]
        if len(children) == 1:
            return self._node(children[0])
        return word.join(map(self._inner, children))

    def _inner(self, index: int) -> str:
        """Return a part of a join, bracketed if it joins some itself."""
        op, _, _, _, count, _ = self._program.record(Section.NODES, index)
        text = self._node(index)
        return f"({text})" if op in (Op.ALL, Op.ANY) and count > 1 else text

    def _values(self, op: Op, field: int, first: int, count: int) -> str:
        """Return what a test looks for, where that is no named set."""
        match op:
            case Op.IN_SET:
                return self._addresses(first)
            case Op.IN_MACS:
                macs = self._program.records(Section.MACS, first, count)
                return macs_text(mac for (mac,) in macs)
            case Op.IN_INTERFACES:
                return interfaces_text(self._program.records(Section.INTERFACES, first, count))
            case _:
                return self._numbers(_FIELDS[field], first, count)

    def _numbers(self, field: Field, first: int, count: int) -> str:
        numbers = self._program.records(Section.NUMBERS, first, count)
        return numbers_text(field, [(low, high) for low, high in numbers])

    def _addresses(self, index: int) -> str:
        first4, count4, first6, count6 = self._program.record(Section.SETS, index)
        ranges4 = self._program.records(Section.RANGES4, first4, min(count4, MOST_SHOWN))
        ranges6 = self._program.records(Section.RANGES6, first6, min(count6, MOST_SHOWN))
        packed = [(low.to_bytes(4, "big"), high.to_bytes(4, "big")) for low, high in ranges4]
        shown = [range_text(low, high) for low, high in (*packed, *ranges6)]
        return listed(shown, count4 + count6 - len(shown))

    def _place(self, flags: int, extra: int) -> str:
        """Return where in the payload a test looks."""
        if flags & NODE_AT:
            return f" at {extra}"
        if flags & NODE_WITHIN:
            first, end = self._program.record(Section.WINDOWS, extra)
            return f" within [{first}, {end}]"
        return ""

    def _pattern(self, index: int) -> str:
        (source,) = self._program.record(Section.PATTERNS, index)
        return f"/{printable(self._program.string(source))}/"

    def _rewrite(self, edit: int, field: int, a: int, b: int, count: int, extra: int) -> str:
        times = "" if count == ALL_MATCHES else f", {count} times at most"
        string = self._program.string
        match Edit(edit):
            case Edit.SET_NUMBER:
                return f"set {_FIELDS[field].name} = {a}"
            case Edit.SET_ADDRESS:
                return f"set {_FIELDS[field].name} = {address_text(string(a))}"
            case Edit.REPLACE:
                return f"replace {string(a)!r} with {string(b)!r}{times}"
            case Edit.REPLACE_PATTERN:
                parts = self._program.records(Section.TEMPLATES, b, extra)
                with_ = "".join(
                    f"\\{group}" if group else repr(string(part))[2:-1] for group, part in parts
                )
                return f"replace {self._pattern(a)} with '{with_}'{times}"
            case Edit.SET_PAYLOAD:
                return f"set payload = {string(a)!r}"
