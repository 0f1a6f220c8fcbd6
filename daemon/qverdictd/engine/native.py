# SPDX-License-Identifier: GPL-2.0
"""The compiled engine for transports in Python: packets as objects in, decisions out."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from qverdictd import _fast
from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.engine.base import Report, judged_apart
from qverdictd.engine.compiled import compiled
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy

_VERDICTS = tuple(map(Verdict, _fast.VERDICTS))
_REASONS = tuple(map(Reason, _fast.REASONS))


class _Compiled:
    """A compiled policy, and what of its rules decisions tell."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.engine = compiled(policy)
        self._names = tuple(rule.name for rule in policy.rules)
        self._logs = tuple(rule.log for rule in policy.rules)

    def judge(self, packets: Sequence[RawPacket], now: int) -> list[Decision]:
        """Return one decision for each packet. Raises for a packet that is none."""
        return [
            Decision(
                _VERDICTS[verdict],
                _REASONS[reason],
                None if rule is None else self._names[rule],
                queue if _VERDICTS[verdict] is Verdict.QUEUE else None,
                mark,
                replacement,
                self._logged(logs) if logs else (),
            )
            for verdict, reason, rule, queue, mark, replacement, logs in self.engine.judge(
                packets, now
            )
        ]

    def _logged(self, rules: tuple[int, ...]) -> tuple[Log, ...]:
        return tuple(log for rule in rules if (log := self._logs[rule]) is not None)


class NativeEngine:
    """Judges in C. ``clock`` tells the time in nanoseconds since the epoch, for rules' counters.

    Raises as `compiled` does.
    """

    name = "native"

    def __init__(
        self, policy: Policy, report: Report, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self._in_force = _Compiled(policy)
        self._report = report
        self._clock = clock

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._in_force.policy

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Compile another policy; return what puts it in force. Raises as `compiled` does."""
        return partial(setattr, self, "_in_force", _Compiled(policy))

    def judge(self, packets: Sequence[RawPacket]) -> list[Decision]:
        """Return one decision for each packet, in order."""
        in_force, now = self._in_force, self._clock()
        try:
            return in_force.judge(packets, now)
        except Exception:
            return judged_apart(
                lambda raw: in_force.judge((raw,), now)[0], in_force.policy, packets, self._report
            )
