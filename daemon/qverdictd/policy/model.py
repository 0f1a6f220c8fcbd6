# SPDX-License-Identifier: GPL-2.0
"""The policy as it is evaluated: typed, immutable, complete. `load` makes it from YAML."""

from dataclasses import dataclass, field, replace

from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.action.mark import Mark
from qverdictd.action.rewrite import Rewrite
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.condition import All
from qverdictd.policy.members import Members
from qverdictd.policy.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file that a person wrote; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: if its condition is true, its actions are applied and its verdict given."""

    name: str
    condition: All
    """Of a rule without ``match`` no parts: true of every packet."""
    verdict: Verdict
    queue: int | None = None
    mark: Mark | None = None
    rewrites: tuple[Rewrite, ...] = ()
    log: Log | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set that rules call by ``@name``."""

    name: str
    type: str
    members: Members
    file: str | None = None
    values: tuple[Members, ...] = field(default=(), compare=False, repr=False)
    """The members that stand in the policy itself, beside the file."""
    place: Place | None = field(default=None, compare=False)
    stamp: Stamp | None = field(default=None, compare=False)
    """How the file was when it was read."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an inline test expects; None: not asked."""

    verdict: Verdict
    queue: int | None = None
    rule: str | None = None
    rule_given: bool = False
    """Whether ``rule`` was written at all: ``rule: null`` asks that no rule decided."""
    reason: Reason | None = None
    mark: int | None = None
    payload: bytes | None = None
    replaced: bool | None = None


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A packet made from its description, and what the policy must decide of it."""

    name: str
    packet: RawPacket
    expect: Expectation
    place: Place = field(compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy."""

    default: Verdict
    on_error: Verdict
    rules: tuple[Rule, ...]
    sets: tuple[NamedSet, ...] = ()
    tests: tuple[PolicyTest, ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)
    """Every file that was read: the policy, its ``rules.d``, its set files."""
    generation: int = field(default=1, compare=False)
    """Counts the policies that were in force since the daemon began, from 1."""

    def error(self, raw: RawPacket, reason: Reason, logs: tuple[Log, ...] = ()) -> Decision:
        """Return the decision on a packet that cannot be judged: it goes on as it came."""
        return Decision(self.on_error, reason, mark=raw.mark, logs=logs, generation=self.generation)

    def following(self, other: "Policy") -> "Policy":
        """Return this policy as the one that is in force next after another."""
        return replace(self, generation=other.generation + 1)
