# SPDX-License-Identifier: GPL-2.0
"""Empties the workers' rings of decisions, on a thread of its own, into whatever shows them."""

import selectors
import socket
import threading
from collections.abc import Callable, Sequence

from qverdictd._fast import Worker
from qverdictd.action.decision import Decision
from qverdictd.engine.native import Compiled
from qverdictd.packet.raw import RawPacket
from qverdictd.worker.told import untold

#: Decisions taken out of one ring before the thread looks at the next.
_MOST = 256

Tell = Callable[[Sequence[RawPacket], Sequence[Decision]], None]


class Drainer:
    """Drains workers' rings; a ring that is full meanwhile counts what it has no room for.

    ``tell`` may take its time. Decisions of a worker are told in their order.
    """

    def __init__(self, workers: Sequence[Worker], first: Compiled, tell: Tell) -> None:
        self._workers = workers
        self._tell = tell
        self._policies = {1: first}
        self._settled = 1
        self._seen = [1] * len(workers)
        self._ending = False
        self._woken, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="drainer")
        self._thread.start()

    def expect(self, generation: int, policy: Compiled) -> None:
        """Know what policy ``generation`` is: to be called before its first decision."""
        self._policies[generation] = policy

    def settle(self, generation: int) -> None:
        """Know that policies before ``generation`` decide nothing any more."""
        self._settled = generation
        # Or they would be kept until a decision is told, which need never be.
        self._waker.send(b"\0")

    def close(self) -> None:
        """Tell what is left in the rings, whose workers have ended, then end."""
        self._ending = True
        self._waker.send(b"\0")
        self._thread.join()
        self._woken.close()
        self._waker.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ, self)
            while not self._ending:
                self._drain()
                asleep = [worker for worker in self._workers if worker.sleep()]
                if len(asleep) == len(self._workers):
                    ready = selector.select()
                    if any(key.data is self for key, _ in ready):
                        self._woken.recv(4096)
                for worker in asleep:
                    worker.wake()
            self._drain()

    def _drain(self) -> None:
        """Empty all rings."""
        while sum(map(self._drain_one, range(len(self._workers)))):
            pass

    def _drain_one(self, number: int) -> bool:
        settled = self._settled
        told = self._workers[number].drain(_MOST)
        if told:
            pairs = [untold(one, self._policies) for one in told]
            self._tell([raw for raw, _ in pairs], [decision for _, decision in pairs])
        # A worker's generations only grow, and an empty ring has none that was settled before.
        self._seen[number] = told[-1][0] if told else settled
        oldest = min(self._seen)
        for generation in list(self._policies):
            if generation < oldest:
                del self._policies[generation]
        return bool(told)
