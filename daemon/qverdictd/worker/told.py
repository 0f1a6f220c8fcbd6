# SPDX-License-Identifier: GPL-2.0
"""Decisions that native workers tell, as the packets and decisions that they were made from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qverdictd.action.decision import Decision
from qverdictd.engine.native import Compiled
from qverdictd.packet.raw import RawPacket

if TYPE_CHECKING:
    from qverdictd._fast import _Told


def untold(told: "_Told", policies: Mapping[int, Compiled]) -> tuple[RawPacket, Decision]:
    """Return what was told, with the names that the rules have in the policy of its generation."""
    (
        generation, verdict, reason, rule, queue, mark, replacement, logs,
        packet_id, data, length, family, hook, indev, outdev, packet_mark, mac, uid, gid, time,
        partial, gso,
    ) = told  # fmt: skip
    decision = policies[generation].decision(
        (verdict, reason, rule, queue, mark, replacement, logs)
    )
    raw = RawPacket(
        packet_id,
        data,
        length,
        family,
        hook,
        indev,
        outdev,
        packet_mark,
        mac,
        uid,
        gid,
        None if time is None else time / 1_000_000_000,
        partial,
        gso,
    )
    return raw, decision
