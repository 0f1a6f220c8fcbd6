# SPDX-License-Identifier: GPL-2.0
"""The programs that are measured, and how one is started and known to be ready."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.link import QUEUE

_RIVALS = Path(__file__).parent / "rivals"
BASELINE = "baseline (C)"
SCAPY = "NetfilterQueue, scapy IP()"
_PATIENCE = 30.0  # seconds to get ready, and to end


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that answers a queue's packets."""

    name: str
    command: tuple[str, ...]


def contestants(baseline: Path, policies: dict[int, Path]) -> list[Contestant]:
    """Return all programs, the baseline first."""
    found = [
        Contestant(BASELINE, (str(baseline), str(QUEUE))),
        Contestant("NetfilterQueue, empty callback", (sys.executable, str(_RIVALS / "empty.py"))),
        Contestant(SCAPY, (sys.executable, str(_RIVALS / "scapy_port.py"))),
    ]
    daemon = str(Path(sys.executable).parent / "qverdictd")
    for transport in ("nfqueue", "netfilterqueue"):
        for size, file in policies.items():
            command = [daemon, "run", "--rules", str(file), "--transport", transport]
            found.append(
                Contestant(
                    f"qverdictd {transport}, {size:,} rule{'s' if size > 1 else ''}",
                    (*command, "--queue", str(QUEUE)),
                )
            )
    return found


@contextmanager
def running(contestant: Contestant, cpu: int) -> Iterator[int]:
    """Start a program on the given processor; its pid, once its queue is bound."""
    process = subprocess.Popen(
        ["taskset", "-c", str(cpu), *contestant.command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        _await_ready(contestant, process.stdout.fileno())
        yield process.pid
        if process.poll() is not None:
            raise RuntimeError(f"{contestant.name} ended: {process.stdout.read().decode()}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _await_ready(contestant: Contestant, output: int) -> None:
    """Wait for the line that says that the queue is bound."""
    said = b""
    deadline = time.monotonic() + _PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while b"ready" not in said:
            if not selector.select(deadline - time.monotonic()):
                raise RuntimeError(f"{contestant.name} is not ready: {said.decode()}")
            more = os.read(output, 4096)
            if not more:
                raise RuntimeError(f"{contestant.name} ended: {said.decode()}")
            said += more
