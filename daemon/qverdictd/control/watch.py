# SPDX-License-Identifier: GPL-2.0
"""Tells which files have changed, once those who change them are done.

On a thread of its own: a file system that hangs must not keep anybody waiting.
"""

import os
import select
import stat
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qverdictd.control.folders import Folders, Touched
from qverdictd.control.inotify import Happening
from qverdictd.control.journal import Event, say
from qverdictd.policy.stamp import Stamp

_QUIET = 0.25
"""Seconds without a change after which a file counts as written: many are in two steps."""
_LONGEST = 5.0
"""Seconds after which a change is told of though the file does not come to rest."""
_GONE = 2.0
"""Seconds until it is told that a file is gone: some who replace it take it away first."""

_ENDING = 1.0
"""Seconds that the thread may take to end."""


@dataclass(slots=True)
class _Change:
    """A file that perhaps has changed."""

    first: float
    due: float
    """When to look, in seconds of the monotonic clock, as the others."""
    surely: bool = False
    """Whether something was done to the file itself."""


class Watch:
    """Watches files, by their paths."""

    def __init__(self, tell: Callable[[frozenset[str]], object]) -> None:
        """``tell``: called, on a thread of ours, with those that have changed or are gone."""
        self._tell = tell
        self._known: dict[str, Stamp | None] = {}
        """How each file was when it was read, or told of; None: it was gone."""
        self._changes: dict[str, _Change] = {}
        self._folders: Folders | None = None
        self._lock = threading.Lock()
        self._wanted: Mapping[str, Stamp] | None = None
        self._ending = False
        self._woken = os.eventfd(0)
        self._thread: threading.Thread | None = None

    def follow(self, files: Mapping[str, Stamp]) -> None:
        """Watch these files and no others.

        Each new one is known to have been so when it was read: what has happened since is told.
        """
        with self._lock:
            self._wanted = dict(files)
        if self._thread is None and files:
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()
        os.eventfd_write(self._woken, 1)

    def close(self) -> None:
        """Tell nothing any more."""
        self._ending = True
        os.eventfd_write(self._woken, 1)
        if self._thread is not None:
            self._thread.join(_ENDING)
            if self._thread.is_alive():
                return  # a file system hangs
        os.close(self._woken)

    def _run(self) -> None:
        try:
            self._folders = Folders()
            try:
                self._serve(self._folders)
            finally:
                self._folders.close()
        except OSError as error:
            say(f"set files are not watched: {error}; reload after a change", level="warning")
        except Exception:
            text = traceback.format_exc()
            message = f"a defect: please report it. Set files are not watched any more.\n{text}"
            say(message, Event.DEFECT, level="error")

    def _serve(self, folders: Folders) -> None:
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(folders, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._patience())]
            if self._woken in ready:
                os.eventfd_read(self._woken)
            if self._ending:
                return
            self._follow_wanted(folders)
            for touched in folders.touched():
                self._note(touched)
            self._look(folders)

    def _patience(self) -> float | None:
        """Return the milliseconds until there is something to look at."""
        if not self._changes:
            return None
        due = min(change.due for change in self._changes.values())
        return max(due - time.monotonic(), 0) * 1000

    def _follow_wanted(self, folders: Folders) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        for file in self._known.keys() - wanted.keys():
            folders.forget(file)
            self._changes.pop(file, None)
        new = wanted.keys() - self._known.keys()
        self._known = {file: self._known.get(file, wanted[file]) for file in wanted}
        now = time.monotonic()
        for file in new:
            # The way first: of a change after that there will be an event.
            folders.follow(file)
            if _stamp(file) != wanted[file]:
                self._changes[file] = _Change(now, now)

    def _note(self, touched: Touched) -> None:
        file, what, end = touched
        if end is not None and what & Happening.CREATED and _begun(end):
            self._changes.pop(file, None)  # it will be closed
            return
        now = time.monotonic()
        change = self._changes.setdefault(file, _Change(now, now))
        change.due = min(now + _QUIET, change.first + _LONGEST)
        change.surely |= end is not None and bool(what & (Happening.WRITTEN | Happening.MOVED_HERE))

    def _look(self, folders: Folders) -> None:
        """Tell of the changes whose time has come."""
        told = set()
        now = time.monotonic()
        for file, change in list(self._changes.items()):
            if change.due > now:
                continue
            folders.follow(file)
            is_now = _stamp(file)
            waits = _waits(change, is_now)
            if waits > now:
                change.due = waits
                continue
            del self._changes[file]
            if change.surely or is_now != self._known[file]:
                self._known[file] = is_now
                told.add(file)
        if told:
            self._tell(frozenset(told))


def _stamp(file: str) -> Stamp | None:
    try:
        return Stamp.of(Path(file).stat())
    except OSError:
        return None


def _begun(path: Path) -> bool:
    """Whether a new name is that of a file which somebody now writes, and not of one moved here."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _waits(change: _Change, is_now: Stamp | None) -> float:
    """Return until when to wait for a file to come to rest, on the monotonic clock."""
    if is_now is None:
        return change.first + _GONE
    age = time.time() - is_now.modified / 1e9
    if 0 <= age < _QUIET:
        return min(time.monotonic() + _QUIET - age, change.first + _LONGEST)
    return 0.0
