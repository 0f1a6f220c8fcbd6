# SPDX-License-Identifier: GPL-2.0
"""Without the module: the daemon says so and takes the kernel's own queue, new or kept."""

import signal
from pathlib import Path

from tests.netns.daemon import Daemon
from tests.netns.demo_cases import CASES
from tests.netns.demo_live import wire
from tests.netns.lab import Lab
from tests.netns.manager import Manager
from tests.netns.traffic import Udp

from .common import RULES, check, command, run_cases

_NOT_LOADED = "the ip_queue module is not loaded"


def refused(lab: Lab, *arguments: str) -> None:
    """Check that a command that needs the module says what it misses."""
    code, output, errors = command(lab, *arguments)
    check((code, output) == (69, "") and _NOT_LOADED in errors, (arguments, code, output, errors))


def main() -> None:
    """Run all of it with one daemon."""
    with Lab() as lab:
        wire(lab)
        refused(lab, "run", "--transport", "ipqueue", "--rules", str(RULES))
        refused(lab, "kmod")
        refused(lab, "kmod", "--reset", "-6")
        refused(lab, "tap")
        daemon = Daemon(lab, RULES).wait_ready()
        check(f"transport auto: nfqueue, not ipqueue: {_NOT_LOADED}" in daemon.said[0], daemon.said)
        check("ready: queue 0 over nfqueue, engine native, " in daemon.said[-1], daemon.said)
        run_cases(lab, daemon, CASES[:5])
        check(daemon.end() == 0, daemon.said)
        check(daemon.summary().lost == "nothing", daemon.said)
        taken_over(lab)


def taken_over(lab: Lab) -> None:
    """Kill a daemon with packets unread: this kernel, too, moves them to another queue in order."""
    rules = Path("/run/accept.yaml")
    rules.write_text("version: 1\ndefault: accept\n")
    with Manager(Path("/run")) as manager, Udp(lab) as udp:
        daemon = manager.start(lab, rules).wait_ready()
        daemon.process.send_signal(signal.SIGSTOP)
        sent = [b"%d" % number for number in range(100)]
        udp.send(*sent)
        daemon.process.kill()
        daemon.wait()
        daemon = manager.start(lab, rules).wait_ready()
        arrived = udp.arrived(len(sent))
        check(arrived == sent, arrived)
        words = "queue 0 taken over from a process that ended: "
        check(any(words in line for line in daemon.said), daemon.said)
        check(daemon.end() == 0, daemon.said)
        check(daemon.summary().lost == "nothing", daemon.said)


if __name__ == "__main__":
    main()
