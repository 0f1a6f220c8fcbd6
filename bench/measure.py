# SPDX-License-Identifier: GPL-2.0
"""One run: a program, some packets, what they cost, and whether every one of them arrived."""

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import link
from bench.link import Traffic

_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; Python has no name for it


def in_flight() -> int:
    """Return how many packets may be on their way or wait at once.

    They must fit the socket buffer of every program. Without root it is what all users get, and
    holds a few hundred; the figures are then a little worse for those that read many at once.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        except PermissionError:
            return 128
    return 2048


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run showed."""

    packets: int
    """Sent."""
    delivered: int
    """Accepted and counted by the receiver's rule."""
    lost: int
    """Dropped by the kernel because the queue or the socket was full."""
    cpu: float
    """Seconds of user and system time of the process from before the first packet to the last
    verdict."""
    wall: float
    """Seconds from the first packet sent to the last one answered."""

    @property
    def valid(self) -> bool:
        """Whether each packet was delivered once: else the run measured something else."""
        return self.lost == 0 and self.delivered == self.packets

    @property
    def nanoseconds(self) -> float:
        """CPU nanoseconds a packet."""
        return self.cpu / self.delivered * 1e9

    @property
    def rate(self) -> float:
        """Packets a second."""
        return self.delivered / self.wall


def _cpu_clock(pid: int) -> int:
    """Return the id of a process's CPU-time clock, as clock_getcpuclockid(3) makes it.

    It counts user and system time of all threads in nanoseconds, where /proc/PID/stat has ticks.
    """
    return (~pid << 3) | 2


def processors() -> tuple[int, int]:
    """Return where the program runs and where the traffic is made: apart, if there are two."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[-1], cpus[0]


def measure(pid: int, queue: int, generate: Path, traffic: Traffic) -> Sample:
    """Send packets to a program that stands ready at its queue."""
    _, cpu = processors()
    before = link.overruns(queue)
    with link.counter() as counter:
        command = link.generator(generate, queue, traffic, counter.fileno(), pid)
        clock = _cpu_clock(pid)
        began = time.clock_gettime(clock)
        sent = subprocess.run(
            ["taskset", "-c", str(cpu), *command],
            pass_fds=[counter.fileno()],
            stdout=subprocess.PIPE,
            check=True,
        )
        spent = time.clock_gettime(clock) - began
        wall, delivered = sent.stdout.split()
        lost = link.overruns(queue) - before
        return Sample(traffic.packets, int(delivered), lost, spent, float(wall))
