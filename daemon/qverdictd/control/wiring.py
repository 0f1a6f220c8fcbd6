# SPDX-License-Identifier: GPL-2.0
"""``attach:`` in qverdictd.yaml: which packets the kernel is to send to the queues."""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PlainValidator, model_validator

from qverdictd.packet.names import PROTOCOLS
from qverdictd.policy.document import Shape
from qverdictd.policy.literals import written

Backend = Literal["nft", "iptables-nft", "iptables-legacy"]
Hook = Literal["prerouting", "input", "forward", "output", "postrouting"]

BACKENDS: tuple[Backend, ...] = ("nft", "iptables-nft", "iptables-legacy")
HOOKS: tuple[Hook, ...] = ("prerouting", "input", "forward", "output", "postrouting")
_WITH_IN = ("prerouting", "input", "forward")
_WITH_OUT = ("forward", "output", "postrouting")
_WITH_PORTS = (PROTOCOLS["tcp"], PROTOCOLS["udp"])

PortRange = tuple[int, int]
"""The first and the last port."""


def protocol_number(text: str | int) -> int:
    """Read a protocol's name or number. Raises ValueError."""
    name = str(text)
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if name.isascii() and name.isdigit() and int(name) <= 255:
        return int(name)
    known = ", ".join(PROTOCOLS)
    raise ValueError(f"no protocol {name!r}: use a number up to 255, or {known}")


def port_ranges(text: str | int) -> tuple[PortRange, ...]:
    """Read ``80``, ``1024-65535`` or ``80,443,8000-8080``. Raises ValueError."""
    ranges = []
    for part in str(text).split(","):
        found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part.strip())
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not first <= last <= 65535:
            raise ValueError(f"expected ports such as 80, 8000-8080 or 80,443, not {text!r}")
        ranges.append((first, last))
    return tuple(ranges)


def interface_name(text: str) -> str:
    """Read an interface's name, with ``*`` at its end for all that begin so. Raises ValueError."""
    # What no shell and neither rule language reads otherwise; the kernel itself takes more.
    if isinstance(text, str) and re.fullmatch(
        r"[A-Za-z0-9_.:@-]{1,15}|[A-Za-z0-9_.:@-]{1,14}\*", text
    ):
        return text
    raise ValueError(f"expected an interface such as eth0, or eth* for several, not {text!r}")


def _kept(read: Callable[[str], object]) -> PlainValidator:
    """Hold a value to what ``read`` takes, and keep it as it was written."""

    def check(value: object) -> object:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            value = written(value)  # which none of them takes
        read(value)  # type: ignore[arg-type]
        return value

    return PlainValidator(check)


class AttachShape(Shape):
    """The packets to send to the queues: those that all of its keys admit."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)

    backend: Literal["auto", "nft", "iptables-nft", "iptables-legacy"] = Field(
        default="auto", description="whose rules; auto: the first that works here"
    )
    hooks: list[Hook] = Field(
        default=["forward"], min_length=1, description="where packets are taken"
    )
    family: Literal["both", "ip", "ip6"] = Field(default="both", description="IPv4, IPv6, or both")
    proto: Annotated[str | int | None, _kept(protocol_number)] = Field(
        default=None, description="only this protocol, by name or number"
    )
    sport: Annotated[str | int | None, _kept(port_ranges)] = Field(
        default=None, description="only these source ports: 80,8000-8080"
    )
    dport: Annotated[str | int | None, _kept(port_ranges)] = Field(
        default=None, description="only these destination ports"
    )
    in_: Annotated[str | None, _kept(interface_name)] = Field(
        default=None, alias="in", description="coming in here; eth* for all that begin so"
    )
    out: Annotated[str | None, _kept(interface_name)] = Field(
        default=None, description="going out here"
    )
    defragment: bool = Field(
        default=False, description="put fragments together first, by tracking connections"
    )
    on_stop: Literal["keep", "detach"] = Field(
        default="keep", description="whether the service takes the rules away when it is stopped"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "AttachShape":
        proto = None if self.proto is None else protocol_number(self.proto)
        if (self.sport is not None or self.dport is not None) and proto not in _WITH_PORTS:
            raise ValueError("sport and dport need proto: tcp or proto: udp")
        for key, value, hooks in (("in", self.in_, _WITH_IN), ("out", self.out, _WITH_OUT)):
            unfit = [hook for hook in self.hooks if hook not in hooks]
            if value is not None and unfit:
                raise ValueError(f"{key!r} has no meaning at hook {unfit[0]}")
        wrong = {PROTOCOLS["icmp"]: "ip6", PROTOCOLS["icmpv6"]: "ip"}.get(proto or 0)
        if wrong is not None and self.family == wrong:
            raise ValueError(f"proto {self.proto} is not in family {self.family}")
        return self
