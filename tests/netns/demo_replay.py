# SPDX-License-Identifier: GPL-2.0
"""The demo's traffic out of a capture, for who is not root: no kernel queue, the same policy."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.utils import RawPcapReader

from tests.netns.daemon import QVERDICTD, Record
from tests.netns.demo_cases import CASES, Case, shown
from tests.netns.lab import SERVER


def replay(rules: Path, capture: Path) -> Iterator[tuple[Case, Record | None, str, str]]:
    """Judge the capture; yield each case with its decision, what should be left, and what is."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "out.pcap")
        done = subprocess.run(
            [QVERDICTD, "replay", "--rules", rules, capture, "-w", output, "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"replay: exit code {done.returncode}\n{done.stderr}")
        left = _packets(output)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    for case in CASES:
        record = next(filter(case.concerns, records), None)
        yield case, record, case.arrives, _arrived(case, record, left)
    print(done.stderr, end="")


def _packets(file: Path) -> list[Any]:
    with RawPcapReader(str(file)) as reader:
        return [Ether(data) for data, _ in reader]


def _arrived(case: Case, record: Record | None, left: list[Any]) -> str:
    """Return what is left of a case's packets: the payload of the largest."""
    network = IP if case.family == 4 else IPv6
    pinged = ICMP if case.family == 4 else ICMPv6EchoRequest
    transport = {"ping": pinged, "datagram": UDP}.get(case.kind, TCP)
    found = [
        packet
        for packet in left
        if network in packet
        and transport in packet
        and (packet[network].src, packet[network].dst) == (case.source, SERVER[case.family])
        and (case.dport is None or packet[transport].dport == case.dport)
    ]
    if not found:
        return "nothing"
    if case.kind == "ping":
        return f"mark {record['mark']:#x}" if record else "no decision"
    data = bytes(max(found, key=len)[transport].payload)
    return shown(data) if case.kind == "http" else data.decode("latin-1")
