# SPDX-License-Identifier: GPL-2.0
"""The reference evaluator: what a policy means, in the fewest words.

Every packet ends in exactly one decision. The compiled engine must decide the same.
"""

from collections.abc import Callable
from dataclasses import replace

from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.action.draft import ActionFailedError
from qverdictd.action.rewrite import rewritten
from qverdictd.packet.decode import MalformedError, UnsupportedError, decode
from qverdictd.packet.raw import RawPacket
from qverdictd.packet.view import Packet
from qverdictd.policy.model import Policy, Rule
from qverdictd.policy.outcome import BOTH, FALSE, TRUE

#: Told of each rule that was tried and the outcome of its condition (see `policy.outcome`).
Trace = Callable[[Rule, int], None]


def evaluate(policy: Policy, raw: RawPacket, trace: Trace | None = None) -> Decision:
    """Decide one packet."""
    try:
        packet = decode(raw)
    except MalformedError:
        return policy.error(raw, Reason.MALFORMED)
    except UnsupportedError:
        return policy.error(raw, Reason.UNSUPPORTED)
    logs: tuple[Log, ...] = ()
    replacement: bytes | None = None
    for rule in policy.rules:
        outcome = TRUE
        for part in rule.condition.parts:  # as `All.outcome`, but where time is spent
            one = part.outcome(packet)
            if one == FALSE:
                outcome = FALSE
                break
            if one != TRUE:
                outcome = BOTH[outcome][one]
        if trace is not None:
            trace(rule, outcome)
        if not outcome & TRUE:
            continue
        if outcome != TRUE:
            return policy.error(raw, Reason.TRUNCATED, logs)
        if rule.log is not None:
            logs = (*logs, rule.log)
        if rule.rewrites or rule.mark is not None:
            if rule.rewrites and packet.cut:
                return policy.error(raw, Reason.TRUNCATED, logs)
            try:
                packet, changed = _acted(rule, packet)
            except ActionFailedError:
                return policy.error(raw, Reason.ACTION_FAILED, logs)
            if changed is not None:
                replacement = changed
        if rule.verdict is not Verdict.CONTINUE:
            return Decision(
                rule.verdict,
                Reason.RULE,
                rule.name,
                rule.queue,
                packet.raw.mark,
                replacement,
                logs,
                policy.generation,
            )
    return Decision(
        policy.default,
        Reason.DEFAULT,
        mark=packet.raw.mark,
        replacement=replacement,
        logs=logs,
        generation=policy.generation,
    )


def _acted(rule: Rule, packet: Packet) -> tuple[Packet, bytes | None]:
    """Apply a rule's actions: the changed packet, and its bytes if those changed."""
    raw = packet.raw
    changed = rewritten(packet, rule.rewrites) if rule.rewrites else None
    if changed is not None:
        # Whatever checksum the kernel had left to be completed is complete now.
        raw = replace(raw, data=changed, length=len(changed), checksum_partial=False)
    if rule.mark is not None:
        raw = replace(raw, mark=rule.mark.applied(raw.mark))
    return decode(raw), changed
