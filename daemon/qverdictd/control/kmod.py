# SPDX-License-Identifier: GPL-2.0
"""The kernel module's statistics and settings, shown and set."""

import dataclasses
from collections.abc import Mapping, Sequence

from qverdictd.control.record import Record
from qverdictd.wire.ipqueue import (
    FEATURE_FLOW,
    FEATURE_OWNER,
    FEATURE_PACKETS,
    FEATURE_VERDICTS,
)
from qverdictd.wire.ipqueue_control import (
    MAX_TIME,
    MAXLEN_MAX,
    SET_DEADLINE,
    SET_LINGER,
    SET_MAXLEN,
    SET_OVERFLOW,
    Settings,
    Statistics,
)
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP

_VERDICTS = {"drop": NF_DROP, "accept": NF_ACCEPT}
_MODES = ("none", "meta", "packet")
_FEATURES = {
    "packets": FEATURE_PACKETS,
    "verdicts": FEATURE_VERDICTS,
    "flow": FEATURE_FLOW,
    "owner": FEATURE_OWNER,
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Setting:
    """How a setting is written, and which change it is part of."""

    group: int
    least: int = 0
    most: int = 0
    """0: not a number, but a verdict."""

    @property
    def form(self) -> str:
        return f"{self.least} to {self.most}" if self.most else " or ".join(_VERDICTS)

    def read(self, text: str) -> int | None:
        if not self.most:
            return _VERDICTS.get(text)
        number = int(text) if text.isascii() and text.isdigit() else -1
        return number if self.least <= number <= self.most else None

    def show(self, value: int) -> int | str:
        return value if self.most else next(k for k, v in _VERDICTS.items() if v == value)


SETTINGS = {
    "maxlen": _Setting(SET_MAXLEN, 1, MAXLEN_MAX),
    "overflow_verdict": _Setting(SET_OVERFLOW),
    "deadline_ms": _Setting(SET_DEADLINE, 0, MAX_TIME),
    "deadline_verdict": _Setting(SET_DEADLINE),
    "linger_ms": _Setting(SET_LINGER, 0, MAX_TIME),
}


def parse_setting(text: str) -> tuple[str, int]:
    """Read ``name=value``. Raises ValueError, which says what can be written."""
    name, equals, value = text.partition("=")
    setting = SETTINGS.get(name)
    if setting is None or not equals:
        raise ValueError(f"no setting {text!r}: write NAME=VALUE with one of {', '.join(SETTINGS)}")
    number = setting.read(value)
    if number is None:
        raise ValueError(f"{name} is {setting.form}, not {value!r}")
    return name, number


def changed(now: Settings, changes: Mapping[str, int]) -> Settings:
    """Return what to tell the module: what changes, and what is told together with it."""
    mask = 0
    for name in changes:
        mask |= SETTINGS[name].group
    return dataclasses.replace(now, mask=mask, **changes)


def state(family: str, settings: Settings, statistics: Statistics) -> Record:
    """Return a queue's settings and statistics, as JSON has them."""
    shown: Record = {"family": family}
    counters = statistics._asdict()
    counters["mode"] = _MODES[statistics.mode] if statistics.mode < 3 else str(statistics.mode)
    counters["features"] = [n for n, bit in _FEATURES.items() if statistics.features & bit]
    counters["lingering"] = bool(statistics.lingering)
    shown["settings"] = {
        name: setting.show(getattr(settings, name)) for name, setting in SETTINGS.items()
    }
    shown["statistics"] = counters
    return shown


def table(states: Sequence[Record]) -> list[str]:
    """Return lines: a row for each setting and counter, a column for each queue."""
    rows = [["", *({"ip": "IPv4", "ip6": "IPv6"}[str(one["family"])] for one in states)]]
    for part in ("settings", "statistics"):
        parts = [one[part] for one in states]
        first = parts[0]
        assert isinstance(first, dict)
        rows.append([part])
        rows += [
            [f"  {name}", *(_cell(one[name]) for one in parts if isinstance(one, dict))]
            for name in first
        ]
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "+".join(value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Return the cells, names to the left and values to the right."""
    values = zip(row[1:], widths[1:], strict=False)
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in values)]
