# SPDX-License-Identifier: GPL-2.0
"""The kernel module's tap as people and programs see it: the keys of a decision, and a few more."""

from collections.abc import Callable

from qverdictd.control.record import Record, as_text, named, time_text
from qverdictd.packet.raw import AF_INET, HOOKS
from qverdictd.packet.value import address_text
from qverdictd.wire.ipqueue import NF_STOP
from qverdictd.wire.ipqueue_tap import TAP_ICMP, TAP_PORTS, TAP_REPLACED, TapReason, TapRecord
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP, NF_QUEUE, NF_REPEAT

_VERDICTS = {
    NF_DROP: "drop",
    NF_ACCEPT: "accept",
    NF_QUEUE: "queue",
    NF_REPEAT: "repeat",
    NF_STOP: "stop",
}
_REASONS = {reason.value: reason.name.lower().replace("_", "-") for reason in TapReason}


def tap_record(told: TapRecord, interface: Callable[[int], str | None]) -> Record:
    """Return the record's keys, in order; a key whose field the packet lacks is left out."""
    ip4 = told.family == AF_INET
    shown: Record = {
        "packet": told.packet_id,
        "time": time_text(told.time / 1e9),
        "verdict": _VERDICTS.get(told.verdict, str(told.verdict)),
        "reason": _REASONS.get(told.reason, str(told.reason)),
        "mark": told.mark,
        "replaced": bool(told.flags & TAP_REPLACED),
        "family": "ip" if ip4 else "ip6",
        "proto": named("proto", told.protocol),
        "src": address_text(told.source[:4] if ip4 else told.source),
    }
    if told.flags & TAP_PORTS:
        shown["sport"] = told.sport
    shown["dst"] = address_text(told.destination[:4] if ip4 else told.destination)
    if told.flags & TAP_PORTS:
        shown["dport"] = told.dport
    if told.flags & TAP_ICMP:
        shown["icmp_type"] = told.icmp_type
        shown["icmp_code"] = told.icmp_code
    shown["length"] = told.length
    shown["hook"] = HOOKS[told.hook] if told.hook < len(HOOKS) else str(told.hook)
    if told.indev:
        shown["in"] = interface(told.indev)
    if told.outdev:
        shown["out"] = interface(told.outdev)
    shown["waited_us"] = told.waited / 1000
    return shown


def tap_text(shown: Record, *, colour: bool = False) -> str:
    """Return the record as one line for a person."""
    parts = [as_text(shown, colour=colour)]
    if "icmp_type" in shown:
        parts.append(f"type {shown['icmp_type']} code {shown['icmp_code']}")
    parts.append(f"waited {shown['waited_us']} us")
    return " ".join(parts)


def lost_record(family: str, lost: int) -> Record:
    """Return what is said in the stream where records are missing."""
    return {"lost": lost, "family": family}
