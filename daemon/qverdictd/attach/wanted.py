# SPDX-License-Identifier: GPL-2.0
"""What is to be sent where, in no rule language yet."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

from qverdictd.control.config import Config, queue_numbers
from qverdictd.control.wiring import (
    HOOKS,
    AttachShape,
    Hook,
    PortRange,
    port_ranges,
    protocol_number,
)
from qverdictd.packet.names import PROTOCOLS

Family = Literal["ip", "ip6"]
FAMILIES: tuple[Family, ...] = ("ip", "ip6")

_ONLY_IN: dict[int, Family] = {PROTOCOLS["icmp"]: "ip", PROTOCOLS["icmpv6"]: "ip6"}
_WITH_PORTS = {number: name for name, number in PROTOCOLS.items() if name in ("tcp", "udp")}


@dataclass(frozen=True, slots=True)
class Match:
    """The ports of one rule; None: any."""

    sport: PortRange | None
    dport: PortRange | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Packets, and the queues that they go to."""

    hooks: tuple[Hook, ...]
    families: tuple[Family, ...]
    proto: int | None
    sports: tuple[PortRange, ...]
    dports: tuple[PortRange, ...]
    in_: str | None
    """An interface's name; with ``*`` at its end, all whose names begin so."""
    out: str | None
    defragment: bool
    """Whether fragments are to be put together before a rule sees them."""
    first: int
    last: int
    """Queues ``first`` to ``last``: the kernel keeps each flow on one of them."""
    bypass: bool
    """Whether the kernel accepts packets while nobody holds the queue; else it drops them."""

    @classmethod
    def of(cls, config: Config, shape: AttachShape) -> Self:
        """Return what ``shape`` asks for, with the queues and the overflow of ``config``."""
        numbers = queue_numbers(config.queues)
        proto = None if shape.proto is None else protocol_number(shape.proto)
        families = tuple(
            family
            for family in FAMILIES
            if shape.family in ("both", family) and _ONLY_IN.get(proto or 0, family) == family
        )
        return cls(
            hooks=tuple(hook for hook in HOOKS if hook in shape.hooks),
            families=families,
            proto=proto,
            sports=() if shape.sport is None else port_ranges(shape.sport),
            dports=() if shape.dport is None else port_ranges(shape.dport),
            in_=shape.in_,
            out=shape.out,
            defragment=shape.defragment,
            first=numbers[0],
            last=numbers[-1],
            bypass=config.overflow == "accept",
        )

    @property
    def by_ports(self) -> bool:
        """Whether ports are looked at, which only the first fragment of a packet has."""
        return bool(self.sports or self.dports)

    @property
    def port_protocol(self) -> str:
        """The name of the protocol whose ports are looked at."""
        return _WITH_PORTS[self.proto or 0]

    def matches(self) -> Iterator[Match]:
        """Yield what each rule of a hook matches: ranges are spread over rules, without a limit."""
        for sport, dport in itertools.product(self.sports or (None,), self.dports or (None,)):
            yield Match(sport, dport)

    @property
    def queues(self) -> str:
        """The queues, as people write them."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
