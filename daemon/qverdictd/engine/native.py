# SPDX-License-Identifier: GPL-2.0
"""The compiled engine for packets as objects: those that no native worker carries."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from qverdictd import _fast
from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.engine.base import Report, judged_apart
from qverdictd.engine.compiled import MEMORY, compiled
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy

_VERDICTS = tuple(map(Verdict, _fast.VERDICTS))
_REASONS = tuple(map(Reason, _fast.REASONS))


_Raw = tuple[int, int, int | None, int | None, int, bytes | None, tuple[int, ...]]


class Compiled:
    """A compiled policy, and what of its rules decisions tell."""

    def __init__(self, policy: Policy, lanes: int = 1, memory: int = MEMORY) -> None:
        """Compile for ``lanes`` threads, in ``memory`` bytes. Raises as `compiled` does."""
        self.policy = policy
        self.engine = compiled(policy, lanes=lanes, memory=memory)
        self._names = tuple(rule.name for rule in policy.rules)
        self._logs = tuple(rule.log for rule in policy.rules)
        self._generation = policy.generation

    def judge(self, packets: Sequence[RawPacket], now: int) -> list[Decision]:
        """Return one decision for each packet. Raises for a packet that is none."""
        return [self.decision(raw) for raw in self.engine.judge(packets, now)]

    def decision(self, raw: _Raw) -> Decision:
        """Return the decision of which the engine has told numbers."""
        verdict, reason, rule, queue, mark, replacement, logs = raw
        return Decision(
            _VERDICTS[verdict],
            _REASONS[reason],
            None if rule is None else self._names[rule],
            queue if _VERDICTS[verdict] is Verdict.QUEUE else None,
            mark,
            replacement,
            self._logged(logs) if logs else (),
            self._generation,
        )

    def _logged(self, rules: tuple[int, ...]) -> tuple[Log, ...]:
        return tuple(log for rule in rules if (log := self._logs[rule]) is not None)


class NativeEngine:
    """Judges in C, on one thread, or on more where native workers do.

    ``clock`` tells the time in nanoseconds since the epoch, for rules' counters. Raises as
    `compiled` does.
    """

    name = "native"

    def __init__(
        self,
        policy: Policy,
        report: Report,
        clock: Callable[[], int] = time.time_ns,
        *,
        lanes: int = 1,
        memory: int = MEMORY,
    ) -> None:
        self._lanes = lanes
        self._memory = memory
        self._in_force = Compiled(policy, lanes, memory)
        self._report = report
        self._clock = clock

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._in_force.policy

    @property
    def in_force(self) -> Compiled:
        """The policy in force, compiled."""
        return self._in_force

    def compile(self, policy: Policy) -> Compiled:
        """Compile the policy that is to follow the one in force. Raises as `compiled` does."""
        return Compiled(policy.following(self.policy), self._lanes, self._memory)

    def adopt(self, compiled: Compiled) -> None:
        """Put a compiled policy in force."""
        self._in_force = compiled

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Compile another policy; return what puts it in force. Raises as `compiled` does."""
        return partial(self.adopt, self.compile(policy))

    def judge(self, packets: Sequence[RawPacket]) -> list[Decision]:
        """Return one decision for each packet, in order."""
        in_force, now = self._in_force, self._clock()
        try:
            return in_force.judge(packets, now)
        except Exception:
            return judged_apart(
                lambda raw: in_force.judge((raw,), now)[0], in_force.policy, packets, self._report
            )
