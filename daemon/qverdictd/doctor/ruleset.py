# SPDX-License-Identifier: GPL-2.0
"""The machine's firewall rules, anybody's, as far as they concern a queue."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QueueRule:
    """A rule that sends packets to a queue, and that packets can reach."""

    tool: str
    """``nft``, ``iptables-nft``, ``ip6tables-legacy``, ..."""
    table: str
    chain: str
    text: str
    hook: str
    """The hook whose packets reach it: ``forward``, ..."""
    first: int
    last: int
    bypass: bool
    ports: bool
    """Whether it looks at ports, which only a packet's first fragment has."""

    def __str__(self) -> str:
        return f"{self.tool}: {self.table} {self.chain}: {self.text}"


@dataclass(slots=True)
class Ruleset:
    """What the doctor wants to know of all rules."""

    rules: list[QueueRule] = field(default_factory=list)
    unreachable: list[QueueRule] = field(default_factory=list)
    """In chains that nothing leads to."""
    offloads: list[str] = field(default_factory=list)
    """Rules that let connections bypass all hooks (a flowtable)."""
    queue_chains: list[str] = field(default_factory=list)
    """nft rules that take QUEUE for the name of a chain."""
    tracked: set[str] = field(default_factory=set)
    """Families, ``ip`` and ``ip6``, whose connections are tracked: there fragments come whole."""
    unread: list[str] = field(default_factory=list)
    """What could not be read, and why."""

    def add(self, other: "Ruleset") -> None:
        """Take in what was found elsewhere."""
        for item in dataclasses.fields(self):
            mine, others = getattr(self, item.name), getattr(other, item.name)
            mine.update(others) if isinstance(mine, set) else mine.extend(others)

    def families(self, rule: QueueRule) -> set[str]:
        """Return the families whose packets a rule can see."""
        if rule.tool.startswith("ip6tables"):
            return {"ip6"}
        if rule.tool.startswith("iptables"):
            return {"ip"}
        family = rule.table.split()[0]
        return {family} if family in ("ip", "ip6") else {"ip", "ip6"}


def reached(bases: Iterable[tuple[str, str]], jumps: dict[str, set[str]]) -> dict[str, str]:
    """Return each chain that packets can reach with a hook from which they do.

    ``bases``: base chains and their hooks. ``jumps``: where the rules of a chain lead.
    """
    hooks = dict(bases)
    waiting = list(hooks)
    while waiting:
        chain = waiting.pop()
        for target in jumps.get(chain, ()):
            if target not in hooks:
                hooks[target] = hooks[chain]
                waiting.append(target)
    return hooks
