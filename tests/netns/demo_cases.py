# SPDX-License-Identifier: GPL-2.0
"""What the demo sends and what must become of it by ``rules/rules.yaml``."""

from dataclasses import dataclass
from typing import Any, Literal

from tests.netns.lab import CLIENT, SERVER, Family

Kind = Literal["connect", "http", "datagram", "ping"]

BLOCKED: dict[Family, str] = {4: "203.0.113.66", 6: "2001:db8:bad::66"}
"""An address of the client's that is on the blocklist."""

MARK = 0x10
REQUEST = b"GET / HTTP/1.1\r\nHost: server\r\nUser-Agent: Firefox/132.0\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that the client sends, and what must come of it."""

    kind: Kind
    family: Family
    sent: str
    """For the table."""
    verdict: str
    rule: str | None
    """None: no rule decides."""
    arrives: str
    """What the server sees of it, for the table; ``nothing`` if it was dropped."""
    dport: int | None = None
    payload: bytes = b""
    blocked: bool = False
    """Sent from `BLOCKED`."""

    @property
    def source(self) -> str:
        """The address that it is sent from."""
        return BLOCKED[self.family] if self.blocked else CLIENT[self.family]

    @property
    def proto(self) -> str:
        """The protocol as decisions name it."""
        if self.kind == "ping":
            return "icmp" if self.family == 4 else "icmpv6"
        return "udp" if self.kind == "datagram" else "tcp"

    def concerns(self, record: dict[str, Any]) -> bool:
        """Tell whether a decision is about this case's packet, the one that has the payload."""
        said = (record.get(key) for key in ("proto", "src", "dst", "dport"))
        ours = (self.proto, self.source, SERVER[self.family], self.dport)
        least = {4: 20, 6: 40}[self.family] + 8 + len(self.payload)
        return tuple(said) == ours and bool(record["length"] >= least)


def shown(request: bytes) -> str:
    """Return the line of an HTTP request that the policy changes."""
    lines = request.decode("latin-1").split("\r\n")
    return next((line for line in lines if line.startswith("User-Agent:")), "no User-Agent")


def _of_family(family: Family) -> list[Case]:
    ping = "ICMP echo request" if family == 4 else "ICMPv6 echo request"
    return [
        Case("connect", family, "TCP to port 23", "drop", "no-telnet", "nothing", 23),
        Case(
            *("http", family, "HTTP, " + shown(REQUEST), "accept", "hide-browser"),
            *("User-Agent: Browser/000.0", 80, REQUEST),
        ),
        Case(
            *("datagram", family, "UDP 9999: hello server", "accept", "politely"),
            *("good evening server", 9999, b"hello server"),
        ),
        Case(
            *("datagram", family, "UDP 53: any question", "accept", "dns"),
            *("any question", 53, b"any question"),
        ),
        Case("ping", family, ping, "accept", "mark-ping", f"mark {MARK:#x}", payload=b"?" * 32),
        Case("datagram", family, "UDP 7: echo", "drop", None, "nothing", 7, b"echo"),
        Case(
            *("datagram", family, "UDP 53, blocked source", "drop", "blocklisted", "nothing"),
            *(53, b"any question", True),
        ),
    ]


CASES = [case for family in CLIENT for case in _of_family(family)]
