# SPDX-License-Identifier: GPL-2.0
"""Shows decisions to people and programs, on a thread of its own: packets never wait for it."""

import contextlib
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from qverdictd.action.decision import Decision
from qverdictd.control.dissect import dissect
from qverdictd.control.journal import Entry, Event, enter_fields
from qverdictd.control.record import as_json, as_text, record
from qverdictd.packet.raw import RawPacket

#: Decisions that wait to be shown before further ones are counted instead.
WAITING = 65536

Judged = tuple[RawPacket, Decision]
Formatter = Callable[[RawPacket, Decision, float], Iterator[str]]
Logger = Callable[[RawPacket, Decision, float], Iterator[str]]
"""Logs what rules asked for, and yields the lines that are still to be written."""


def formatter(*, as_objects: bool, dissected: bool, colour: bool) -> Formatter:
    """Return what makes the lines of a decision: text or JSON, with its layers if wanted."""

    def lines(raw: RawPacket, decision: Decision, now: float) -> Iterator[str]:
        shown = record(raw, decision, now)
        layers = dissect(raw) if dissected else []
        if as_objects:
            yield as_json({**shown, "layers": layers} if dissected else shown)
        else:
            yield as_text(shown, colour=colour)
            yield from layers

    return lines


def log_lines(raw: RawPacket, decision: Decision, now: float) -> Iterator[str]:
    """Yield a line for each rule on the packet's way that asked to log it."""
    for log in decision.logs:
        prefix = f"{log.prefix} " if log.prefix else ""
        yield f"{log.level}: {prefix}{log.rule}: {as_text(record(raw, decision, now))}"


def log_entries(enter: Entry) -> Logger:
    """Return what makes an entry of the journal for each rule that asked to log a packet."""

    def log(raw: RawPacket, decision: Decision, now: float) -> Iterator[str]:
        for one, line in zip(decision.logs, log_lines(raw, decision, now), strict=True):
            shown = {**record(raw, decision, now), "rule": one.rule}
            fields = {f"QVERDICT_{k.upper()}": str(v) for k, v in shown.items() if v is not None}
            message = line.removeprefix(f"{one.level}: ")  # which is the entry's priority
            if not enter_fields(enter, message, Event.LOGGED, one.level, fields):
                yield line

    return log


class Viewer:
    """Writes decisions to ``stream`` and what rules log to ``log_stream``, or as ``log`` does."""

    def __init__(
        self,
        lines: Formatter | None,
        stream: TextIO,
        log_stream: TextIO,
        log: Logger = log_lines,
        *,
        dissected: bool = False,
    ) -> None:
        """Show all decisions if there are ``lines``; ``dissected``: with all bytes of packets."""
        self.dissects = dissected
        self._lines = lines
        self._log = log
        self._stream: TextIO | None = stream
        self._log_stream: TextIO | None = log_stream
        self._waiting: queue.Queue[Judged | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)
        self._thread.start()

    @property
    def shows_all(self) -> bool:
        """Whether all decisions are shown, not only what rules log."""
        return self._lines is not None

    def feed(self, packets: Sequence[RawPacket], decisions: Sequence[Decision]) -> None:
        """Hand decisions over; wait while too many wait already."""
        for judged in zip(packets, decisions, strict=True):
            self._waiting.put(judged)

    def show(self, packets: Sequence[RawPacket], decisions: Sequence[Decision]) -> int:
        """Hand decisions over; return how many of them nobody will see."""
        missed = 0
        shown = zip(packets, decisions, strict=True)
        for judged in shown if self._lines else [pair for pair in shown if pair[1].logs]:
            try:
                self._waiting.put_nowait(judged)
            except queue.Full:
                missed += 1
        return missed

    def close(self) -> None:
        """Show what waits, then end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (judged := self._waiting.get()) is not None:
            now = time.time()
            if self._lines is not None:
                self._stream = self._written(self._stream, self._lines(*judged, now))
            self._log_stream = self._written(self._log_stream, self._log(*judged, now), flush=True)

    def _written(
        self, stream: TextIO | None, lines: Iterator[str], *, flush: bool = False
    ) -> TextIO | None:
        """Write the lines; return the stream, or None if it takes no more."""
        if stream is None:
            return None
        try:
            for line in lines:
                print(line, file=stream, flush=flush)
            if self._waiting.empty():
                stream.flush()
        except OSError as error:
            # The reader went away (`run --json | head`): packets still need verdicts.
            with contextlib.suppress(OSError):
                print(f"qverdictd: decisions are shown no longer: {error}", file=sys.stderr)
            return None
        except Exception:
            # A defect of ours in showing one packet must not hide those after it.
            text = traceback.format_exc()
            print(f"qverdictd: a defect: please report it.\n{text}", file=sys.stderr)
        return stream
