#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Run a command in a private world, from which nothing can leak to the machine.

    python tests/netns/enter.py .venv/bin/pytest tests/netns

The world is made by unshare(1): a network namespace without any link, a mount namespace with an
empty /run (there ``ip netns add`` keeps its names, iptables its lock, and the command its
temporary files), and a pid namespace.
Without root it has a user namespace too, in which we are root; that needs a kernel that lets
users make one.

When the command ends, or when any process between this one and the command is killed in any way,
the kernel kills all processes of the world, and with the last one go its mounts, namespaces, links
and rules. So no test has to clean up to be polite, and none can forget to.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

MARKER = Path("/run/qverdictd-private-world")
"""There, on the private /run, only inside of a world."""

HOW = (
    "these tests make network namespaces, in a private world only; run them with\n"
    "    make netns\n"
    "or  .venv/bin/python tests/netns/enter.py .venv/bin/pytest tests/netns"
)
"""What to tell who forgot."""

UNAVAILABLE = 69
"""EX_UNAVAILABLE of sysexits.h, as qverdictd itself has it for a kernel that does not let us."""

CAP_SYS_ADMIN = 21


def inside() -> bool:
    """Tell whether this process is in a private world already."""
    return MARKER.exists()


def can_unshare() -> bool:
    """Tell whether we may make namespaces without making a user namespace first."""
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> CAP_SYS_ADMIN & 1)


def unshare_command() -> list[str]:
    """Return unshare(1) with the namespaces that make a world."""
    user = [] if can_unshare() else ["--user", "--map-root-user"]
    return ["unshare", *user, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def why_not() -> str | None:
    """Return why no world can be had here; None if one can."""
    tried = subprocess.run(
        [*unshare_command(), "true"], stderr=subprocess.PIPE, text=True, check=False
    )
    return tried.stderr.strip() if tried.returncode else None


def enter(command: list[str]) -> int:
    """Run a command in a new world; return its exit code, 128 and more for a signal's."""
    us = [sys.executable, str(Path(__file__).resolve()), "--init"]
    # unshare(1) shall not outlive us, and neither the world it (--kill-child).
    bound = ["setpriv", "--pdeathsig", "KILL", "--"]
    unshare = subprocess.Popen([*bound, *unshare_command(), *us, *command])

    def end(number: int, _frame: FrameType | None) -> None:
        # unshare(1) blocks SIGTERM while it waits; killed, it takes the world along.
        ended_by.append(number)
        unshare.kill()

    ended_by: list[int] = []
    # A terminal's ^C reaches the command itself, which may have something to print about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    code = unshare.wait()
    if ended_by:
        return 128 + ended_by[0]
    return code if code >= 0 else 128 - code


def init(command: list[str]) -> int:
    """Be the first process of the world: furnish it, run the command, reap the orphans."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    MARKER.touch()
    # Temporary files go with the world; root's in /tmp are not ours where root is only a map.
    temporary = Path("/run/tmp")
    temporary.mkdir()
    temporary.chmod(0o1777)
    os.environ["TMPDIR"] = str(temporary)
    # A handler, unlike SIG_IGN, is not inherited by the command.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        main = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores these two
        )
    except OSError as error:
        print(f"enter.py: {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    while True:
        pid, status = os.wait()
        if pid == main:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Run the command given as arguments."""
    if arguments[:1] == ["--init"]:
        return init(arguments[1:])
    if not arguments:
        print("usage: enter.py COMMAND [ARGUMENT...]", file=sys.stderr)
        return 64
    reason = why_not()
    if reason is not None:
        print(
            f"enter.py: no namespaces of our own to be had here: {reason}\n"
            "enter.py: run it as root, or have the kernel let users make them "
            "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)",
            file=sys.stderr,
        )
        return UNAVAILABLE
    return enter(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
