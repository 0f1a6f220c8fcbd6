# SPDX-License-Identifier: GPL-2.0
"""Decisions are shown on a thread of their own; nothing that a reader does stops packets."""

import io
import json
import threading
from collections.abc import Iterator

import pytest

from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.control import viewer as viewer_module
from qverdictd.control.viewer import Viewer, formatter
from qverdictd.packet.build import build
from qverdictd.packet.raw import RawPacket

ACCEPTED = Decision(Verdict.ACCEPT, Reason.DEFAULT)
LOGGED = Decision(Verdict.DROP, Reason.RULE, "two", logs=(Log("one"), Log("two", "error", "seen:")))


def packet(number: int = 1) -> RawPacket:
    raw = build({"proto": 17, "dport": 53}, b"")
    raw.id = number
    return raw


class Stuck(io.StringIO):
    """A stream whose reader does not read, until it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.go_on.wait()
        return super().write(text)


class Gone(io.StringIO):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


LINES = formatter(as_objects=False, dissected=False, colour=False)


def test_each_decision_is_a_line() -> None:
    shown, logged = io.StringIO(), io.StringIO()
    viewer = Viewer(LINES, shown, logged)
    assert viewer.show([packet(1), packet(2)], [ACCEPTED, LOGGED]) == 0
    viewer.close()
    assert [line.split()[:2] for line in shown.getvalue().splitlines()] == [
        ["1", "accept"],
        ["2", "drop"],
    ]
    first, second = logged.getvalue().splitlines()
    assert first.startswith("info: one: 2 drop by two udp ")
    assert second.startswith("error: seen: two: 2 drop by two udp ")


def test_without_lines_only_logs_are_shown() -> None:
    shown, logged = io.StringIO(), io.StringIO()
    viewer = Viewer(None, shown, logged)
    assert viewer.show([packet(1), packet(2)], [ACCEPTED, LOGGED]) == 0
    viewer.close()
    assert shown.getvalue() == ""
    assert len(logged.getvalue().splitlines()) == 2


def test_a_slow_reader_is_not_waited_for_and_what_it_misses_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(viewer_module, "WAITING", 3)
    stream = Stuck()
    viewer = Viewer(LINES, stream, io.StringIO())
    assert viewer.show([packet(1)], [ACCEPTED]) == 0
    stream.reached.wait()
    missed = viewer.show([packet(number) for number in range(2, 12)], [ACCEPTED] * 10)
    assert missed == 7
    stream.go_on.set()
    viewer.close()
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["1", "2", "3", "4"]


def test_a_reader_that_went_away_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    logged = io.StringIO()
    viewer = Viewer(LINES, Gone(), logged)
    viewer.show([packet(), packet()], [LOGGED, LOGGED])
    viewer.close()
    assert capsys.readouterr().err == (
        "qverdictd: decisions are shown no longer: [Errno 32] Broken pipe\n"
    )
    assert len(logged.getvalue().splitlines()) == 4


def test_a_defect_in_showing_one_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    def lines(raw: RawPacket, decision: Decision, now: float) -> Iterator[str]:
        yield f"{1 / (raw.id - 1)}"

    shown = io.StringIO()
    viewer = Viewer(lines, shown, io.StringIO())
    viewer.show([packet(1), packet(2)], [ACCEPTED, ACCEPTED])
    viewer.close()
    assert shown.getvalue() == "1.0\n"
    assert "a defect: please report it.\nTraceback" in capsys.readouterr().err


def test_a_log_that_takes_no_more_ends_nothing() -> None:
    shown = io.StringIO()
    viewer = Viewer(LINES, shown, Gone())
    viewer.show([packet(), packet()], [LOGGED, LOGGED])
    viewer.close()
    assert len(shown.getvalue().splitlines()) == 2


def test_layers_are_lines_below_the_text_and_a_key_of_the_object() -> None:
    text = formatter(as_objects=False, dissected=True, colour=False)
    objects = formatter(as_objects=True, dissected=True, colour=False)
    first, *layers = text(packet(), ACCEPTED, 0.0)
    (only,) = objects(packet(), ACCEPTED, 0.0)
    assert first == next(LINES(packet(), ACCEPTED, 0.0))
    assert any("UDP" in layer or "User Datagram" in layer for layer in layers)
    assert json.loads(only)["layers"] == layers
