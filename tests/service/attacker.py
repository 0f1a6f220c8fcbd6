# SPDX-License-Identifier: GPL-2.0
"""What a user without rights can try against the daemon, in a loop, until standard input ends.

    attacker.py PORTID QUEUE

It runs in the system that is attacked. At the end it prints, as JSON, how often each attempt was
answered by what.
"""

import collections
import errno
import json
import os
import resource
import select
import socket
import struct
import sys

NETLINK_NETFILTER = 12
NLMSG_ERROR = 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4
PACKET, VERDICT, CONFIG, VERDICT_BATCH = 0x300, 0x301, 0x302, 0x303
"""Messages of nfnetlink_queue: its subsystem is 3."""
UNBIND = 2
SQUATTED = 900
AHEAD = 2000
"""So many process ids, from the newest on: a socket's port id is its process's if that is free."""

Counts = collections.Counter[str]


def attribute(kind: int, data: bytes) -> bytes:
    """Return a netlink attribute, padded."""
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def message(kind: int, queue: int, *attributes: bytes) -> bytes:
    """Return a message of nfnetlink_queue's."""
    body = struct.pack("=BB", socket.AF_INET, 0) + struct.pack(">H", queue) + b"".join(attributes)
    return struct.pack("=IHHII", len(body) + 16, kind, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body


def attempts(queue: int) -> dict[str, bytes]:
    """Return what to send, by what it would do."""
    packet = struct.pack(">IHBx", 1, 0x800, 2)
    verdict = struct.pack(">II", 0, (1 << 31) - 1)  # drop all
    return {
        "a packet": message(PACKET, queue, attribute(1, packet), attribute(10, bytes(60))),
        "a verdict": message(VERDICT, queue, attribute(2, verdict)),
        "verdicts": message(VERDICT_BATCH, queue, attribute(2, verdict)),
        "an unbind": message(CONFIG, queue, attribute(1, struct.pack(">BxH", UNBIND, 2))),
    }


def send(sender: socket.socket, portid: int, data: bytes) -> str:
    """Send to a port id, 0 is the kernel; return what came of it."""
    try:
        sender.sendto(data, (portid, 0))
        if portid:
            return "sent"
        answer = sender.recv(65536)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    (kind,) = struct.unpack_from("=H", answer, 4)
    (code,) = struct.unpack_from("=i", answer, 16)
    return errno.errorcode.get(-code, "done") if kind == NLMSG_ERROR else f"message {kind}"


def squat(first: int) -> list[socket.socket]:
    """Take the port ids that processes started from now on would get."""
    taken = []
    for portid in range(first, first + AHEAD):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        try:
            sock.bind((portid, 0))
        except OSError:
            sock.close()
            continue
        taken.append(sock)
        if len(taken) == SQUATTED:
            break
    return taken


def main() -> None:
    """Attack until told to stop."""
    portid, queue = int(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    taken = squat(os.getpid())
    counts: collections.defaultdict[str, Counts] = collections.defaultdict(collections.Counter)
    counts["squatted"]["ports"] = len(taken)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sender:
        print("attacking", flush=True)
        while not select.select([sys.stdin], [], [], 0.0005)[0]:
            for name, data in attempts(queue).items():
                counts[f"{name} to the daemon"][send(sender, portid, data)] += 1
                counts[f"{name} to the kernel"][send(sender, 0, data)] += 1
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
