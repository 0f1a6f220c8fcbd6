# SPDX-License-Identifier: GPL-2.0
"""The service manager's descriptors: what it hands to us, and what it keeps while nobody runs.

Of sd_listen_fds(3) come the sockets of our socket unit, what the service before us left in its
store, and new sockets, which our unit has made for us as its sandbox lets us make none.
sd_notify(3) puts descriptors into the store (``FDSTORE=1``) and takes them out again.
"""

import os
import re
from collections.abc import Mapping, Sequence

from qverdictd.control.journal import say
from qverdictd.control.notify import Send, tell
from qverdictd.transport.handed import Handed, NoStore, Store
from qverdictd.transport.netlink import netfilter_socket

OF_SOCKET_UNIT = "queue"
"""``FileDescriptorName=`` in our socket unit."""
SPARE = "spare"
"""The name of new sockets (systemd/sockets.py)."""
_KEPT = re.compile(r"(queue|ledger)-[0-9]{1,5}|ledger-IPv[46]")


class SystemdStore:
    """Descriptors that systemd keeps for the next of us; `transport.handed.Store`."""

    def __init__(self, notify: Send, handed: Mapping[int, str]) -> None:
        """``handed``: names by descriptor, which are ours from now on.

        What we cannot use, such as what another version of us has left, is closed and said.
        """
        self._notify = notify
        self._offered: dict[Handed, tuple[int, int]] = {}
        self._spare: list[int] = []
        if SPARE in handed.values():
            # First of all: one that gets a queue is kept by another name.
            self.forget(SPARE)
        for descriptor, name in handed.items():
            lasting = name == OF_SOCKET_UNIT
            if reason := _unusable(descriptor, name):
                say(f"a descriptor that was kept is let go: {name!r} {reason}", level="warning")
                os.close(descriptor)
                self.forget(name)
                continue
            # systemd's sockets are non-blocking; a worker waits in its own.
            os.set_blocking(descriptor, True)
            os.set_inheritable(descriptor, False)
            if name == SPARE:
                self._spare.append(descriptor)
                continue
            self._offered[Handed(name, descriptor, lasting)] = _identity(descriptor)

    def offered(self) -> Sequence[Handed]:
        """Return what was handed to us and is neither kept nor closed by anybody of us yet."""
        self._offered = {
            handed: identity
            for handed, identity in self._offered.items()
            if _is_open(handed.descriptor, identity)
        }
        return tuple(self._offered)

    def spare(self) -> int | None:
        """Return a new netlink socket of the netfilter family; None: there is none left."""
        return self._spare.pop() if self._spare else None

    def keep(self, name: str, descriptor: int) -> None:
        """Have a descriptor kept for whoever comes after us, under a name of its own.

        What is in the store already stays there as it is. It is kept from when systemd reads this,
        which it does before it sees our end. Not polled: a socket with an error would be let go.
        """
        tell(self._notify, f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0", fds=[descriptor])
        self._offered = {
            handed: identity
            for handed, identity in self._offered.items()
            if handed.descriptor != descriptor
        }

    def forget(self, name: str) -> None:
        """Have it kept no longer."""
        tell(self._notify, f"FDSTOREREMOVE=1\nFDNAME={name}")

    def close(self) -> None:
        """Close the spare sockets that are left."""
        while self._spare:
            os.close(self._spare.pop())


def from_environment() -> Store:
    """Return the store of the service manager that started us, if one did.

    Takes what is handed over, so that no second caller gets it.
    """
    if not {"LISTEN_FDS", "NOTIFY_SOCKET"} & os.environ.keys():
        return NoStore()
    try:
        from systemd.daemon import listen_fds_with_names, notify
    except ImportError:
        return NoStore()  # `Notifier` says what to install
    try:
        handed = listen_fds_with_names()
    except OSError as error:
        say(f"what LISTEN_FDS hands over cannot be used: {error.strerror}", level="error")
        handed = {}
    return SystemdStore(notify, handed)


def _unusable(descriptor: int, name: str) -> str | None:
    """Return what is wrong with a descriptor of that name; None: nothing that is seen from here."""
    if name not in (OF_SOCKET_UNIT, SPARE) and not _KEPT.fullmatch(name):
        return "is nothing that this version knows"
    if not name.startswith("ledger"):
        there = netfilter_socket(descriptor)
        if there is None:
            return "is no netlink socket of the netfilter family"
        there.detach()
    return None


def _identity(descriptor: int) -> tuple[int, int]:
    there = os.fstat(descriptor)
    return there.st_dev, there.st_ino


def _is_open(descriptor: int, identity: tuple[int, int]) -> bool:
    """Say whether a number still is the descriptor that it was."""
    try:
        return _identity(descriptor) == identity
    except OSError:
        return False
