# SPDX-License-Identifier: GPL-2.0
"""Which program makes the rules, and in which order old ones go and new ones come."""

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol

from qverdictd.attach import tool
from qverdictd.attach.nft import Nft
from qverdictd.attach.tool import Step
from qverdictd.attach.wanted import Wanted
from qverdictd.attach.xtables import Xtables
from qverdictd.control.wiring import Backend
from qverdictd.errors import PermissionMissingError, RulesError
from qverdictd.transport.proc import has_net_admin

_LOCK = Path("/run/qverdictd/attach.lock")


class RuleSet(Protocol):
    """Rules of ours, in one rule language."""

    @property
    def name(self) -> Backend:
        """The name by which the configuration calls it."""

    def refuses(self, wanted: Wanted) -> str | None:
        """Say why these rules cannot be had this way; None if they can."""

    def present(self) -> bool:
        """Say whether rules of ours are there."""

    def steps(self, wanted: Wanted | None) -> list[Step]:
        """Return what to change so that these rules are there, and no others of ours."""


def rule_sets() -> tuple[RuleSet, ...]:
    """Return all that there are, the preferred one first."""
    return (Nft(), Xtables("iptables-nft"), Xtables("iptables-legacy"))


def choose(wanted: Wanted, backend: Backend | Literal["auto"], among: Sequence[RuleSet]) -> RuleSet:
    """Return the rule set to use. Raises `RulesError`.

    ``auto``: the one in which rules of ours are already, else the first that can have them.
    """
    if backend != "auto":
        return next(one for one in among if one.name == backend)
    refused = []
    for one in sorted(among, key=lambda one: not one.present()):
        why = one.refuses(wanted)
        if why is None:
            return one
        refused.append(f"{one.name}: {why}")
    raise RulesError("no rules can be made here: " + "; ".join(refused))


def attaching(chosen: RuleSet, wanted: Wanted, among: Sequence[RuleSet]) -> list[Step]:
    """Return what to do so that packets come to the queue once, by the rules chosen.

    The new ones come before old ones of another rule set go: for that moment a packet may be
    judged twice, but none goes past.
    """
    steps = chosen.steps(wanted)
    for one in among:
        if one is not chosen:
            steps += one.steps(None)
    return steps


def detaching(among: Sequence[RuleSet]) -> list[Step]:
    """Return what to do so that no rule of ours is left."""
    return [step for one in among for step in one.steps(None)]


def carry_out(steps: Sequence[Step]) -> None:
    """Make the changes. Raises `PermissionMissingError` or `RulesError`."""
    if steps and not has_net_admin():
        raise PermissionMissingError(
            "changing the kernel's rules needs CAP_NET_ADMIN in this network namespace: run as root"
        )
    for step in steps:
        tool.carry_out(step)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let no second attach or detach look at the rules while we change them."""
    try:
        _LOCK.parent.mkdir(mode=0o755, exist_ok=True)
        lock = _LOCK.open("w")
    except OSError:  # not root: what follows changes nothing
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
