# SPDX-License-Identifier: GPL-2.0
"""A decision as people and programs see it: one JSON object, or one line of text."""

import json
from datetime import UTC, datetime

from qverdictd.action.decision import Decision, Verdict
from qverdictd.packet.decode import MalformedError, UnsupportedError, decode
from qverdictd.packet.fields import FIELDS
from qverdictd.packet.raw import HOOKS, RawPacket
from qverdictd.packet.value import Missing, Payload, Value, address_text
from qverdictd.packet.view import Packet

Record = dict[str, object]

_COLOURS = {"accept": "32", "drop": "31", "repeat": "33", "queue": "36"}


def record(raw: RawPacket, decision: Decision, now: float) -> Record:
    """Return the decision's keys, in order; a key whose field the packet lacks is left out.

    ``now``: seconds since the epoch, for packets that nobody stamped.
    """
    shown: Record = {
        "packet": raw.id,
        "time": time_text(now if raw.time is None else raw.time),
        "verdict": decision.verdict.value,
    }
    if decision.verdict is Verdict.QUEUE:
        shown["queue"] = decision.queue
    shown["rule"] = decision.rule
    shown["reason"] = decision.reason.value
    shown["mark"] = decision.mark
    shown["replaced"] = decision.replacement is not None
    shown["generation"] = decision.generation
    try:
        packet = decode(raw)
    except (MalformedError, UnsupportedError):
        packet = None
    if packet is not None:
        for name in ("family", "proto", "src", "sport", "dst", "dport", "length"):
            _add(shown, packet, name)
    # Where the packet's own header does not tell, it is what the transport says.
    shown.setdefault("length", raw.length)
    if raw.hook is not None:
        shown["hook"] = HOOKS[raw.hook] if raw.hook < len(HOOKS) else str(raw.hook)
    if raw.indev:
        shown["in"] = raw.indev
    if raw.outdev:
        shown["out"] = raw.outdev
    return shown


def _add(shown: Record, packet: Packet, name: str) -> None:
    value: Value = packet[name]
    if isinstance(value, Missing | Payload):
        return
    shown[name] = address_text(value) if isinstance(value, bytes) else named(name, value)


def named(name: str, value: int | str) -> int | str:
    """Return the name of a protocol or family; a protocol without a name is its number as text."""
    if name not in ("proto", "family"):
        return value
    names = FIELDS[name].names
    return next((known for known, numbers in names.items() if numbers == (value,)), str(value))


def time_text(seconds: float) -> str:
    """Return a time since the epoch as people and programs read it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def as_json(shown: Record) -> str:
    """Return the record as one line of JSON."""
    return json.dumps(shown)


def as_text(shown: Record, *, colour: bool = False) -> str:
    """Return the record as one line for a person."""
    verdict = str(shown["verdict"])
    word = f"\033[{_COLOURS.get(verdict, '0')}m{verdict}\033[0m" if colour else verdict
    if "queue" in shown:
        word += f" to queue {shown['queue']}"
    parts = [f"{shown['packet']}", word, f"by {shown.get('rule') or shown['reason']}"]
    if "proto" in shown:
        parts.append(str(shown["proto"]))
    if "src" in shown and "dst" in shown:
        parts.append(f"{_end(shown, 'src', 'sport')} > {_end(shown, 'dst', 'dport')}")
    parts.append(f"{shown['length']} bytes")
    if shown["mark"]:
        parts.append(f"mark {shown['mark']:#x}")
    if shown["replaced"]:
        parts.append("rewritten")
    parts += [f"{key} {shown[key]}" for key in ("hook", "in", "out") if key in shown]
    return " ".join(parts)


def _end(shown: Record, address: str, port: str) -> str:
    text = str(shown[address])
    if port not in shown:
        return text
    return f"[{text}]:{shown[port]}" if ":" in text else f"{text}:{shown[port]}"
