# SPDX-License-Identifier: GPL-2.0
"""Policies and packets in a line."""

from pathlib import Path
from tempfile import TemporaryDirectory

from scapy.layers.inet import IP, TCP

from qverdictd.packet.raw import AF_INET, RawPacket
from qverdictd.policy.load import load
from qverdictd.policy.model import Policy


def policy(text: str) -> Policy:
    """Load a policy from its text; ``version: 1`` and the defaults are put before it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text(f"version: 1\ndefault: accept\non_error: drop\n{text}")
        return load(file)


def syn(port: int) -> RawPacket:
    """Return a TCP segment that opens a connection to a port."""
    data = bytes(IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=1024, dport=port, flags="S"))
    return RawPacket(0, data, len(data), AF_INET)
