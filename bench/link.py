# SPDX-License-Identifier: GPL-2.0
"""The link that the packets come over, and the queue that they meet.

    +-- sender (namespace) --+              +-- the private world itself ----------------+
    |                        |              | raw PREROUTING:    -j NFQUEUE --queue-num 0 |
    |  generate --> traffic ================ queue0                 |                     |
    |                        |    veth      |                       v  accepted           |
    +------------------------+              | mangle PREROUTING:  -j DROP, which counts   |
                                            +---------------------------------------------+

This is the cheapest way through the kernel that ends in a count: the queue is the first thing
that a packet meets, no routing and no connection tracking comes before it, and what was accepted
goes no further than the next table, whose rule is the receiver.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

QUEUE = 0
_DEVICE = "queue0"
_PEER = "traffic"
_NAMESPACE = "sender"
PROGRESS = Path("/proc/self/net/netfilter/nfnetlink_queue")
"""One line for each bound queue; its columns are those of nfqnl's seq_show in the kernel."""


class Counters(NamedTuple):
    """The kernel's count of what happened to a queue's packets."""

    waiting: int
    queue_dropped: int
    """The queue held as many as it may."""
    socket_dropped: int
    """The socket's buffer was full."""
    queued: int
    """Ids given out so far."""


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def make() -> None:
    """Make the link and the rules in the private world that we are in."""
    _run("ip", "netns", "add", _NAMESPACE)
    _run("ip", "link", "add", _DEVICE, "type", "veth", "peer", "name", _PEER, "netns", _NAMESPACE)
    _run("ip", "link", "set", _DEVICE, "up")
    _run("ip", "-n", _NAMESPACE, "link", "set", _PEER, "up")
    rule = ("PREROUTING", "-i", _DEVICE, "-p", "udp", "-j")
    _run("iptables-legacy", "-t", "raw", "-A", *rule, "NFQUEUE", "--queue-num", str(QUEUE))
    _run("iptables-legacy", "-t", "mangle", "-A", *rule, "DROP")


def generator(program: Path, flows: int, packets: int, window: int, progress: int) -> list[str]:
    """Return the command that sends packets over the link."""
    (device,) = json.loads(_run("ip", "-json", "link", "show", _DEVICE))
    arguments = [_PEER, device["address"], str(flows), str(packets), str(window), str(progress)]
    return ["ip", "netns", "exec", _NAMESPACE, str(program), *arguments]


def delivered() -> int:
    """Return how many accepted packets arrived since `make`."""
    saved = _run("iptables-legacy-save", "-c", "-t", "mangle")
    found = re.search(r"^\[(\d+):\d+\] -A PREROUTING", saved, re.MULTILINE)
    assert found is not None, saved
    return int(found[1])


def counters() -> Counters:
    """Return the kernel's counters of the bound queue."""
    _, _, waiting, _, _, queue_dropped, socket_dropped, queued, _ = map(
        int, PROGRESS.read_text().split()
    )
    return Counters(waiting, queue_dropped, socket_dropped, queued)
