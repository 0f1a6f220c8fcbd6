# SPDX-License-Identifier: GPL-2.0
"""The daemon: transports, an engine, workers and what people see, wired together."""

import contextlib
import gc
import selectors
import signal
import socket
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from qverdictd.action.decision import Verdict
from qverdictd.control.config import Config, queue_numbers
from qverdictd.control.journal import Event, say
from qverdictd.control.notify import Notifier
from qverdictd.control.report import summary
from qverdictd.control.viewer import Viewer
from qverdictd.engine.base import Engine
from qverdictd.engine.compiled import MEMORY
from qverdictd.engine.native import NativeEngine
from qverdictd.engine.reference import ReferenceEngine
from qverdictd.errors import Exit, PolicyError, Problem, QverdictdError, TransportError
from qverdictd.loader import Loader
from qverdictd.policy.condition import Test, leaves
from qverdictd.policy.members import Interfaces
from qverdictd.policy.model import Policy
from qverdictd.reloader import Reloader
from qverdictd.transport.base import Transport
from qverdictd.transport.handed import Store
from qverdictd.transport.interfaces import is_missing
from qverdictd.transport.ipqueue_open import open_queues
from qverdictd.transport.netfilterqueue import NetfilterQueueTransport
from qverdictd.transport.nfqueue import NfqueueTransport
from qverdictd.worker.choose import choose
from qverdictd.worker.cpus import Cpus


def make_engine(name: str, policy: Policy, *, lanes: int = 1, memory: int = MEMORY) -> Engine:
    """Return the engine that the configuration asks for; ``auto`` is the compiled one.

    ``lanes``: workers of its own that it may have. ``memory``: bytes that it may build for a
    policy. Raises `PolicyError` for one that it cannot run.
    """
    if name == "reference":
        return ReferenceEngine(policy, _Defects())
    return NativeEngine(policy, _Defects(), lanes=lanes, memory=memory)


