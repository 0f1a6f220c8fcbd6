# SPDX-License-Identifier: GPL-2.0
"""What systemd is told of the daemon (sd_notify(3)): readiness, reloads, and that packets move.

The watchdog is fed by the packet path: each source of packets must have moved since the last time,
or have nothing that waits. A loop that turns without serving does not count.
"""

import os
import select
import time
from collections.abc import Callable, Sequence
from typing import Self

from qverdictd.control.journal import say

_FEEDINGS = 4
"""Feedings in a watchdog's time: a batch may take long without harm, but not as long as all."""
_STATUS_MAX = 500
"""Characters of a status line, which systemctl prints in one."""

Send = Callable[..., object]
"""systemd.daemon.notify: takes what is told, and perhaps descriptors that go with it."""


def tell(send: Send, text: str, **more: object) -> None:
    """Tell it, again if a signal came while systemd was not listening; failing ends nobody."""
    while True:
        try:
            send(text, **more)
        except InterruptedError:
            continue
        except OSError as error:
            say(f"systemd was not told {text!r}: {error.strerror}", level="error")
        return


class Served:
    """A queue as the watchdog sees it."""

    def __init__(self, descriptor: int, progress: Callable[[], int]) -> None:
        """``descriptor``: readable while packets wait. ``progress``: grows with those answered."""
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.progress = progress

    def waiting(self) -> bool:
        """Say whether packets wait to be read."""
        return bool(self._poll.poll(0))


class Notifier:
    """Tells systemd; where nobody listens, nothing is told and nothing is needed."""

    def __init__(self, send: Send | None = None, watchdog: float | None = None) -> None:
        """``watchdog``: the seconds within which it wants to be fed; None: there is none."""
        self._send = send
        self._interval = None if watchdog is None else watchdog / _FEEDINGS
        self._next = 0.0
        self._before: dict[Served, int] = {}

    @classmethod
    def from_environment(cls) -> Self:
        """Return what tells the service manager that started us, if one did."""
        if "NOTIFY_SOCKET" not in os.environ:
            return cls()
        try:
            from systemd.daemon import notify
        except ImportError:
            say("systemd cannot be told that we are ready: install python3-systemd", level="error")
            return cls()
        time_text, pid = os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID")
        watched = time_text and pid in (None, str(os.getpid()))
        return cls(notify, int(time_text) / 1e6 if time_text and watched else None)

    def ready(self, status: str) -> None:
        """Say that the queue is held and the policy in force."""
        self._tell("READY=1", status)

    def reloading(self) -> None:
        """Say that a policy is being loaded; the one before is in force meanwhile."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={now}", "loading the policy again")

    def status(self, status: str) -> None:
        """Say something new of a daemon that is ready and stays so."""
        self._tell(None, status)

    def stopping(self) -> None:
        """Say that no new packets are taken."""
        self._tell("STOPPING=1", "answering the packets that wait")

    @property
    def patience(self) -> float | None:
        """Seconds until `feed` wants to be called again; None: never."""
        return None if self._interval is None else max(self._next - time.monotonic(), 0)

    def feed(self, sources: Sequence[Served]) -> None:
        """Feed the watchdog if it is time and packets move; call it as `patience` says."""
        now = time.monotonic()
        if self._interval is None or now < self._next:
            return
        self._next = now + self._interval
        progress = {source: source.progress() for source in sources}
        stuck = any(
            progress[source] == self._before.get(source) and source.waiting() for source in sources
        )
        self._before = progress
        if not stuck and self._send is not None:
            tell(self._send, "WATCHDOG=1")

    def _tell(self, state: str | None, status: str) -> None:
        if self._send is None:
            return
        line = status.replace(":\n", ": ").replace("\n", "; ")
        short = line if len(line) <= _STATUS_MAX else line[: _STATUS_MAX - 3] + "..."
        tell(self._send, f"{state}\nSTATUS={short}" if state else f"STATUS={short}")
