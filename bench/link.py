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
import socket
import subprocess
from pathlib import Path

QUEUE = 0
_DEVICE = "queue0"
_PEER = "traffic"
_NAMESPACE = "sender"
_COUNTERS = Path("/proc/self/net/netfilter/nfnetlink_queue")
"""One line for each bound queue; its columns are those of nfqnl's seq_show in the kernel."""


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


def counter() -> socket.socket:
    """Return a socket through which the receiver's count can be read."""
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


def generator(program: Path, flows: int, packets: int, window: int, counter: int) -> list[str]:
    """Return the command that sends packets over the link."""
    (device,) = json.loads(_run("ip", "-json", "link", "show", _DEVICE))
    ends = [str(device["link_index"]), device["address"]]
    arguments = [*ends, str(flows), str(packets), str(window), str(counter)]
    return ["ip", "netns", "exec", _NAMESPACE, str(program), *arguments]


def overruns() -> int:
    """Return the packets that the kernel dropped as the bound queue or its socket was full.

    0 where only the machine's root may read it: that they did not arrive shows all the same.
    """
    try:
        line = _COUNTERS.read_text()
    except PermissionError:
        return 0
    _, _, _, _, _, queue_dropped, socket_dropped, _, _ = map(int, line.split())
    return queue_dropped + socket_dropped
