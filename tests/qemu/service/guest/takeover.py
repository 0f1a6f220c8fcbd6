# SPDX-License-Identifier: GPL-2.0
"""The daemon ends under traffic and systemd starts it again: what waited is judged by the next."""

import os
import signal
from collections.abc import Callable

from tests.netns.lab import Lab
from tests.netns.stream import Stream

from .system import UNIT, check, do, judging, statistics, value, wait_for


def kill(lab: Lab) -> None:
    """Have the daemon killed while packets wait that it was sent already."""

    def end(pid: int, stream: Stream) -> None:
        os.kill(pid, signal.SIGSTOP)
        stream.wait(30)
        os.kill(pid, signal.SIGKILL)

    resent = _replaced(lab, "a kill", end)
    check(min(resent) > 10, f"sent again: {resent}")


def restart(lab: Lab) -> None:
    """Have it restarted as a person does."""
    _replaced(lab, "a restart", lambda _pid, _stream: do("systemctl", "restart", UNIT))


def _replaced(lab: Lab, how: str, end: Callable[[int, Stream], object]) -> list[int]:
    """End the daemon under traffic; return how many packets of each family were sent again."""
    statistics(reset=True)
    pid = value("MainPID")
    stream = Stream(lab)
    with stream.running():
        stream.wait(30)
        end(int(pid), stream)
        wait_for("it runs again", lambda: value("MainPID") not in (pid, "0"))
        wait_for("it judges again", lambda: judging("ipqueue"))
        stream.wait(30)
    stream.complete(how)
    resent = []
    for sent, counted in zip(stream.sent.values(), statistics(), strict=True):
        print(f"sent {sent}, {counted.peak} waited at once, {counted.resent} were sent again")
        check((counted.queued, counted.accepted) == (sent, sent), (sent, counted))
        check(counted.peak > 10, f"no packet had to wait: {counted}")
        resent.append(counted.resent)
    return resent
