# SPDX-License-Identifier: GPL-2.0
"""The policies of the benchmark, for qverdictd as YAML and for Suricata as its rules.

The traffic (generate.c): UDP from 198.18.0.0/16, ports 20000 and 20001, to port 9 of 192.0.2.1.
Rules are five-tuples like those of ClassBench's sets: prefixes that nest and share their
beginnings, ports that are one, a range or any. Three policies are made from them:

- *last*: only the last rule matches the traffic and accepts it; the default is drop. Of the rules
  before it some fail at one field only, each at another.
- *spread*: most of the rules match some of the traffic, and the default is drop.
- *rewrite*: as *last*, and the last rule changes some bytes of the payload.

All are drawn from a fixed seed: the same size gives the same policy.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

SOURCES = IPv4Network("198.18.0.0/16")
SOURCE_PORTS = (20000, 20001)
DESTINATION = IPv4Address("192.0.2.1")
PORT = 9

_ANY = IPv4Network("0.0.0.0/0")
_ALL_PORTS = (0, 65535)
_WELL_KNOWN = (21, 22, 25, 53, 80, 110, 123, 143, 161, 443, 445, 993, 1433, 1521, 3306, 3389, 8080)
_SEED = 20040301  # any will do

Ports = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FiveTuple:
    """A rule of a classic firewall."""

    source: IPv4Network
    destination: IPv4Network
    protocol: str
    """tcp, udp, ip, or a number."""
    source_ports: Ports
    """Closed, as are `destination_ports`."""
    destination_ports: Ports

    def matches(self, source: IPv4Address, source_port: int) -> bool:
        """Tell whether a packet of the traffic matches."""
        return (
            self.protocol != "tcp"
            and source in self.source
            and DESTINATION in self.destination
            and self.source_ports[0] <= source_port <= self.source_ports[1]
            and self.destination_ports[0] <= PORT <= self.destination_ports[1]
        )

    def yaml(self) -> str:
        """Return the match as a YAML mapping."""
        parts = []
        if self.source != _ANY:
            parts.append(f"src: {self.source}")
        if self.destination != _ANY:
            parts.append(f"dst: {self.destination}")
        if self.protocol != "ip":
            parts.append(f"proto: {self.protocol}")
        for name, ports in (("sport", self.source_ports), ("dport", self.destination_ports)):
            if ports != _ALL_PORTS:
                one = f"{ports[0]}" if ports[0] == ports[1] else f'"{ports[0]}-{ports[1]}"'
                parts.append(f"{name}: {one}")
        return "{" + (", ".join(parts) or "family: ip") + "}"

    def suricata(self, action: str, number: int) -> str:
        """Return the rule as a line of Suricata's."""
        sides = []
        for network, ports in (
            (self.source, self.source_ports),
            (self.destination, self.destination_ports),
        ):
            address = "any" if network == _ANY else str(network)
            span = "any"
            if ports != _ALL_PORTS and self.protocol != "ip":
                span = f"{ports[0]}" if ports[0] == ports[1] else f"{ports[0]}:{ports[1]}"
            sides.append(f"{address} {span}")
        return f"{action} {self.protocol} {sides[0]} -> {sides[1]} (sid:{number};)"


TRAFFIC = FiveTuple(SOURCES, IPv4Network(DESTINATION), "udp", _ALL_PORTS, (PORT, PORT))
"""What all of the traffic matches, and nothing else need."""

EVERYTHING = FiveTuple(_ANY, _ANY, "ip", _ALL_PORTS, _ALL_PORTS)
"""What any IPv4 packet matches."""


