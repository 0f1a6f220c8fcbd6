# SPDX-License-Identifier: GPL-2.0
"""NetfilterQueue with a callback that accepts and does nothing else."""

import sys

from netfilterqueue import NetfilterQueue, Packet


def judge(packet: Packet) -> None:
    """Accept."""
    packet.accept()


queue = NetfilterQueue()
queue.bind(int(sys.argv[1]), judge, max_len=16384, sock_len=64 << 20)
print("ready", flush=True)
queue.run()
