# SPDX-License-Identifier: GPL-2.0
"""One batch after the other, in Python."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from qverdictd.action.decision import Decision, Reason
from qverdictd.control.counters import Counters
from qverdictd.control.quarantine import tell_quarantined
from qverdictd.engine.base import Engine
from qverdictd.errors import QverdictdError, TransportError
from qverdictd.packet.raw import RawPacket
from qverdictd.transport.base import Transport

#: Takes what was decided; returns how many decisions nobody will see.
Show = Callable[[Sequence[RawPacket], Sequence[Decision]], int]


class Loop:
    """Judges with ``engine``, tells ``show``, and counts."""

    def __init__(self, engine: Engine, show: Show) -> None:
        self._engine = engine
        self._show = show
        self.counters = Counters()
        self.batches: Counter[Transport] = Counter()
        """Batches answered, of each transport."""

    def serve(self, transport: Transport) -> bool:
        """Carry one batch through; return whether there was one. Raises `TransportError`."""
        packets = transport.receive()
        if not packets:
            return False
        self.counters.received += len(packets)
        judged = list(zip(packets, self._decisions(transport, packets), strict=True))
        decisions = [decision for _, decision in judged]
        transport.answer(judged)
        self.counters.count(packets, decisions, time.time())
        self.batches[transport] += 1
        self.counters.not_shown += self._show(packets, decisions)
        if transport.condemned:
            for raw, decision in judged:
                tell_quarantined(raw, decision)
        return True

    def _decisions(self, transport: Transport, packets: Sequence[RawPacket]) -> Sequence[Decision]:
        """Return what becomes of packets; those that are condemned nobody looks at."""
        if not transport.condemned:
            return self._engine.judge(packets)
        policy = self._engine.policy
        return [policy.error(raw, Reason.QUARANTINED) for raw in packets]

    def finish(self, transports: Iterable[Transport], *, leave: bool) -> list[QverdictdError]:
        """Take no more packets, answer every held one; return why that could not be done.

        ``leave``: what waits is left to the next process where somebody keeps it.
        """
        errors: list[QverdictdError] = []
        for transport in transports:
            try:
                if leave:
                    transport.leave()
                else:
                    transport.stop()
                while self.serve(transport):
                    pass
            except TransportError as error:
                text = f"not all packets of {transport.name} were answered: {error}"
                errors.append(TransportError(text))
        return errors


def told(error: Exception) -> QverdictdError:
    """Return what is to be told of an error that ended a worker; a defect with its traceback."""
    if isinstance(error, QverdictdError):
        return error
    text = "".join(traceback.format_exception(error))
    return QverdictdError(f"a defect ended a worker: please report it.\n{text}")
