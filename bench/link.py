# SPDX-License-Identifier: GPL-2.0
"""The links that packets come over, and the queue that each leads to.

    +-- sender (namespace) --+              +-- the private world itself ----------------+
    |                        |              | raw PREROUTING:    -j NFQUEUE --queue-num N |
    |  generate --> trafficN =============== queueN                 |                     |
    |                        |    veth      |                       v  accepted           |
    +------------------------+              | mangle PREROUTING:  -j DROP, which counts   |
                                            +---------------------------------------------+

Each program has a link and a queue N of its own, so that all stand ready and take short turns. This
is the cheapest way through the kernel that ends in a count: the queue is the first thing
that a packet meets, no routing and no connection tracking comes before it, and what was accepted
goes no further than the next table, whose rule is the receiver.
"""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_NAMESPACE = "sender"
_COUNTERS = Path("/proc/self/net/netfilter/nfnetlink_queue")
"""One line for each bound queue; its columns are those of nfqnl's seq_show in the kernel."""


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def make(queues: int) -> None:
    """Make the links and rules of the queues 0 to ``queues`` - 1 in the private world we are in."""
    _run("ip", "netns", "add", _NAMESPACE)
    for queue in range(queues):
        device, peer = f"queue{queue}", f"traffic{queue}"
        _run("ip", "link", "add", device, "type", "veth", "peer", "name", peer, "netns", _NAMESPACE)
        _run("ip", "link", "set", device, "up")
        _run("ip", "-n", _NAMESPACE, "link", "set", peer, "up")
        rule = ("PREROUTING", "-i", device, "-p", "udp", "-j")
        _run("iptables-legacy", "-t", "raw", "-A", *rule, "NFQUEUE", "--queue-num", str(queue))
    # One rule counts for all: only one program has traffic at a time.
    _run("iptables-legacy", "-t", "mangle", "-A", "PREROUTING", "-p", "udp", "-j", "DROP")


@contextmanager
def made(queues: int) -> Iterator[None]:
    """Have the links and rules for as long as the ``with`` block lasts."""
    make(queues)
    try:
        yield
    finally:
        for table in ("raw", "mangle"):
            _run("iptables-legacy", "-t", table, "-F", "PREROUTING")
        for queue in range(queues):
            _run("ip", "link", "delete", f"queue{queue}")
        _run("ip", "netns", "delete", _NAMESPACE)


def counter() -> socket.socket:
    """Return a socket through which the receiver's count can be read."""
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The packets of one run; see generate.c."""

    flows: int
    first: int
    """The flow that begins, so that runs of fewer packets than flows go on where one ended."""
    packets: int
    window: int
    """How many may be on their way or wait at once."""
    held: bool = False
    """Whether the program is stopped while they gather, so that nothing else runs beside it."""


def generator(program: Path, queue: int, traffic: Traffic, counter: int, pid: int) -> list[str]:
    """Return the command that sends packets over the link of a queue, to the program ``pid``."""
    (device,) = json.loads(_run("ip", "-json", "link", "show", f"queue{queue}"))
    (peer,) = json.loads(_run("ip", "-json", "-n", _NAMESPACE, "link", "show", f"traffic{queue}"))
    numbers = (traffic.flows, traffic.first, traffic.packets, traffic.window, counter)
    arguments = [str(peer["ifindex"]), device["address"], *map(str, numbers)]
    if traffic.held:
        arguments.append(str(pid))
    return ["ip", "netns", "exec", _NAMESPACE, str(program), *arguments]


def overruns(queue: int) -> int:
    """Return the packets that the kernel dropped as a bound queue or its socket was full.

    0 where only the machine's root may read it: that they did not arrive shows all the same.
    """
    try:
        lines = _COUNTERS.read_text().splitlines()
    except PermissionError:
        return 0
    for line in lines:
        number, _, _, _, _, queue_dropped, socket_dropped, _, _ = map(int, line.split())
        if number == queue:
            return queue_dropped + socket_dropped
    raise RuntimeError(f"queue {queue} is not bound")
