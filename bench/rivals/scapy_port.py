# SPDX-License-Identifier: GPL-2.0
"""NetfilterQueue with scapy's dissection and one port test: the way that tutorials teach."""

import sys

from netfilterqueue import NetfilterQueue, Packet
from scapy.layers.inet import IP, UDP


def judge(packet: Packet) -> None:
    """Drop UDP to port 23, accept the rest."""
    dissected = IP(packet.get_payload())
    if UDP in dissected and dissected[UDP].dport == 23:
        packet.drop()
    else:
        packet.accept()


queue = NetfilterQueue()
queue.bind(int(sys.argv[1]), judge, max_len=16384, sock_len=64 << 20)
print("ready", flush=True)
queue.run()
