# SPDX-License-Identifier: GPL-2.0
"""What the ip_queue module granted for a queue."""

from dataclasses import dataclass

from qverdictd.wire.ipqueue import FEATURE_FLOW, FEATURE_OWNER, FEATURE_PACKETS, Hello
from qverdictd.wire.ipqueue_control import Settings
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT

_FEATURE_NAMES = {FEATURE_PACKETS: "batches", FEATURE_FLOW: "flow", FEATURE_OWNER: "owners"}


@dataclass(frozen=True, slots=True)
class IpqueueGrant:
    """The terms on which a queue is owned; `str` gives the line for the log."""

    family: str
    portid: int
    copy_range: int
    buffer: int
    """Bytes of the socket's receive buffer."""
    hello: Hello
    settings: Settings

    def __str__(self) -> str:
        settings = self.settings
        parts = [
            f"queue 0 for {self.family}, portid {self.portid}",
            f"length {settings.maxlen}",
            f"copy range {self.copy_range}",
            f"receive buffer {self.buffer >> 10} KiB",
            f"up to {self.hello.max_packets} packets a datagram",
        ]
        granted = [name for bit, name in _FEATURE_NAMES.items() if self.hello.features & bit]
        parts.append("granted: " + ", ".join(granted))
        if settings.overflow_verdict == NF_ACCEPT:
            parts.append("what does not fit is accepted")
        if settings.deadline_ms:
            verdict = "accept" if settings.deadline_verdict == NF_ACCEPT else "drop"
            parts.append(f"deadline {settings.deadline_ms} ms, then {verdict}")
        if settings.linger_ms:
            parts.append(f"linger {settings.linger_ms} ms")
        return "; ".join(parts)
