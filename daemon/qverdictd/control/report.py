# SPDX-License-Identifier: GPL-2.0
"""What `run` and `replay` say at their end: each packet accounted for."""

from collections.abc import Iterator
from dataclasses import fields

from qverdictd.action.decision import Reason
from qverdictd.control.counters import DONE, Counters
from qverdictd.control.record import time_text
from qverdictd.transport.base import Losses

_ERRORS = [reason for reason in Reason if reason not in (Reason.RULE, Reason.DEFAULT)]

#: How a reader is told of each way to lose a packet.
_LOSS_NAMES = {
    "queue_full": "queue full",
    "accepted_past": "accepted past us",
    "socket_full": "socket full",
    "id_gaps": "ids that never came",
    "flushed": "flushed by the kernel",
    "refused": "verdicts refused",
    "forged": "forged messages ignored",
    "broken": "broken messages",
}


def summary(counters: Counters, losses: Losses | None) -> Iterator[str]:
    """Yield lines: the sum, the reasons, the rules that decided, and what was lost."""
    parts = [f"{word} {counters.answered[verdict]}" for verdict, word in DONE.items()]
    yield f"received {counters.received} = {' + '.join(parts)} + pending {counters.pending}"
    errors = [
        f"{reason.value} {counters.reasons[reason]}"
        for reason in _ERRORS
        if counters.reasons[reason]
    ]
    yield f"could not be judged: {', '.join(errors) or 'none'}; rewritten: {counters.replaced}"
    for name, count in sorted(counters.rules.items(), key=lambda item: -item[1].packets):
        last = f", the last at {time_text(count.last)}" if count.last else ""
        yield f"rule {name}: {count.packets} packets, {count.octets} bytes{last}"
    if counters.reasons[Reason.DEFAULT]:
        yield f"default: {counters.reasons[Reason.DEFAULT]} packets"
    if losses is not None:
        lost = [
            f"{_LOSS_NAMES[item.name]} {getattr(losses, item.name)}"
            for item in fields(losses)
            if getattr(losses, item.name)
        ]
        yield f"lost or late: {', '.join(lost) or 'nothing'}"
    if counters.not_shown:
        yield f"decisions not shown, their reader was too slow: {counters.not_shown}"


def together(losses: list[Losses]) -> Losses:
    """Add up what several queues lost."""
    return Losses(*(sum(getattr(one, item.name) for one in losses) for item in fields(Losses)))
