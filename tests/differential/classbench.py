# SPDX-License-Identifier: GPL-2.0
"""ClassBench's filter sets as policies, their traces as packets.

The files lie in ``tests/classbench``; a README there tells their format.
"""

import gzip
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qverdictd.packet.raw import AF_INET, RawPacket

FOLDER = Path(__file__).resolve().parents[1] / "classbench"
SETS = tuple(f"{seed}-{size}" for seed in ("acl1", "fw1", "ipc1") for size in (1000, 10000))

_TCP, _UDP = 6, 17
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_HEADERS = {
    # Ports; sequence numbers, data offset, SYN, window; or the datagram's length.
    _TCP: struct.pack("!IIBBHHH", 0, 0, 5 << 4, 2, 65535, 0, 0),
    _UDP: struct.pack("!HH", 8, 0),
}


def _lines(name: str, kind: str) -> Iterator[list[str]]:
    with gzip.open(FOLDER / f"{name}.{kind}.gz", "rt") as lines:
        for line in lines:
            if not line.startswith("#"):
                yield line.split()


def policy(name: str) -> str:
    """Return a set as a policy's text; a rule's name is its index."""
    rules = "\n".join(_rule(index, line) for index, line in enumerate(_lines(name, "rules")))
    return f"version: 1\ndefault: drop\nrules:\n{rules}\n"


def _rule(index: int, line: list[str]) -> str:
    fields = zip(("src", "dst", "sport", "dport", "proto"), line, strict=True)
    match = ", ".join(f'{name}: "{value}"' for name, value in fields if value != "-")
    return f'  - {{name: "{index}", match: {{{match}}}, verdict: accept}}'


@dataclass(frozen=True, slots=True)
class Header:
    """A line of a trace, as a packet."""

    packet: RawPacket
    rule: str
    """The name of the first rule that matches, found by walking all."""


def trace(name: str) -> list[Header]:
    """Return the lines of a trace that a packet can have: those with ports, TCP's and UDP's."""
    return [
        Header(_packet(source, destination, int(sport), int(dport), int(proto)), rule)
        for source, destination, sport, dport, proto, rule in _lines(name, "trace")
        if int(proto) in _HEADERS
    ]


def _packet(source: str, destination: str, sport: int, dport: int, proto: int) -> RawPacket:
    segment = struct.pack("!HH", sport, dport) + _HEADERS[proto]
    ends = socket.inet_aton(source), socket.inet_aton(destination)
    size = _IPV4.size + len(segment)
    data = _IPV4.pack(0x45, 0, size, 0, 0, 64, proto, 0, *ends) + segment
    return RawPacket(1, data, size, AF_INET)
