# SPDX-License-Identifier: GPL-2.0
"""The daemon as users run it, on the laboratory's gateway: its decisions, its words, its end."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.netns.lab import Host, Lab, stop

QVERDICTD = Path(sys.executable).with_name("qverdictd")
Record = dict[str, Any]

#: How packets can be carried and judged: by workers in C, and in Python in two ways.
WAYS = {
    "native": ("--transport", "nfqueue", "--engine", "native"),
    "reference": ("--transport", "nfqueue", "--engine", "reference"),
    "netfilterqueue": ("--transport", "netfilterqueue"),
}

#: Python and the packages take a second or two to load, an emulated machine many more.
PATIENCE = 60.0


class Daemon:
    """A running ``qverdictd run --json``."""

    def __init__(
        self,
        lab: Lab,
        rules: Path,
        *arguments: str,
        host: Host = "gateway",
        json: bool = True,
        wrapper: Sequence[str] = (),
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Start it; ``wrapper`` is put before the command, which gets ``pass_fds`` too."""
        view = ["--json"] if json else []
        self.process = lab.start(
            host,
            [*wrapper, QVERDICTD, "run", "--rules", rules, *view, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=pass_fds,
        )
        self.records: list[Record] = []
        """All decisions until now, in the order in which they were printed."""
        self.said: list[str] = []
        """All lines of standard error until now."""
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self._take_record)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.said.append)),
        ]
        for reader in self._readers:
            reader.start()

    def _take_record(self, line: str) -> None:
        self.records.append(json.loads(line))

    def _read(self, stream: Any, take: Callable[[str], None]) -> None:
        for line in stream:
            with self._changed:
                take(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, holds: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """Wait until something holds of what was printed; False if it never did."""
        deadline = time.monotonic() + patience
        with self._changed:
            while not holds():
                left = deadline - time.monotonic()
                if left <= 0 or not any(reader.is_alive() for reader in self._readers):
                    return holds()
                self._changed.wait(min(left, 1))
        return True

    def wait_for_decisions(self, count: int) -> bool:
        """Wait until there are so many; True if there are, and no more."""
        return self.wait_until(lambda: len(self.records) >= count) and len(self.records) == count

    def wait_for_words(self, words: str) -> bool:
        """Wait for a line on standard error that has these words."""
        return self.wait_until(lambda: any(words in line for line in self.said))

    def wait_ready(self) -> "Daemon":
        """Wait for the line that says that the queue is bound and the policy in force."""
        if not self.wait_for_words("qverdictd: ready:"):
            self.end()
            raise RuntimeError("the daemon did not become ready:\n" + "\n".join(self.said))
        return self

    def reload(self) -> None:
        """Have it load its policy again."""
        self.process.send_signal(signal.SIGHUP)

    def interrupt(self) -> None:
        """Do as ^C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Send SIGTERM and read all it has to say; return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        try:
            self.process.wait(PATIENCE)
            for reader in self._readers:
                reader.join(PATIENCE)
        finally:
            stop(self.process)
        return self.process.returncode

    def summary(self) -> "Summary":
        """Read the sums that it printed at its end."""
        text = "\n".join(self.said)
        found = re.search(
            r"received (\d+) = accepted (\d+) \+ dropped (\d+) "
            r"\+ repeated (\d+) \+ requeued (\d+) \+ pending (\d+)",
            text,
        )
        if found is None:
            raise AssertionError(f"no summary:\n{text}")
        rules = re.findall(r"rule (\S+): (\d+) packets", text)
        default = re.search(r"default: (\d+) packets", text)
        lost = re.search(r"lost or late: (.*)", text)
        received, accepted, dropped, repeated, requeued, pending = map(int, found.groups())
        return Summary(
            *(received, accepted, dropped, repeated, requeued, pending),
            {name: int(count) for name, count in rules},
            int(default[1]) if default else 0,
            lost[1] if lost else "",
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """What the daemon says that it did."""

    received: int
    accepted: int
    dropped: int
    repeated: int
    requeued: int
    pending: int
    rules: dict[str, int]
    default: int
    lost: str
