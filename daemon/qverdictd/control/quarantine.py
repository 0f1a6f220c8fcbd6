# SPDX-License-Identifier: GPL-2.0
"""What the operator is told of a packet that is judged no more, as it seems to end the daemon."""

import time

from qverdictd.action.decision import Decision
from qverdictd.control.dissect import dissect
from qverdictd.control.journal import Event, say
from qverdictd.control.record import as_text, record
from qverdictd.packet.raw import RawPacket


def tell_quarantined(raw: RawPacket, decision: Decision) -> None:
    """Name the packet, and show what is in it."""
    shown = record(raw, decision, time.time())
    lines = [
        f"quarantined: {as_text(shown)}",
        "It was being judged twice when a fault ended the daemon, so on_error decided it unseen. "
        "Please report it, with what follows:",
        *dissect(raw),
        f"  bytes: {raw.data.hex()}",
    ]
    say("\n".join(lines), Event.QUARANTINED, level="error", **shown)
