# SPDX-License-Identifier: GPL-2.0
"""Killed, restarted and stopped under traffic: nothing is lost, doubled or out of order."""

import signal
from pathlib import Path

from tests.netns.daemon import Daemon
from tests.netns.demo_live import wire
from tests.netns.lab import Lab
from tests.netns.stream import Stream

from .common import RULES, check, kmod

_NAMES = {4: "ip", 6: "ip6"}
_CONFIG = Path("/tmp/qverdictd.yaml")
"""Another process takes longer to come here than the half minute that is the default."""


def start(lab: Lab) -> Daemon:
    """Start the daemon as a service manager does, and wait until it judges."""
    return Daemon(lab, RULES, "--config", str(_CONFIG), json=False).wait_ready()


def kill(stream: Stream, lab: Lab) -> None:
    """SIGKILL: the next owner gets all that waited, and that came while there was none."""
    kmod(lab, "--set", "linger_ms=700")
    daemon = start(lab)
    with stream.running():
        stream.wait(50)
        daemon.process.kill()
        daemon.wait()
        stream.wait(50)
        queues = kmod(lab)
        for queue in queues.values():
            check(queue["statistics"]["lingering"] and queue["statistics"]["length"] > 20, queue)
        daemon = start(lab)
        check("linger 90000 ms" in daemon.said[1], daemon.said)
        check(any("queue 0 for IPv6 taken over" in line for line in daemon.said), daemon.said)
        stream.wait(50)
    stream.complete("a kill")
    leave(stream, lab, daemon)


def leave(stream: Stream, lab: Lab, daemon: Daemon) -> None:
    """SIGUSR2: what the daemon does not answer any more waits for the next one."""
    with stream.running():
        stream.wait(50)
        daemon.process.send_signal(signal.SIGUSR2)
        check(daemon.wait() == 0, daemon.said)
        stream.wait(30)
        daemon = start(lab)
        stream.wait(20)
    stream.complete("a leave")
    stop(stream, lab, daemon)


def stop(stream: Stream, lab: Lab, daemon: Daemon) -> None:
    """SIGTERM: what was received is answered, the rest counted; nothing waits for nobody."""
    before = kmod(lab, "--reset")
    with stream.running():
        stream.wait(30)
        check(daemon.end() == 0, daemon.said)
        after = kmod(lab)
    stream.read(1)
    print("\n".join(daemon.said))
    summary = daemon.summary()
    check(summary.pending == 0, summary)
    check(summary.received == summary.accepted, summary)
    for family, arrived in stream.arrived.items():
        check(arrived == list(range(len(arrived))), f"IPv{family}: not one after the other")
        statistics = after[_NAMES[family]]["statistics"]
        check(before[_NAMES[family]]["statistics"]["length"] == 0, before)
        gone = ("expired", "undeliverable", "overflow_dropped", "dropped", "length", "peer")
        check(not any(statistics[name] for name in gone), statistics)
        check(statistics["queued"] == statistics["accepted"] + statistics["flushed"], statistics)
        check(after[_NAMES[family]]["settings"]["linger_ms"] == 0, after)
        print(f"IPv{family}: accepted {statistics['accepted']}, flushed {statistics['flushed']}")


def main() -> None:
    """Run all of it with one stream."""
    with Lab() as lab:
        wire(lab)
        _CONFIG.write_text("linger: 90\n", encoding="ascii")
        kill(Stream(lab), lab)


if __name__ == "__main__":
    main()
