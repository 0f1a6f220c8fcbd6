# SPDX-License-Identifier: GPL-2.0
"""When something is loaded while the daemon runs: at a signal, and when a set's file changes."""

import contextlib
import os
import threading
from collections.abc import Callable
from functools import partial

from qverdictd.control.watch import Watch
from qverdictd.engine.base import Engine
from qverdictd.loader import Finish, Loader

_NICE = 10


class Reloader:
    """Has one thing loaded after the other, on a thread; the daemon's loop takes it from there."""

    def __init__(self, loader: Loader, engine: Engine, *, watch_sets: bool) -> None:
        """``engine``: has the policy in force, of which set files are watched if so wanted."""
        self._loader = loader
        self._engine = engine
        self._watch = Watch(self._note) if watch_sets else None
        self._wake: Callable[[], object] = lambda: None
        self._asked = False
        self._changed: frozenset[str] = frozenset()
        """Set files that have changed and were not read since."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loaded: list[Finish] = []

    def start(self, wake: Callable[[], object]) -> None:
        """Begin to watch set files; ``wake`` is called when there is something to `take`."""
        self._wake = wake
        self._follow()

    def stop(self) -> None:
        """Watch no longer. Of what is being loaded nobody takes notice any more."""
        if self._watch is not None:
            self._watch.close()

    def reload(self) -> None:
        """Load the policy, as soon as what is being loaded now is there."""
        self._asked = True
        self._next()

    def take(self) -> None:
        """Put in force what was loaded, if something was, and begin what is to be loaded next."""
        if self._loaded and self._thread is not None:
            self._thread.join()
            self._thread = None
            before = self._engine.policy
            self._loaded.pop()()
            if self._engine.policy is not before:
                self._follow()
        self._next()

    def _next(self) -> None:
        if self._thread is not None:
            return
        if self._asked:
            self._asked = False
            self._loader.begin_policy()
            load = self._loader.policy
        elif self._changed:
            with self._lock:
                files, self._changed = self._changed, frozenset()
            load = partial(self._loader.sets, files)
        else:
            return
        self._thread = threading.Thread(target=self._load, args=(load,), name="load", daemon=True)
        self._thread.start()

    def _load(self, load: Callable[[], Finish]) -> None:
        # Whatever loading costs, a worker that is woken by a packet goes first; but for our
        # unit's sandbox, which lets nobody change priorities.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        self._loaded.append(load())
        self._tell()

    def _note(self, files: frozenset[str]) -> None:
        with self._lock:
            self._changed |= files
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(OSError):  # the daemon has ended, or has much to read already
            self._wake()

    def _follow(self) -> None:
        if self._watch is not None:
            sets = self._engine.policy.sets
            self._watch.follow({one.file: one.stamp for one in sets if one.file and one.stamp})
