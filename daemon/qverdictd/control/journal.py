# SPDX-License-Identifier: GPL-2.0
"""What the daemon tells its operator: lines on standard error, or entries of the journal.

Where standard error is the journal's, entries have fields: ``MESSAGE_ID`` for what happened
(systemd/qverdictd.catalog explains each), and ``QVERDICT_..`` fields to search by.
"""

import enum
import functools
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from qverdictd.control.journal_socket import JournalSocket

Entry = Callable[..., Any]

#: syslog(3)'s numbers.
PRIORITIES = {"debug": 7, "info": 6, "notice": 5, "warning": 4, "error": 3}


class Event(enum.Enum):
    """What happened, with the 128-bit id by which the journal knows it (sd-id128(3))."""

    READY = "f44853394ec841f1885cdc08b83ce724"
    RELOADED = "3a8ebe8b6aa24be7887d8b71210a3211"
    NOT_RELOADED = "977945b7a4ad467f95f12e6f384d8bba"
    SET_READ = "18f9df7fb6fd4b99814aa8caee6b827a"
    SET_NOT_READ = "5334564be9fc42509f288164806eb10c"
    STOPPED = "a6cbbf9926b24425a5bdb415a88a0b5d"
    TAKEN_OVER = "4c0a7f0d6c8e4b5e9a51d2f3b7c86e19"
    GIVEN_BACK = "b1f3c5a29d7e4d6f8c0e6a1b2d4f7093"
    QUARANTINED = "7e2d9b40c1a54f38a6f5e3d80b9c4712"
    LOGGED = "a8c34462f6a640629703c4a5967f2749"
    DEFECT = "335ab14ec65f4d189f356f398953358f"
    QUEUE_LOST = "5e69dd7218a347fbb30dbef5e1fdbb38"
    NOT_STARTED = "e1cce364b1fd4a548e9416a3ab49e45f"


def say(message: str, event: Event | None = None, *, level: str = "info", **fields: object) -> None:
    """Tell the operator.

    ``level``: a key of `PRIORITIES`. ``fields``: what the journal keeps beside the message, as
    ``QVERDICT_`` and the name in capitals; values that are None are left out.
    """
    enter = journal()
    if enter is not None:
        named = {f"QVERDICT_{k.upper()}": str(v) for k, v in fields.items() if v is not None}
        if enter_fields(enter, message, event, level, named):
            return
    print(f"qverdictd: {message}", file=sys.stderr, flush=True)


def enter_fields(
    enter: Entry, message: str, event: Event | None, level: str, fields: Mapping[str, str]
) -> bool:
    """Make an entry; return whether the journal took it."""
    told = dict(fields)
    if event is not None:
        told["MESSAGE_ID"] = event.value
    try:
        enter(message, PRIORITY=str(PRIORITIES[level]), **told)
    except OSError:  # journald is away
        return False
    return True


@functools.cache
def journal() -> Entry | None:
    """Return what makes entries in the journal; None if standard error is not the journal's."""
    try:
        there = os.fstat(sys.stderr.fileno())
        if os.environ.get("JOURNAL_STREAM") != f"{there.st_dev}:{there.st_ino}":
            return None
        return JournalSocket().send
    except (OSError, ValueError, AttributeError):
        return None
