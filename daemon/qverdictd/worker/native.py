# SPDX-License-Identifier: GPL-2.0
"""Queues served by the compiled engine's own workers: a thread each, without Python on the way."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from qverdictd._fast import Slot, Worker
from qverdictd.action.decision import Decision, Reason
from qverdictd.control.counters import DONE, Counters, RuleCount
from qverdictd.control.notify import Served
from qverdictd.control.report import together
from qverdictd.control.viewer import Viewer
from qverdictd.engine.native import Compiled, NativeEngine
from qverdictd.errors import QverdictdError, TransportError
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.model import Policy
from qverdictd.transport.base import LinkedTransport, Losses, Place
from qverdictd.worker.cpus import pin
from qverdictd.worker.drainer import Drainer
from qverdictd.worker.loop import Loop, told
from qverdictd.worker.need import WHOLE, needed

_RING = 16 << 20
"""Bytes of decisions that wait to be shown before further ones are counted instead."""
_LOSSES = ("id_gaps", "flushed", "refused", "broken")
"""What workers count; the kernel knows the rest."""
_PATIENCE = 10.0
"""Seconds that all workers together may take to come to what the kernel sends from now on."""
_AGAIN = 0.2
"""Seconds until the kernel is asked again; its answer may have found a socket full."""
_GLANCE = 0.001
_STOPPING = 0.05
"""Seconds between two tries to wake a worker; one is enough unless memory is very short."""


class NativeWorkers:
    """A worker for each queue. What came before they began, and what is left, Python serves."""

    def __init__(
        self,
        engine: NativeEngine,
        transports: Sequence[LinkedTransport],
        viewer: Viewer | None,
        cpus: Sequence[Sequence[int]],
    ) -> None:
        """Serve ``transports``, each on its processors of ``cpus`` (empty: on any)."""
        self._engine = engine
        self._transports = transports
        self._viewer = viewer
        self._cpus = cpus
        self._late: list[tuple[Sequence[RawPacket], Sequence[Decision]]] = []
        self._loop = Loop(engine, self._show_late)
        self._workers: list[Worker] = []
        self._threads: list[threading.Thread] = []
        self._slot = Slot(engine.in_force.engine, len(transports))
        self._drainer: Drainer | None = None
        self._copied = self._needed(engine.policy)
        self._past: dict[str, RuleCount] = {}
        self._errors: list[QverdictdError] = []

    @property
    def description(self) -> str:
        """What judges, and how, for the log."""
        return f"engine {self._engine.name}"

    @property
    def ended(self) -> bool:
        """Whether a worker cannot go on; `stop` tells why."""
        return bool(self._errors)

    def start(self, ended: Callable[[], object]) -> None:
        """Begin to serve. Raises `TransportError`; `QverdictdError` without the memory."""
        try:
            for lane, transport in enumerate(self._transports):
                transport.narrow(self._copied)
                self._workers.append(self._worker(lane, transport, self._begin(transport)))
            self._show_rest()
            if self._viewer is not None:
                self._drainer = Drainer(self._workers, self._engine.in_force, self._viewer.feed)
        except (MemoryError, OSError) as error:
            self._workers.clear()
            raise QverdictdError(f"no memory for the workers: {error}") from error
        for lane, worker in enumerate(self._workers):
            thread = threading.Thread(
                target=self._run, args=(lane, worker, ended), name=f"worker-{lane}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _begin(self, transport: LinkedTransport) -> Place:
        """Serve what came in while the queue was configured; return where the worker begins."""
        while (place := transport.place()) is None:
            self._loop.serve(transport)
        return place

    def _worker(self, lane: int, transport: LinkedTransport, place: Place) -> Worker:
        link = transport.link()
        viewer = self._viewer
        return Worker(
            link.kind,
            link.descriptor,
            slot=self._slot,
            lane=lane,
            queue=link.queue,
            family=link.family,
            most_verdicts=link.most_verdicts,
            send_limit=link.send_limit,
            last_id=place.last_id,
            seq=place.seq,
            missing_seq=place.missing_seq,
            ring_size=_RING,
            tell_all=viewer is not None and viewer.shows_all,
            ledger=link.ledger,
        )

    def _run(self, lane: int, worker: Worker, ended: Callable[[], object]) -> None:
        try:
            pin(self._cpus[lane])
            failed = worker.run()
            if failed is None:
                return
            self._errors.append(self._transports[lane].lost(*failed))
        except Exception as error:
            self._errors.append(told(error))
        ended()

    def served(self) -> list[Served]:
        """Return what the watchdog looks at: how each queue is served."""
        return [
            Served(transport.fileno(), partial(_answered, worker))
            for transport, worker in zip(self._transports, self._workers, strict=True)
        ]

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Make another policy ready; return what puts it in force."""
        return partial(self._swap, self._engine.compile(policy))

    def _needed(self, policy: Policy) -> int:
        """Return the bytes of each packet that the policy, or whoever looks on, needs."""
        return WHOLE if self._viewer is not None and self._viewer.dissects else needed(policy)

    def _copy(self, size: int, *, wait: bool) -> None:
        """Have so many bytes of each packet copied; ``wait`` until none with less is left.

        Raises `TransportError`.
        """
        deadline = time.monotonic() + _PATIENCE
        for worker, transport in zip(self._workers, self._transports, strict=True):
            number = transport.ask_for(size)
            asked = time.monotonic()
            while wait and number and worker.acknowledged() != number:
                now = time.monotonic()
                if now > deadline or self.ended:
                    raise TransportError("the kernel does not say that it copies more of packets")
                if now > asked + _AGAIN:  # its answer found the socket full
                    number, asked = transport.ask_for(size), now
                time.sleep(_GLANCE)
        self._copied = size

    def _swap(self, compiled: Compiled) -> None:
        before = self._engine.in_force
        size = self._needed(compiled.policy)
        if size > self._copied:
            self._copy(size, wait=True)
        generation = self._slot.generation + 1
        if self._drainer is not None:
            self._drainer.expect(generation, compiled)
        self._slot.swap(compiled.engine)
        self._engine.adopt(compiled)
        if self._drainer is not None:
            self._drainer.settle(generation)
        _add_rules(self._past, before)
        if size < self._copied:
            self._copy(size, wait=False)

    def stop(self, *, leave: bool = False) -> list[QverdictdError]:
        """Take no more packets, answer every held one; return what went wrong since the start.

        ``leave``: what waits is left to the next process where somebody keeps it.
        """
        for worker, thread in zip(self._workers, self._threads, strict=False):
            while thread.is_alive():
                with suppress(OSError):
                    worker.stop()
                thread.join(_STOPPING)
        for worker, transport in zip(self._workers, self._transports, strict=False):
            transport.resume(Place(*worker.state()))
        errors = self._errors + self._loop.finish(self._transports, leave=leave)
        # Only now: whoever shows decisions may take any time, and packets must not wait for it.
        if self._drainer is not None:
            self._drainer.close()
        self._show_rest()
        return errors

    def _show_late(self, packets: Sequence[RawPacket], decisions: Sequence[Decision]) -> int:
        if self._viewer is not None:
            self._late.append((packets, decisions))
        return 0

    def _show_rest(self) -> None:
        """Show what Python has decided, whose turn it is now."""
        for packets, decisions in self._late:
            if self._viewer is not None:
                self._viewer.feed(packets, decisions)
        self._late.clear()

    def counters(self) -> Counters:
        """Return what was done until now."""
        total = Counters(rules=self._rules())
        # The engine has counted the rules of those that Python carried, too.
        total.add(replace(self._loop.counters, rules={}))
        for worker in self._workers:
            count = worker.counters()
            total.answered.update({verdict: count[verdict.value] for verdict in DONE})
            total.reasons.update({reason: count[reason.value] for reason in Reason})
            total.replaced += count["replaced"]
            total.not_shown += count["not_shown"]
            total.received += count["received"]
        return total

    def _rules(self) -> dict[str, RuleCount]:
        """Return what each rule of all policies until now decided, by its name."""
        rules = {name: replace(count) for name, count in self._past.items()}
        _add_rules(rules, self._engine.in_force)
        return rules

    def losses(self) -> Losses:
        """Return what was lost until now, over all queues."""
        told = [worker.counters() for worker in self._workers]
        ours = [Losses(**{name: count[name] for name in _LOSSES}) for count in told]
        return together([*ours, *(transport.losses() for transport in self._transports)])


def _answered(worker: Worker) -> int:
    """Return how many packets a worker has answered."""
    count = worker.counters()
    return sum(count[verdict.value] for verdict in DONE)


def _add_rules(rules: dict[str, RuleCount], policy: Compiled) -> None:
    """Add what a policy's rules decided."""
    for rule, (packets, octets, last) in zip(
        policy.policy.rules, policy.engine.counts(), strict=True
    ):
        if packets:
            count = rules.setdefault(rule.name, RuleCount())
            count.packets += packets
            count.octets += octets
            count.last = max(count.last, last / 1e9)
