# SPDX-License-Identifier: GPL-2.0
"""Queues served in Python: the way for any transport and any engine, on one thread."""

import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from functools import partial

from qverdictd.control.counters import Counters
from qverdictd.control.notify import Served
from qverdictd.control.report import together
from qverdictd.engine.base import Engine
from qverdictd.errors import QverdictdError
from qverdictd.policy.model import Policy
from qverdictd.transport.base import Losses, Transport
from qverdictd.worker.cpus import pin
from qverdictd.worker.loop import Loop, Show, told

#: Batches of one queue before the thread looks at the others.
_TURN = 16


class PythonWorkers:
    """One thread for all queues: a second one would only wait for the interpreter's lock."""

    def __init__(
        self,
        engine: Engine,
        transports: Sequence[Transport],
        show: Show,
        cpus: Sequence[int] = (),
    ) -> None:
        """Serve ``transports`` on one of ``cpus``; empty: on any."""
        self._engine = engine
        self._transports = transports
        self._loop = Loop(engine, show)
        self._cpus = cpus
        self._ending, self._end = socket.socketpair()
        self._thread: threading.Thread | None = None
        self._errors: list[QverdictdError] = []

    @property
    def description(self) -> str:
        """What judges, and how, for the log."""
        if self._engine.name == "reference":
            return "engine reference"
        return f"engine {self._engine.name} in Python's loop"

    @property
    def ended(self) -> bool:
        """Whether the thread cannot go on; `stop` tells why."""
        return bool(self._errors)

    def start(self, ended: Callable[[], object]) -> None:
        """Begin to serve."""
        self._thread = threading.Thread(target=self._run, args=(ended,), name="worker")
        self._thread.start()

    def _run(self, ended: Callable[[], object]) -> None:
        try:
            pin(self._cpus)
            self._serve()
        except Exception as error:
            self._errors.append(told(error))
            ended()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            for transport in self._transports:
                selector.register(transport, selectors.EVENT_READ, transport)
            selector.register(self._ending, selectors.EVENT_READ)
            for transport in self._transports:
                self._serve_first(transport)
            while True:
                for key, _ in selector.select():
                    if key.data is None:
                        return
                    self._serve_while_busy(key.data)

    def _serve_first(self, transport: Transport) -> None:
        """Serve what was taken over with a queue: no descriptor says that it waits."""
        while transport.taken_over is not None and self._loop.serve(transport):
            pass

    def _serve_while_busy(self, transport: Transport) -> None:
        """Serve a queue until it is empty, but let the others have their turn."""
        for _ in range(_TURN):
            if not self._loop.serve(transport):
                return

    def served(self) -> list[Served]:
        """Return what the watchdog looks at: how each queue is served."""
        batches = self._loop.batches
        return [Served(one.fileno(), partial(batches.__getitem__, one)) for one in self._transports]

    def prepare(self, policy: Policy) -> Callable[[], None]:
        """Make another policy ready; return what puts it in force."""
        return self._engine.prepare(policy)

    def stop(self, *, leave: bool = False) -> list[QverdictdError]:
        """Take no more packets, answer every held one; return what went wrong since the start.

        ``leave``: what waits is left to the next process where somebody keeps it.
        """
        if self._thread is not None:
            self._end.send(b"\0")
            self._thread.join()
        self._ending.close()
        self._end.close()
        return self._errors + self._loop.finish(self._transports, leave=leave)

    def counters(self) -> Counters:
        """Return what was done until now."""
        return self._loop.counters

    def losses(self) -> Losses:
        """Return what was lost until now, over all queues."""
        return together([transport.losses() for transport in self._transports])