class _Draw:
    """Draws the parts of rules, alike whatever Python's version is."""

    def __init__(self, size: int) -> None:
        self._random = random.Random(_SEED + size)
        self._networks = [self._random.randrange(1 << 24, 223 << 24) for _ in range(64)]

    def chance(self, part: float) -> bool:
        return self._random.random() < part

    def _network(self, base: int, shortest: int, lengths: tuple[int, ...]) -> IPv4Network:
        """Return a prefix below ``base``, whose first ``shortest`` bits it has."""
        value = base ^ self._random.getrandbits(32 - shortest)
        return IPv4Network((value, self._random.choice(lengths)), strict=False)

    def source(self) -> IPv4Network:
        return self._network(self._random.choice(self._networks), 16, (16, 20, 24, 24, 28, 32, 32))

    def sender(self) -> IPv4Network:
        """Return a prefix of some of the traffic's sources."""
        base = int(SOURCES.network_address)
        return self._network(base, 16, (26, 28, 30, 30, 32, 32, 32, 32, 32, 32))

    def destination(self) -> IPv4Network:
        if self.chance(0.15):
            return _ANY
        return self._network(self._random.choice(self._networks), 12, (24, 27, 32, 32, 32))

    def protocol(self) -> str:
        return self._random.choice(("tcp", "tcp", "tcp", "tcp", "tcp", "udp", "udp", "udp", "ip"))

    def port(self) -> Ports:
        kind = self._random.random()
        if kind < 0.6:
            one = self._random.choice(_WELL_KNOWN)
            return (one, one)
        if kind < 0.85:
            low = self._random.randrange(1024, 60000)
            return (low, low + self._random.randrange(0, 5000))
        return _ALL_PORTS

    def other(self) -> FiveTuple:
        """Return a rule that has nothing to do with the traffic, or fails it at some field."""
        protocol = self.protocol()
        source_ports = _ALL_PORTS if protocol == "ip" or self.chance(0.8) else (1024, 65535)
        ports = _ALL_PORTS if protocol == "ip" else self.port()
        if self.chance(0.9):
            return FiveTuple(self.source(), self.destination(), protocol, source_ports, ports)
        if self.chance(0.5):  # the traffic's addresses, another port or protocol
            to = TRAFFIC.destination
            return FiveTuple(self.sender(), to, "tcp", source_ports, self.port())
        return FiveTuple(self.source(), TRAFFIC.destination, "udp", _ALL_PORTS, (PORT, PORT))

    def hit(self) -> FiveTuple:
        """Return a rule that matches some of the traffic."""
        source_ports = _ALL_PORTS if self.chance(0.5) else (SOURCE_PORTS[0], SOURCE_PORTS[0])
        ports = (PORT, PORT) if self.chance(0.7) else (0, 1023)
        return FiveTuple(self.sender(), TRAFFIC.destination, "udp", source_ports, ports)


def last(size: int) -> list[FiveTuple]:
    """Return ``size`` rules of which only the last matches the traffic."""
    return [*_others(size - 1), TRAFFIC]


def spread(size: int) -> list[FiveTuple]:
    """Return ``size`` rules most of which match some of the traffic; the last one matches all."""
    draw = _Draw(size)
    others = _others(size // 5)
    return [next(others) if n % 5 == 4 else draw.hit() for n in range(size - 1)] + [TRAFFIC]


def _others(count: int) -> Iterator[FiveTuple]:
    """Yield different rules that the traffic does not match."""
    draw = _Draw(count)
    seen: set[FiveTuple] = set()
    while len(seen) < count:
        rule = draw.other()
        if rule in seen or _meets_traffic(rule):
            continue
        seen.add(rule)
        yield rule


def _meets_traffic(rule: FiveTuple) -> bool:
    return (
        rule.protocol != "tcp"
        and rule.source.overlaps(SOURCES)
        and DESTINATION in rule.destination
        and rule.destination_ports[0] <= PORT <= rule.destination_ports[1]
    )


def yaml(rules: list[FiveTuple], *, rewrite: bool = False) -> str:
    """Return a policy in which each rule accepts; with ``rewrite`` the last one changes bytes."""
    lines = [
        f"  - {{name: r{number}, match: {rule.yaml()}, verdict: accept}}\n"
        for number, rule in enumerate(rules)
    ]
    if rewrite:
        edit = "rewrite: [{replace: {text: hello, with: HELLO}}], verdict: accept}"
        lines[-1] = lines[-1].replace("verdict: accept}", edit)
    return f"version: 1\ndefault: drop\non_error: drop\nrules:\n{''.join(lines)}"


def suricata(rules: list[FiveTuple]) -> str:
    """Return the rules as Suricata's, which drops what none of them passes."""
    lines = [rule.suricata("pass", number) for number, rule in enumerate(rules, 1)]
    return "\n".join([*lines, EVERYTHING.suricata("drop", len(rules) + 1), ""])
