# SPDX-License-Identifier: GPL-2.0
"""What is loaded while the daemon runs: a policy, or sets of the policy in force.

Loading takes its time, on any thread. It returns what puts in force what was loaded, which takes
none, and which tells the operator what came of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qverdictd.control.journal import Event, say
from qverdictd.control.notify import Notifier
from qverdictd.engine.base import Engine
from qverdictd.errors import PolicyError
from qverdictd.policy.load import load
from qverdictd.policy.model import NamedSet, Policy
from qverdictd.policy.set_change import with_sets
from qverdictd.policy.sets import read_again
from qverdictd.worker.base import Workers

Finish = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Refused:
    """Sets that stay as they were, and why."""

    sets: tuple[NamedSet, ...]
    why: Exception


class Loader:
    """Loads by what is in force, so one thing after the other."""

    def __init__(
        self,
        rules: Path,
        engine: Engine,
        workers: Workers,
        check: Callable[[Policy], None],
        notifier: Notifier,
    ) -> None:
        """``check``: raises `PolicyError` for a policy that the daemon cannot carry out."""
        self._rules = rules
        self._engine = engine
        self._workers = workers
        self._check = check
        self._notifier = notifier
        self._refused = ""
        """Why the policy is not as its files say; empty: it is."""
        self._stale: dict[str, str] = {}
        """Sets that are not as their files say, and why."""

    def begin_policy(self) -> None:
        """Say that the policy is to be loaded, before `policy` is called."""
        self._notifier.reloading()

    def policy(self) -> Finish:
        """Load the policy."""
        try:
            policy = load(self._rules)
            self._check(policy)
            return partial(self._put_policy, self._workers.prepare(policy))
        except Exception as error:
            return partial(self._policy_stays, error)

    def _put_policy(self, put: Callable[[], None]) -> None:
        try:
            put()
        except Exception as error:
            self._policy_stays(error)
            return
        self._refused = ""
        self._stale.clear()
        policy = self._engine.policy
        say(
            f"reloaded: {len(policy.rules)} rules from {self._rules}",
            Event.RELOADED,
            policy=self._rules,
            rules=len(policy.rules),
            generation=policy.generation,
        )
        self._notifier.ready(self._status())

    def _policy_stays(self, error: Exception) -> None:
        self._refused = f"not reloaded, the policy before stays in force:\n{_reason(error)}"
        say(self._refused, Event.NOT_RELOADED, level="error", policy=self._rules)
        self._notifier.ready(self._status())

    def sets(self, files: frozenset[str]) -> Finish:
        """Read the sets again that have these files; all else stays as it is in force."""
        before = self._engine.policy
        same: list[NamedSet] = []
        changed: list[NamedSet] = []
        refused: list[_Refused] = []
        for named in before.sets:
            if named.file in files:
                try:
                    again = read_again(named)
                except PolicyError as error:
                    refused.append(_Refused((named,), error))
                else:
                    (same if again.members == named.members else changed).append(again)
        put = None
        if changed:
            try:
                put = self._workers.prepare(with_sets(before, changed))
            except Exception as error:
                refused.append(_Refused(tuple(changed), error))
        return partial(self._put_sets, put, changed, same, refused)

    def _put_sets(
        self,
        put: Callable[[], None] | None,
        changed: list[NamedSet],
        same: list[NamedSet],
        refused: list[_Refused],
    ) -> None:
        if put is not None:
            try:
                put()
                self._say_read(changed)
            except Exception as error:
                refused.append(_Refused(tuple(changed), error))
        self._say_read([named for named in same if named.name in self._stale])
        for one in refused:
            self._say_refused(one)
        self._notifier.status(self._status())

    def _status(self) -> str:
        """Return what the service manager shows: also what is not as files say, as long as so."""
        judging = f"judging: {len(self._engine.policy.rules)} rules from {self._rules}"
        return "\n".join((self._refused or judging, *self._stale.values()))

    def _say_read(self, sets: list[NamedSet]) -> None:
        for named in sets:
            self._stale.pop(named.name, None)
            say(
                f"set {named.name!r} was read again from {named.file}",
                Event.SET_READ,
                set=named.name,
                file=named.file,
                generation=self._engine.policy.generation,
            )

    def _say_refused(self, refused: _Refused) -> None:
        for named in refused.sets:
            message = f"set {named.name!r} stays as it was:\n{_reason(refused.why)}"
            self._stale[named.name] = message
            fields = {"set": named.name, "file": named.file}
            say(message, Event.SET_NOT_READ, level="error", **fields)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