class _Defects:
    """Reports a defect of ours with its traceback, once for each place."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, error: Exception) -> None:
        text = "".join(traceback.format_exception(error))
        place = text.rsplit("File ", 1)[-1]
        if place not in self._seen:
            self._seen.add(place)
            message = f"a defect: please report it. The packet gets on_error.\n{text}"
            say(message, Event.DEFECT, level="error")


def open_transports(config: Config, store: Store | None = None) -> list[Transport]:
    """Take the configured queues, as ``store`` has them; if one cannot be had, none is kept."""
    numbers = queue_numbers(config.queues)
    fail_open = config.overflow == "accept"
    if config.transport in ("auto", "ipqueue"):
        try:
            opened = open_queues(
                numbers,
                queue_length=config.queue_length,
                copy_range=config.copy_range,
                fail_open=fail_open,
                linger_ms=config.linger * 1000,
                store=store,
            )
        except TransportError as error:
            if config.transport == "ipqueue":
                raise
            say(f"transport auto: nfqueue, not ipqueue: {error}")
        else:
            if config.transport == "auto":
                say("transport auto: ipqueue, as its module is loaded")
            return list(opened)
    if config.transport != "netfilterqueue":
        taken, given_back = NfqueueTransport.open_all(
            numbers,
            queue_length=config.queue_length,
            copy_range=config.copy_range,
            fail_open=fail_open,
            store=store,
        )
        for queue in given_back:
            say(str(queue), Event.GIVEN_BACK, level="warning", queues=queue.number)
        return list(taken)
    transports: list[Transport] = []
    try:
        for number in numbers:
            transports.append(
                NetfilterQueueTransport.open(
                    number,
                    queue_length=config.queue_length,
                    copy_range=config.copy_range,
                    fail_open=fail_open,
                )
            )
    except BaseException:
        for transport in transports:
            transport.close()
        raise
    return transports


def check_policy(policy: Policy, transports: Sequence[Transport], numbers: Sequence[int]) -> None:
    """Refuse a policy that these queues cannot carry out. Raises `PolicyError`."""
    problems = []
    for rule in policy.rules:
        if rule.verdict is not Verdict.QUEUE or rule.place is None:
            continue
        place = (rule.place.file, rule.place.line, rule.place.column)
        if rule.queue in numbers:
            message = (
                f"rule {rule.name!r} sends packets to queue {rule.queue}, where they come from"
            )
            problems.append(Problem(*place, f"{message}: they would go round for ever"))
        for transport in transports:
            if not transport.can_requeue:
                message = f"rule {rule.name!r}: transport {transport.name} cannot requeue"
                way_out = "use transport: nfqueue"
                if transport.name == "ipqueue":  # while the module is loaded, nfqueue cannot be had
                    way_out = f"unload the module and {way_out}"
                problems.append(Problem(*place, f"{message}: {way_out}"))
                break
    if problems:
        raise PolicyError(problems)


def missing_interfaces(policy: Policy, descriptor: int) -> dict[str, str]:
    """Return the interfaces that rules name but that are not there, each with its first rule.

    ``descriptor``: a socket of the network namespace in which they should be.
    """
    missing: dict[str, str] = {}
    for rule in policy.rules:
        for test in leaves(rule.condition):
            if isinstance(test, Test) and isinstance(test.among, Interfaces):
                for name in sorted(test.among.exact):
                    if is_missing(descriptor, name):
                        missing.setdefault(name, rule.name)
    return missing


class Daemon:
    """Has its queues served until it is told to stop."""

    def __init__(
        self,
        rules: Path,
        engine: Engine,
        transports: Sequence[Transport],
        numbers: Sequence[int],
        viewer: Viewer | None,
        cpus: Cpus = "auto",
        notifier: Notifier | None = None,
        *,
        watch_sets: bool = True,
    ) -> None:
        self._rules = rules
        self._engine = engine
        self._transports = transports
        self._numbers = numbers
        self._viewer = viewer
        self._workers = choose(engine, transports, viewer, cpus)
        self._notifier = notifier or Notifier()
        check = partial(check_policy, transports=transports, numbers=numbers)
        loader = Loader(rules, engine, self._workers, check, self._notifier)
        self._reloader = Reloader(loader, engine, watch_sets=watch_sets)

    def run(self) -> Exit:
        """Judge packets until SIGTERM, SIGINT or SIGUSR2; SIGHUP loads the policy again.

        SIGUSR2 leaves what waits to the process that comes next, where the queue is kept for it.
        """
        # The packet path makes no cycles: the collector may leave the policy alone and come seldom.
        gc.freeze()
        gc.set_threshold(100_000)
        with _signals() as (signals, waker):
            errors: list[QverdictdError] = []
            # Whatever cannot be gone on with here, the next of us may answer.
            leave = True
            wake = partial(waker.send, b"\0")
            try:
                self._workers.start(wake)
                self._announce()
                self._reloader.start(wake)
                leave = self._loop(signals)
            except QverdictdError as error:
                errors.append(error)
            # Still with the signals caught: a second SIGTERM must not cut this short.
            self._notifier.stopping()
            errors += self._workers.stop(leave=leave)
            self._reloader.stop()
            for each in errors:
                say(str(each), Event.QUEUE_LOST, level="error")
            self._end()
        return errors[0].exit_code if errors else Exit.OK

    def _loop(self, signals: socket.socket) -> bool:
        """Do what signals and the other threads ask for, until told to end, or the workers' end.

        Returns whether what waits is to be left to the next of us.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(signals, selectors.EVENT_READ)
            served = self._workers.served()
            while True:
                ready = selector.select(self._notifier.patience)
                self._notifier.feed(served)
                for number in signals.recv(4096) if ready else b"":
                    if number == signal.SIGHUP:
                        self._reloader.reload()
                    elif number:
                        return number == signal.SIGUSR2
                if self._workers.ended:
                    return True
                self._reloader.take()

    def _announce(self) -> None:
        for transport in self._transports:
            say(transport.description)
            if taken := transport.taken_over:
                say(
                    str(taken),
                    Event.TAKEN_OVER,
                    queues=taken.queue,
                    waiting=taken.waiting,
                    judged=taken.judged,
                    answered=taken.answered,
                )
        queues = ", ".join(str(number) for number in self._numbers)
        policy = self._engine.policy
        for name, rule in missing_interfaces(policy, self._transports[0].fileno()).items():
            message = f"rule {rule!r} names interface {name!r}, which is not there now"
            say(message, level="warning", rule=rule)
        message = (
            f"queue {queues} over {self._transports[0].name}, "
            f"{self._workers.description}, {len(policy.rules)} rules from {self._rules}"
        )
        say(
            f"ready: {message}",
            Event.READY,
            queues=queues,
            transport=self._transports[0].name,
            engine=self._engine.name,
            policy=self._rules,
            rules=len(policy.rules),
            generation=policy.generation,
        )
        self._notifier.ready(f"judging: {message}")

    def _end(self) -> None:
        """Give the queues back, show the last decisions, say what was done."""
        losses = self._workers.losses()
        for transport in self._transports:
            transport.close()
        if self._viewer is not None:
            self._viewer.close()
        for line in summary(self._workers.counters(), losses):
            say(line, Event.STOPPED)


@contextlib.contextmanager
def _signals() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Let signals arrive as bytes on a socket, and so one after the other in the loop."""
    receiving, sending = socket.socketpair()
    receiving.setblocking(False)
    sending.setblocking(False)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    woken = signal.set_wakeup_fd(sending.fileno(), warn_on_full_buffer=False)
    try:
        yield receiving, sending
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in before.items():
            signal.signal(number, handler)
        receiving.close()
        sending.close()
