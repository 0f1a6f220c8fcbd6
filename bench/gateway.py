# SPDX-License-Identifier: GPL-2.0
"""The laboratory's three hosts, with queues in the gateway's FORWARD chain.

Here packets go on after the queue: through routing to a server that receives them.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.netns.lab import CLIENT, SERVER, Lab

from bench.contestants import Contestant, Program, running


@contextmanager
def standing(lab: Lab, contestant: Contestant, cpus: list[int], queue: int) -> Iterator[Program]:
    """Let a program stand ready at a queue of the gateway."""
    with running(contestant, cpus, queue, lab.command("gateway", ())) as program:
        yield program


def queue_udp(lab: Lab, port: int, queue: int) -> None:
    """Queue what goes to and comes from a UDP port of the server."""
    for side in ("--dport", "--sport"):
        rule = ("FORWARD", "-p", "udp", side, str(port), "-j", "NFQUEUE")
        lab.iptables("gateway", "-A", *rule, "--queue-num", str(queue))


@contextmanager
def sockets(lab: Lab, port: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Open a UDP socket on the client and one on the server, connected to each other."""
    ends = []
    for host in ("client", "server"):
        with lab.inside(host):
            ends.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    client, server = ends
    with client, server:
        client.bind((CLIENT[4], port))
        server.bind((SERVER[4], port))
        client.connect((SERVER[4], port))
        server.connect((CLIENT[4], port))
        yield client, server
