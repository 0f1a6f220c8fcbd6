# SPDX-License-Identifier: GPL-2.0
"""The programs that are measured, and how one is started and known to be ready."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_RIVALS = Path(__file__).parent / "rivals"
_PATIENCE = 60.0  # seconds to get ready, and to end

BASELINE = "baseline (C)"
REWRITING_BASELINE = "baseline that rewrites (C)"
EMPTY = "NetfilterQueue, empty callback"
SCAPY = "NetfilterQueue, scapy IP()"
SURICATA = "Suricata 7, 1,000 rules"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that answers a queue's packets."""

    name: str
    command: tuple[str, ...]
    """``{queue}`` stands for the queue's number."""
    ready: bytes = b"ready"
    """What it says once its queue is bound."""
    environment: tuple[tuple[str, str], ...] = ()


def baseline(binary: Path, slot: int = 2048) -> Contestant:
    """Return the least that a program can do; ``slot``: bytes of the longest message."""
    return Contestant(BASELINE, (str(binary), "{queue}", str(slot)))


def rewriting_baseline(binary: Path) -> Contestant:
    """Return the least that a program can do that answers each packet with new bytes."""
    return Contestant(REWRITING_BASELINE, (str(binary), "{queue}", "2048", "rewrite"))


def netfilterqueue(name: str, script: str) -> Contestant:
    """Return a program in Python over NetfilterQueue."""
    return Contestant(name, (sys.executable, str(_RIVALS / script), "{queue}"))


def daemon(name: str, rules: Path, config: Path, transport: str = "nfqueue") -> Contestant:
    """Return our daemon with a policy and a configuration."""
    program = str(Path(sys.executable).parent / "qverdictd")
    words = ("run", "--rules", str(rules), "--config", str(config), "--transport", transport)
    return Contestant(name, (program, *words, "--queue", "{queue}"))


@dataclass(slots=True)
class Program:
    """A contestant's process."""

    pid: int
    said: str = ""
    """All that it said after it was ready; known once it has ended."""


@contextmanager
def running(
    contestant: Contestant, cpus: Sequence[int], queue: int, prefix: Sequence[str] = ()
) -> Iterator[Program]:
    """Start a program on the given processors and wait until its queue is bound.

    ``prefix``: a command that runs the program elsewhere, as the same process.
    """
    command = [word.replace("{queue}", str(queue)) for word in contestant.command]
    process = subprocess.Popen(
        ["taskset", "-c", ",".join(map(str, cpus)), *prefix, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | dict(contestant.environment),
    )
    assert process.stdout is not None
    program = Program(process.pid)
    try:
        _await_ready(contestant, process.stdout.fileno())
        yield program
        if process.poll() is not None:
            raise RuntimeError(f"{contestant.name} ended: {process.stdout.read().decode()}")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            program.said = process.communicate(timeout=_PATIENCE)[0].decode()
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _await_ready(contestant: Contestant, output: int) -> None:
    """Wait for the line that says that the queue is bound."""
    said = b""
    deadline = time.monotonic() + _PATIENCE
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while contestant.ready not in said:
            if not selector.select(deadline - time.monotonic()):
                raise RuntimeError(f"{contestant.name} is not ready: {said.decode()}")
            more = os.read(output, 4096)
            if not more:
                raise RuntimeError(f"{contestant.name} ended: {said.decode()}")
            said += more
