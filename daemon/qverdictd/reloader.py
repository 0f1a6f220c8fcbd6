# SPDX-License-Identifier: GPL-2.0
"""Loading the policy again while packets are judged by the one before."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from qverdictd.control.journal import Event, say
from qverdictd.control.notify import Notifier
from qverdictd.engine.base import Engine
from qverdictd.policy.load import load
from qverdictd.policy.model import Policy
from qverdictd.worker.base import Workers

_NICE = 10


class Reloader:
    """Loads on a thread of its own; the daemon's loop takes what was loaded."""

    def __init__(
        self,
        rules: Path,
        engine: Engine,
        workers: Workers,
        check: Callable[[Policy], None],
        notifier: Notifier,
    ) -> None:
        """``check``: raises `PolicyError` for a policy that the daemon cannot carry out."""
        self._rules = rules
        self._engine = engine
        self._workers = workers
        self._check = check
        self._notifier = notifier
        self._thread: threading.Thread | None = None
        self._again = False
        self._loaded: list[Callable[[], None] | Exception] = []

    def reload(self, wake: Callable[[], object]) -> None:
        """Load the policy beside the packet path; ``wake`` is called when `take` has something."""
        if self._thread is not None:
            self._again = True
            return
        self._notifier.reloading()
        self._thread = threading.Thread(target=self._load, args=(wake,), name="load", daemon=True)
        self._thread.start()

    def _load(self, wake: Callable[[], object]) -> None:
        # Whatever loading costs, a worker that is woken by a packet goes first; but for our
        # unit's sandbox, which lets nobody change priorities.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            policy = load(self._rules)
            self._check(policy)
            self._loaded.append(self._workers.prepare(policy))
        except Exception as error:
            self._loaded.append(error)
        wake()

    def take(self, wake: Callable[[], object]) -> None:
        """Put in force what was loaded, if something was, and say so."""
        if not self._loaded or self._thread is None:
            return
        self._thread.join()
        self._thread = None
        loaded = self._loaded.pop()
        try:
            if isinstance(loaded, Exception):
                raise loaded
            loaded()
            policy = self._engine.policy
            message = f"{len(policy.rules)} rules from {self._rules}"
            say(
                f"reloaded: {message}",
                Event.RELOADED,
                policy=self._rules,
                rules=len(policy.rules),
                generation=policy.generation,
            )
            self._notifier.ready(f"judging: {message}")
        except Exception as error:
            reason = error or type(error).__name__
            message = f"not reloaded, the policy before stays in force:\n{reason}"
            say(message, Event.NOT_RELOADED, level="error", policy=self._rules)
            self._notifier.ready(message)
        if self._again:
            self._again = False
            self.reload(wake)
