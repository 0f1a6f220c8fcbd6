# SPDX-License-Identifier: GPL-2.0
"""A replay from end to end, for the tests: judge a capture, read the output back."""

from collections.abc import Callable
from pathlib import Path

from scapy.utils import RawPcapReader

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.errors import CaptureError
from qverdictd.packet.raw import RawPacket
from qverdictd.transport.replay import ReplayTransport

ACCEPT = Decision(Verdict.ACCEPT, Reason.DEFAULT)
DROP = Decision(Verdict.DROP, Reason.DEFAULT)

Make = Callable[[bytes], Path]
Policy = Callable[[RawPacket], Decision]


def judge(
    capture: Path, sink: Path | None, policy: Policy = lambda raw: ACCEPT
) -> tuple[list[RawPacket], str | None]:
    """Replay a capture; return its packets and the error at its end, if there was one."""
    transport = ReplayTransport.open(capture, sink)
    packets: list[RawPacket] = []
    error = None
    try:
        while batch := transport.receive():
            packets += batch
            transport.answer([(raw, policy(raw)) for raw in batch])
    except CaptureError as caught:
        error = str(caught)
    finally:
        transport.close()
    return packets, error


def written(path: Path) -> list[tuple[bytes, int]]:
    """Read an output back with scapy: each frame's bytes and its length on the wire."""
    with RawPcapReader(str(path)) as reader:
        return [(data, meta.wirelen) for data, meta in reader]
