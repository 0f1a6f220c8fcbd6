# SPDX-License-Identifier: GPL-2.0
"""Generated policies on generated packets: one decision each, whose packet is a right one."""

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.packet.decode import decode
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy
from qverdictd.policy.reference import evaluate

from ..generators.packets import Made, known_to_kernel, packets, raw_packets, wholes
from ..generators.policies import policies
from .validator import assert_network_right, assert_scapy_rebuilds, assert_transport_right

_ERRORS = (Reason.MALFORMED, Reason.TRUNCATED, Reason.ACTION_FAILED, Reason.UNSUPPORTED)


def _judged(policy: Policy, raw: RawPacket) -> Decision:
    """Check what holds of every decision, and return it."""
    decision = evaluate(policy, raw)
    assert decision.verdict is not Verdict.CONTINUE
    assert (decision.queue is not None) == (decision.verdict is Verdict.QUEUE)
    assert 0 <= decision.mark <= 0xFFFFFFFF
    names = {rule.name for rule in policy.rules}
    assert {log.rule for log in decision.logs} <= names
    if decision.reason is Reason.RULE:
        rule = next(rule for rule in policy.rules if rule.name == decision.rule)
        assert (decision.verdict, decision.queue) == (rule.verdict, rule.queue)
    else:
        assert decision.rule is None
    if decision.reason is Reason.DEFAULT:
        assert decision.verdict is policy.default
    if decision.reason in _ERRORS:
        assert decision.verdict is policy.on_error
        assert decision.replacement is None
        assert decision.mark == raw.mark
    event(decision.reason.value)
    return decision


@given(policies, wholes(), known_to_kernel)
def test_what_leaves_is_right(policy: Policy, made: Made, known: dict[str, object]) -> None:
    raw = made.raw(**known)
    decision = _judged(policy, raw)
    assert decision == evaluate(policy, raw)
    assert decision.reason in (Reason.RULE, Reason.DEFAULT, Reason.ACTION_FAILED)
    changed = decision.replacement
    if changed is None:
        return
    event("replaced")
    assert changed != raw.data
    assert_network_right(made, changed)
    if made.transport_at is not None:
        segment = changed[made.transport_at :]
        unchecked = made.proto == 17 and segment[6:8] == b"\0\0"
        assert_transport_right(made, changed, segment, unchecked=unchecked)
        assert_scapy_rebuilds(made, changed)


@given(policies, st.lists(raw_packets, min_size=1, max_size=4))
def test_every_packet_gets_one_decision(policy: Policy, raws: list[RawPacket]) -> None:
    for raw in raws:
        _judged(policy, raw)
        assert _judged(policy, replace(raw, family=0)).reason is Reason.UNSUPPORTED


@given(
    policies,
    packets,
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4),
    st.integers(0, 120),
    st.sampled_from((0, 1, 70_000)),
    st.tuples(st.booleans(), st.booleans()),
)
def test_hostile_packets_get_one_too(
    policy: Policy,
    made: Made,
    changes: list[tuple[int, int]],
    keep: int,
    more: int,
    known: tuple[bool, bool],
) -> None:
    """Bytes changed, cut or far longer, with anything that the kernel may say of checksums."""
    data = bytearray(made.data)
    for at, value in changes:
        data[at % len(data)] = value
    partial, gso = known
    for got, length in (
        (bytes(data), len(data)),
        (bytes(data[:keep]), len(data)),
        (bytes(data), len(data) + more),
        (bytes(data) + bytes(more), len(data) + more),
    ):
        raw = RawPacket(1, got, length, made.family, checksum_partial=partial, gso=gso)
        changed = _judged(policy, raw).replacement
        if changed is not None:
            after = decode(replace(raw, data=changed, length=len(changed)))
            assert after.end == len(changed)
