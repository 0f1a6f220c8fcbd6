# SPDX-License-Identifier: GPL-2.0
"""A Debian system that systemd-nspawn boots in the laboratory's gateway.

Its root is an overlay: below is what ``tests/service/base`` made, above what the test does, which
is gone with the test. Its network is the gateway's: what a client sends to the server crosses it.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qverdictd.control.journal import Event
from tests.netns.lab import Lab

TREE = Path(__file__).resolve().parents[2]
BASE = TREE / ".cache/service/base"
PACKAGES = TREE / "dist"
UNIT = "qverdictd.service"
PATIENCE = 60.0

_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Machine:
    """The system, from boot to power off; ``below`` are layers between it and the base."""

    def __init__(self, lab: Lab, place: Path, below: Sequence[Path] = ()) -> None:
        """Boot it; ``place`` is a folder for its root, on a file system of its own layer's kind."""
        self.lab = lab
        self.root = place / "root"
        self.layer = place / "layer"
        for folder in (self.root, self.layer, place / "work"):
            folder.mkdir(parents=True)
        lower = ":".join(map(str, [*below, BASE]))
        options = f"lowerdir={lower},upperdir={self.layer},workdir={place / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, self.root], check=True)
        self._log = (place / "console").open("w+")
        self._nspawn = subprocess.Popen(
            [
                "systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot",
                f"--network-namespace-path={lab.path('gateway')}", "--capability=CAP_NET_ADMIN",
                "--register=no", "--keep-unit", "--console=pipe",
            ],
            env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "PATH": _PATH},
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        try:
            self._init = self._find_init()
            self.wait_for(lambda: self.run("systemctl", "is-system-running").stdout == "running\n")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _find_init(self) -> int:
        """Return the pid of the system's first process, as it is seen here."""
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")
        deadline = time.monotonic() + PATIENCE
        while self._nspawn.poll() is None and time.monotonic() < deadline:
            for pid in children.read_text().split():
                if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                    return int(pid)
            time.sleep(0.05)
        self._log.seek(0)
        raise RuntimeError(f"the system did not boot:\n{self._log.read()}")

    def command(self, *words: str | Path) -> list[str]:
        """Return the command that runs ``words`` in the system, as root."""
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        enter = ["nsenter", f"--target={self._init}", *spaces, "--"]
        return [*enter, "env", "-i", f"PATH={_PATH}", "LC_ALL=C", *map(str, words)]

    def run(self, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in the system to its end."""
        options = {"timeout": PATIENCE, "capture_output": True, "text": True, **options}
        return subprocess.run(self.command(*words), check=False, **options)

    def do(self, *words: str | Path) -> str:
        """Run a command that must succeed; return what it printed."""
        done = self.run(*words)
        if done.returncode != 0:
            text = f"{done.stdout}{done.stderr}\n{self.journal()}"
            raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}\n{text}")
        return done.stdout

    def path(self, name: str) -> Path:
        """Return where a file of the system's is seen here."""
        return self.root / name.lstrip("/")

    def property(self, name: str) -> str:
        """Return a property of our unit."""
        return self.do("systemctl", "show", "--value", "--property", name, UNIT).rstrip("\n")

    def journal(self, *words: str) -> str:
        """Return what the journal has of our unit."""
        return self.run("journalctl", "--no-pager", "--unit", UNIT, "-o", "cat", *words).stdout

    def entries(self, event: Event, *options: str) -> list[dict[str, str]]:
        """Return the journal's entries about an event, the oldest first."""
        text = self.journal("-o", "json", *options, f"MESSAGE_ID={event.value}")
        return [json.loads(line) for line in text.splitlines()]

    def pids(self) -> list[int]:
        """Return the processes that the manager has started for our unit, as they are seen here."""
        children = Path(f"/proc/{self._init}/task/{self._init}/children").read_text().split()
        found = []
        for pid in children:
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if f"/{UNIT}\n" in Path(f"/proc/{pid}/cgroup").read_text():
                    found.append(int(pid))
        return found

    def daemon(self) -> int | None:
        """Return the daemon itself, as it is seen here, if it runs."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"/qverdictd\0run\0"):
                    return pid
        return None

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the daemon, which must be there."""
        pid = self.daemon()
        assert pid is not None, self.journal()
        os.kill(pid, number)

    def wait_for(self, condition: Any, patience: float = PATIENCE) -> float:
        """Wait until something is so; return how many seconds that took."""
        start = time.monotonic()
        while not condition():
            took = time.monotonic() - start
            if took > patience or self._nspawn.poll() is not None:
                raise AssertionError(f"not so after {took:.1f} s:\n{self.journal()}")
            time.sleep(0.02)
        return time.monotonic() - start

    def close(self) -> None:
        """Stop it at once, and take its root away; the layer stays."""
        # Its first process would outlive nspawn, with inotify instances of which there are few.
        with contextlib.suppress(OSError):  # it has ended by itself
            pid = self._nspawn.pid
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
        self._nspawn.kill()
        self._nspawn.wait()
        self._log.close()
        subprocess.run(["umount", "--recursive", self.root], check=True)
