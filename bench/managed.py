# SPDX-License-Identifier: GPL-2.0
"""Our daemon as a service manager has it: told when it is ready, and when a reload is over."""

import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.tools import BUILD, qverdictd

_PATIENCE = 60.0
"""Seconds to get ready, to reload, to end."""
_SETTLING = 0.1
"""Seconds in which the socket is closed over which we were told of a reload."""
_WATCHDOG = 1_000_000
"""Microseconds, as in our unit: the daemon then looks after itself four times in it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a process has at one moment."""

    resident: int
    """Bytes of its memory that are in RAM."""
    own: int
    """Those of them that no file holds: what it has allocated and used."""
    descriptors: int

    @classmethod
    def by(cls, pid: int) -> Self:
        """Ask the kernel what a process has now."""
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(size.split()[0]) << 10 for name, size in (at.split(":") for at in lines)}
        descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        return cls(sizes["Rss"], sizes["Anonymous"], descriptors)


class Managed:
    """The daemon, and what it tells."""

    def __init__(self, process: subprocess.Popen[bytes], told: socket.socket, log: Path) -> None:
        """``told``: where it tells its state; ``log``: the file of all that it says."""
        self._process = process
        self._told = told
        self._states: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.log = log
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Read all that is told, as a manager does: a full socket would keep the daemon waiting."""
        while told := self._told.recv(4096):
            if told != b"WATCHDOG=1":
                self._states.put(told.decode())

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def held(self) -> Held:
        """Return what it has while it only judges: what it told us last is told to its end."""
        time.sleep(_SETTLING)
        return Held.by(self.pid)

    def ready(self) -> str:
        """Wait until it says that it is ready; return its status. Raises RuntimeError."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(queue.Empty):
                state, _, status = self._states.get(timeout=1.0).partition("\nSTATUS=")
                if state == "READY=1":
                    return status
        raise RuntimeError(f"the daemon is not ready: {self.log.read_text()[-2000:]}")

    def reload(self) -> None:
        """Have it load its policy again and wait until that is in force. Raises RuntimeError."""
        os.kill(self.pid, signal.SIGHUP)
        status = self.ready()
        if not status.startswith("judging: "):
            raise RuntimeError(f"the policy was refused: {status}")


@contextmanager
def managed(
    rules: Path, config: Path, number: int, prefix: Sequence[str] = ()
) -> Iterator[Managed]:
    """Start our daemon at queue ``number`` and wait until it is ready; stop it at the end.

    ``prefix``: a command that runs it elsewhere, as the same process.
    """
    path, log = BUILD / f"notify-{number}", BUILD / f"daemon-{number}.log"
    path.unlink(missing_ok=True)
    words = ("run", "--rules", rules, "--config", config, "--queue", number)
    command = [*prefix, *map(str, (qverdictd(), *words, "--transport", "nfqueue"))]
    environment = os.environ | {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(_WATCHDOG)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, log.open("wb") as output:
        told.bind(str(path))
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
        )  # fmt: skip
        daemon = Managed(process, told, log)
        try:
            daemon.ready()
            yield daemon
            if process.poll() is not None:
                raise RuntimeError(f"the daemon ended: {log.read_text()[-2000:]}")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            told.shutdown(socket.SHUT_RD)
