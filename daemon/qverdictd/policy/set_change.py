# SPDX-License-Identifier: GPL-2.0
"""A policy in which sets have other members, and nothing else is another.

The policy's files are not looked at: what was edited there takes force when it is loaded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from qverdictd.errors import PolicyError, Problem
from qverdictd.packet.fields import FIELDS
from qverdictd.policy.condition import All, Any, Condition, Not, Test
from qverdictd.policy.inline_tests import failures
from qverdictd.policy.members import Members
from qverdictd.policy.model import NamedSet, Policy, Rule
from qverdictd.policy.pause import collection_paused
from qverdictd.policy.rules import size_problem
from qverdictd.policy.values import set_members

_Join = TypeVar("_Join", bound=All | Any)


@collection_paused()
def with_sets(policy: Policy, sets: Iterable[NamedSet]) -> Policy:
    """Return the policy with these sets instead of those of the same names, which have files.

    Raises `PolicyError` if a rule may not be as it then is, or a test of the policy fails.
    """
    change = _Change({f"@{named.name}": named for named in sets})
    rules = tuple(map(change.rule, policy.rules))
    changed = replace(policy, rules=rules, sets=tuple(map(change.named, policy.sets)))
    problems = [
        problem
        for rule, before in zip(rules, policy.rules, strict=True)
        if rule is not before
        for problem in _size_problems(rule)
    ]
    problems = problems or failures(changed)
    if problems:
        raise PolicyError(problems)
    return changed


def _size_problems(rule: Rule) -> Iterable[Problem]:
    """Yield what is wrong if now the rule can match a protocol that it could not match before."""
    for rewrite in rule.rewrites:
        why = size_problem(rewrite, rule.condition)
        if why is not None and rule.place is not None:
            place = rule.place
            yield Problem(place.file, place.line, place.column, f"rule {rule.name!r}: {why}")


class _Change:
    """Puts sets into the places of those that they follow."""

    def __init__(self, sets: Mapping[str, NamedSet]) -> None:
        """Take the sets by what rules write to name them."""
        self._sets = sets
        self._members: dict[tuple[str, bool], Members] = {}

    def named(self, before: NamedSet) -> NamedSet:
        """Return a set as it is now."""
        return self._sets.get(f"@{before.name}", before)

    def rule(self, before: Rule) -> Rule:
        """Return a rule as it is now: the same one if it names none of the sets."""
        condition = self._join(before.condition)
        return before if condition is before.condition else replace(before, condition=condition)

    def _condition(self, before: Condition) -> Condition:
        match before:
            case Test():
                return self._test(before)
            case All() | Any():
                return self._join(before)
            case Not():
                part = self._condition(before.part)
                return before if part is before.part else Not(part)
            case _:
                return before

    def _join(self, before: _Join) -> _Join:
        parts = tuple(map(self._condition, before.parts))
        same = all(part is one for part, one in zip(parts, before.parts, strict=True))
        return before if same else replace(before, parts=parts)

    def _test(self, before: Test) -> Test:
        named = self._sets.get(before.written)
        if named is None:
            return before
        # One object for all rules, as when a policy is loaded: it is large, and known by identity.
        key = (before.written, FIELDS[before.field].icmp_spaces)
        among = self._members.get(key)
        if among is None:
            among = self._members[key] = set_members(FIELDS[before.field], named)
        return Test(before.field, among, before.written)
