# SPDX-License-Identifier: GPL-2.0
"""Makes demo.pcap: the packets of `tests.netns.demo_cases`, as a wire before the gateway has them.

.venv/bin/python -m tests.captures.make
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter

from tests.netns.demo_cases import CASES, RESPONSE, Case
from tests.netns.lab import LINKS, SERVER

DEMO = Path(__file__).with_name("demo.pcap")
START = 1_700_000_000
"""Seconds since the epoch of the first packet; a millisecond later the next."""


def exchange(case: Case) -> Iterator[tuple[bool, Any]]:
    """Yield a case's transport segments; True: from the client."""
    port = 40000 + CASES.index(case)
    out, back = {"sport": port, "dport": case.dport}, {"sport": case.dport, "dport": port}
    match case.kind:
        case "connect":
            yield True, TCP(**out, flags="S", seq=1000)
        case "http":
            sent, answer = len(case.payload), len(RESPONSE)
            yield True, TCP(**out, flags="S", seq=1000)
            yield False, TCP(**back, flags="SA", seq=5000, ack=1001)
            yield True, TCP(**out, flags="A", seq=1001, ack=5001)
            yield True, TCP(**out, flags="PA", seq=1001, ack=5001) / Raw(case.payload)
            yield False, TCP(**back, flags="PA", seq=5001, ack=1001 + sent) / Raw(RESPONSE)
            yield True, TCP(**out, flags="FA", seq=1001 + sent, ack=5001 + answer)
            yield False, TCP(**back, flags="FA", seq=5001 + answer, ack=1002 + sent)
            yield True, TCP(**out, flags="A", seq=1002 + sent, ack=5002 + answer)
        case "datagram":
            yield True, UDP(**out) / Raw(case.payload)
            if case.verdict == "accept":
                yield False, UDP(**back) / Raw(b"I heard: " + case.payload)
        case "ping" if case.family == 4:
            yield True, ICMP(type="echo-request", id=1, seq=1) / Raw(case.payload)
            yield False, ICMP(type="echo-reply", id=1, seq=1) / Raw(case.payload)
        case "ping":
            yield True, ICMPv6EchoRequest(id=1, seq=1, data=case.payload)
            yield False, ICMPv6EchoReply(id=1, seq=1, data=case.payload)


def frames() -> Iterator[Any]:
    """Yield the Ethernet frames of all cases."""
    client, gateway = (end.mac for end in LINKS[0])
    for case in CASES:
        network = IP if case.family == 4 else IPv6
        for outward, segment in exchange(case):
            ends = (case.source, SERVER[case.family])
            macs = (client, gateway)
            (source, target), (near, far) = (ends, macs) if outward else (ends[::-1], macs[::-1])
            yield Ether(src=near, dst=far) / network(src=source, dst=target) / segment


def make(file: Path) -> None:
    """Write the capture."""
    with PcapWriter(str(file), linktype=1) as writer:
        for number, frame in enumerate(frames()):
            packet = Ether(bytes(frame))
            packet.time = START + number / 1000
            writer.write(packet)


if __name__ == "__main__":
    make(DEMO)
