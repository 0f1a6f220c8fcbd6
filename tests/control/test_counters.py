# SPDX-License-Identifier: GPL-2.0
"""Each packet is counted once, and what was counted is said."""

from hypothesis import given
from hypothesis import strategies as st

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.control.counters import Counters
from qverdictd.control.report import summary, together
from qverdictd.packet.build import build
from qverdictd.transport.base import Losses

PACKET = build({"proto": 17}, b"12")
DECISIONS = st.builds(
    Decision,
    st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.CONTINUE]),
    st.sampled_from(Reason),
    st.sampled_from([None, "a", "b"]),
    replacement=st.sampled_from([None, b""]),
)


@given(st.lists(st.lists(DECISIONS, max_size=5), max_size=5), st.integers(0, 3))
def test_received_is_the_sum(batches: list[list[Decision]], waiting: int) -> None:
    counters = Counters()
    for batch in batches:
        counters.received += len(batch)
        counters.count([PACKET] * len(batch), batch)
    counters.received += waiting
    judged = [decision for batch in batches for decision in batch]
    assert counters.pending == waiting
    assert counters.received == counters.answered.total() + waiting
    assert counters.reasons.total() == len(judged)
    assert counters.replaced == sum(one.replacement is not None for one in judged)
    assert sum(rule.packets for rule in counters.rules.values()) == sum(
        one.rule is not None for one in judged
    )
    assert all(rule.octets == 30 * rule.packets for rule in counters.rules.values())
    first = next(summary(counters, None))
    left, right = first.removeprefix("received ").split(" = ")
    assert int(left) == sum(int(part.split()[-1]) for part in right.split(" + "))


def test_what_is_said_at_the_end() -> None:
    counters = Counters(received=4, not_shown=2)
    counters.count(
        [PACKET] * 4,
        [
            Decision(Verdict.DROP, Reason.RULE, "a"),
            Decision(Verdict.ACCEPT, Reason.RULE, "a", replacement=b"x"),
            Decision(Verdict.DROP, Reason.MALFORMED),
            Decision(Verdict.ACCEPT, Reason.DEFAULT),
        ],
        1700000000.25,
    )
    losses = together([Losses(queue_full=1), Losses(queue_full=2, flushed=1)])
    assert list(summary(counters, losses)) == [
        "received 4 = accepted 2 + dropped 2 + repeated 0 + requeued 0 + pending 0",
        "could not be judged: malformed 1; rewritten: 1",
        "rule a: 2 packets, 60 bytes, the last at 2023-11-14T22:13:20.250000Z",
        "default: 1 packets",
        "lost or late: queue full 3, flushed by the kernel 1",
        "decisions not shown, their reader was too slow: 2",
    ]
