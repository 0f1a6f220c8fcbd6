# SPDX-License-Identifier: GPL-2.0
"""A policy as numbered pseudo-code: what the evaluator does, in the order in which it does it."""

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
from qverdictd.packet.value import address_text
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
from qverdictd.policy.model import Policy, Rule


def explain(policy: Policy) -> str:
    """Return the policy as text; the numbers are the rules' positions."""
    lines = [
        f"set @{named.name}: {named.type}" + (f", with {named.file}" if named.file else "")
        for named in policy.sets
    ]
    lines.append(f"   0  if the packet cannot be judged: {policy.on_error.value}, at once")
    for number, rule in enumerate(policy.rules, 1):
        lines += _rule(number, rule)
    lines.append(f"{len(policy.rules) + 1:4}  {policy.default.value}  (default)")
    return "\n".join(lines) + "\n"


def _rule(number: int, rule: Rule) -> Iterator[str]:
    condition = f"if {_text(rule.condition)}" if rule.condition.parts else "always"
    yield f"{number:4}  {rule.name}: {condition}"
    for rewrite in rule.rewrites:
        yield f"        {_rewrite(rewrite)}"
    if rule.mark is not None:
        yield f"        mark = mark & ~{rule.mark.mask:#x} | {rule.mark.value & rule.mark.mask:#x}"
    if rule.log is not None:
        yield f"        log at {rule.log.level}" + (
            f": {rule.log.prefix}" if rule.log.prefix else ""
        )
    if rule.verdict is Verdict.CONTINUE:
        yield "        go on with the next rule"
    elif rule.verdict is Verdict.QUEUE:
        yield f"        to queue {rule.queue}, end"
    else:
        yield f"        {rule.verdict.value}, end"


def _text(condition: Condition) -> str:
    condition = _bare(condition)
    match condition:
        case Test():
            return f"{condition.field} in {condition.written}"
        case Contains() | Matches() | PayloadLength():
            return f"payload {condition.written}"
        case Not():
            return f"not ({_text(condition.part)})"
        case All():
            return " and ".join(map(_inner, condition.parts)) or "always"
        case Any():
            return " or ".join(map(_inner, condition.parts)) or "never"


def _inner(condition: Condition) -> str:
    text = _text(condition)
    return f"({text})" if isinstance(_bare(condition), All | Any) else text


def _bare(condition: Condition) -> Condition:
    """Return what alone is joined."""
    while isinstance(condition, All | Any) and len(condition.parts) == 1:
        condition = condition.parts[0]
    return condition


def _rewrite(rewrite: Rewrite) -> str:
    match rewrite:
        case SetNumber():
            return f"set {rewrite.field} = {rewrite.value}"
        case SetAddress():
            return f"set {rewrite.field} = {address_text(rewrite.address)}"
        case Replace():
            return f"replace {rewrite.find!r} with {rewrite.with_!r}" + _times(rewrite.count)
        case ReplacePattern():
            with_ = "".join(
                f"\\{part}" if isinstance(part, int) else repr(part)[2:-1] for part in rewrite.with_
            )
            return f"replace /{rewrite.find.source}/ with '{with_}'" + _times(rewrite.count)
        case SetPayload():
            return f"set payload = {rewrite.data!r}"


def _times(count: int | None) -> str:
    return "" if count is None else f", {count} times at most"
