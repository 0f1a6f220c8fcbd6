# SPDX-License-Identifier: GPL-2.0
"""Numbered traffic through the gateway, and what became of each datagram and byte of it.

The generator and the receiver are one program (``tests/service/load``), which has a hand on either
side: it sends no faster than what it sent arrives, so nothing but the way between can lose.
"""

import functools
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.netns.lab import SERVER, Lab

HERE = Path(__file__).parent
BUILD = Path("/run/compiled")
"""On the world's own /run: nothing is left in the tree."""
FLOWS = 16
STREAMS = 4
WINDOW = 32
"""Datagrams of a flow that may be under way: with all flows, what waits while nobody serves."""
RATE = 8000
"""Datagrams a second."""
FIRST_PORT = 5000
PATIENCE = 30.0
SILENCE = 20.0
"""Seconds without anything new after which the rest of a stream is held to be lost: TCP waits twice
as long each time that it sends something again."""


@functools.cache
def compiled(*names: str, flags: tuple[str, ...] = ()) -> Path:
    """Compile C files of this folder into one binary, which is named like the last; return it."""
    BUILD.mkdir(exist_ok=True)
    binary = BUILD / Path(names[-1]).stem
    strict = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    subprocess.run(
        ["cc", *strict, *flags, "-o", binary, *(HERE / name for name in names)], check=True
    )
    return binary


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of a flow's datagrams."""

    sent: int
    received: int
    """Different ones."""
    doubled: int
    late: int
    """Arrived after one that was sent later."""
    broken: int
    """Arrived, but not as they were sent."""
    unsent: int
    """Refused by the client's own kernel, and sent again later."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What became of a stream's bytes."""

    sent: int
    received: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What has been sent and has arrived."""

    flows: tuple[Flow, ...]
    streams: tuple[Stream, ...]
    missing: frozenset[tuple[int, int]]
    """Flow and number of what was lost; known when all is over."""
    silence: float
    """The longest time, in seconds, in which nothing arrived."""

    @classmethod
    def read(cls, line: str) -> Self:
        """Read the program's answer."""
        found = json.loads(line)
        return cls(
            tuple(Flow(**flow) for flow in found["flows"]),
            tuple(Stream(**stream) for stream in found["streams"]),
            frozenset((flow, number) for flow, number in found["missing"][:-1]),
            found["silence"] / 1000,
        )

    @property
    def sent(self) -> int:
        """Datagrams that were sent."""
        return sum(flow.sent for flow in self.flows)

    @property
    def received(self) -> int:
        """Different datagrams that arrived."""
        return sum(flow.received for flow in self.flows)

    def faults(self) -> list[str]:
        """Return what is wrong with what arrived, be it all or not; empty: nothing."""
        wrong = [
            f"flow {index}: {flow}"
            for index, flow in enumerate(self.flows)
            if flow.doubled or flow.late or flow.broken
        ]
        return wrong + [
            f"stream {index}: {stream}"
            for index, stream in enumerate(self.streams)
            if stream.wrong or stream.received != stream.sent
        ]


class Load:
    """Traffic, for as long as the block lasts; its figures stay."""

    def __init__(
        self, lab: Lab, *, flows: int = FLOWS, streams: int = STREAMS, window: int = WINDOW
    ) -> None:
        program = compiled(*(f"load/{name}.c" for name in ("common", "flow", "stream", "load")))
        spaces = [lab.path("client"), lab.path("server")]
        words = [*spaces, SERVER[4], flows, streams, window, RATE]
        self._process = subprocess.Popen(
            [program, *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._began = time.monotonic()
        self.figures: Figures | None = None
        """What became of all, when it is over."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if kind is None:
                self.figures = self._ask(f"stop {SILENCE * 1000:.0f}")
        finally:
            self._process.kill()
            self._process.communicate()

    def _ask(self, command: str) -> Figures:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the load has ended with {self._process.wait()}"
        return Figures.read(line)

    def now(self) -> Figures:
        """Return what there is until now."""
        return self._ask("figures")

    def poison(self, flow: int) -> None:
        """Have a flow's next datagram be one that ends whoever judges it (tests/netns/poison.c)."""
        self._ask(f"poison {flow}")

    def moving(self, more: int = 2000) -> None:
        """Wait until so many more have arrived."""
        goal = self.now().received + more
        deadline = time.monotonic() + PATIENCE
        while (now := self.now()).received < goal:
            assert time.monotonic() < deadline, f"{goal - now.received} of {more} did not arrive"
            time.sleep(0.02)


def socket_losses(lab: Lab) -> int:
    """Return how many datagrams the server's own sockets had no room for: the receiver's fault."""
    with lab.inside("server"):
        rows = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (row.split() for row in rows if row.startswith("Udp:"))
    found: dict[str, Any] = dict(zip(names, values, strict=True))
    return int(found["RcvbufErrors"]) + int(found["InErrors"])
