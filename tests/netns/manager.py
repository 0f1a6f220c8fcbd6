# SPDX-License-Identifier: GPL-2.0
"""A service manager in the test's process: it keeps descriptors and hands them to the next."""

import array
import contextlib
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Self

from qverdictd.wire.netlink import NETLINK_NETFILTER
from tests.netns.daemon import Daemon
from tests.netns.lab import Lab

#: Puts descriptors where sd_listen_fds(3) has them, then becomes the program.
_HAND_OVER = """
import fcntl, os, sys
numbers, names, *command = sys.argv[1:]
given = [fcntl.fcntl(int(text), fcntl.F_DUPFD, 500) for text in numbers.split(",") if text]
for place, one in enumerate(given, 3):
    os.dup2(one, place)
os.closerange(3 + len(given), 1000)
if given:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=names)
os.execvp(command[0], command)
"""


class Manager:
    """Keeps what a daemon tells it to keep, as systemd's descriptor store does."""

    def __init__(self, place: Path) -> None:
        """Listen in the folder ``place``."""
        self.path = place / "notify"
        self.kept: dict[str, int] = {}
        """Descriptors by name."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        self.let_go()

    def make_socket(self, lab: Lab) -> None:
        """Hold a socket of our own, as a socket unit does: it lasts whatever the daemon does."""
        with lab.inside("gateway"):
            made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        made.bind((0, 0))
        made.setblocking(False)
        self.kept["queue"] = made.detach()

    def let_go(self) -> None:
        """Close all that is kept."""
        for descriptor in self.kept.values():
            os.close(descriptor)
        self.kept.clear()

    def _listen(self) -> None:
        size = array.array("i").itemsize
        while True:
            data, ancillary, *_ = self._socket.recvmsg(65536, socket.CMSG_SPACE(64 * size))
            if not data:
                return
            told = dict(line.split("=", 1) for line in data.decode().split("\n") if "=" in line)
            handed = array.array("i")
            for _level, _kind, part in ancillary:
                handed.frombytes(part[: len(part) - len(part) % size])
            if told.get("FDSTORE") == "1":
                assert told["FDPOLL"] == "0"
                (self.kept[told["FDNAME"]],) = handed
            elif told.get("FDSTOREREMOVE") == "1" and told["FDNAME"] in self.kept:
                os.close(self.kept.pop(told["FDNAME"]))

    def start(self, lab: Lab, rules: Path, *arguments: str, environment: str = "") -> Daemon:
        """Start a daemon on the gateway with all that is kept."""
        names, kept = ":".join(self.kept), list(self.kept.values())
        told = ["env", f"NOTIFY_SOCKET={self.path}", *environment.split()]
        over = [sys.executable, "-c", _HAND_OVER, ",".join(map(str, kept)), names]
        return Daemon(
            lab, rules, "--transport", "nfqueue", *arguments, json=False,
            wrapper=[*told, *over], pass_fds=kept,
        )  # fmt: skip
