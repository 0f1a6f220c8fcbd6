# SPDX-License-Identifier: GPL-2.0
"""What /proc says of the kernel's queues, of who holds one, and of our own rights."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from qverdictd.wire.netlink import NETLINK_NETFILTER

_NET = Path("/proc/thread-self/net")
_BOUND = Path("/run/nfnetlink_queue")
"""Where our unit shows the table to a daemon that sees no more of /proc than its own processes."""
_CAP_NET_ADMIN = 12  # linux/capability.h


@dataclass(frozen=True, slots=True)
class QueueState:
    """A line of /proc/net/netfilter/nfnetlink_queue (``seq_show`` in nfnetlink_queue.c)."""

    queue: int
    portid: int
    """Who holds the queue."""
    waiting: int
    """Packets without a verdict."""
    queue_dropped: int
    """Dropped because the queue was full."""
    user_dropped: int
    """Dropped because the holder's socket was full."""
    last_id: int
    """The id that the newest packet got."""


class QueueTable:
    """The kernel's table of queues, in the network namespace of the thread that opened it.

    The file stays open: it is root's to open (mode 0440), and rights may be given up afterwards.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def open(cls) -> Self:
        """Return the table; if we may not read it, or there is none, one that is empty."""
        for path in (_NET / "netfilter/nfnetlink_queue", _BOUND):
            with contextlib.suppress(OSError):
                return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        return cls(None)

    @property
    def readable(self) -> bool:
        """Whether the kernel's counters can be had."""
        return self._descriptor is not None

    def states(self) -> list[QueueState]:
        """Return all queues that somebody holds; none if the table is not readable."""
        if self._descriptor is None:
            return []
        states = []
        for line in _read_from_start(self._descriptor).splitlines():
            number, portid, waiting, _mode, _range, dropped, user_dropped, last_id, *_ = map(
                int, line.split()
            )
            states.append(QueueState(number, portid, waiting, dropped, user_dropped, last_id))
        return states

    def state(self, queue: int) -> QueueState | None:
        """Return the state of ``queue``; None if nobody holds it or the table is not readable."""
        return next((state for state in self.states() if state.queue == queue), None)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_from_start(descriptor: int) -> str:
    """Return a whole /proc file; the kernel makes it anew for each reading from its start."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    parts = []
    while part := os.read(descriptor, 65536):
        parts.append(part)
    return b"".join(parts).decode()


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has a socket open."""

    pid: int
    name: str
    command: tuple[str, ...]
    """Its arguments, the program first."""


def holders(portid: int, protocol: int = NETLINK_NETFILTER) -> Iterator[Process]:
    """Yield the processes in which the netlink socket with ``portid`` can be found.

    It can not in another PID namespace, nor in another user's process. ``protocol``: the netlink
    family that the port id is one of.
    """
    inode = _netlink_inode(portid, protocol)
    if inode is None:
        return
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or not ours to look at
            if _holds(process / "fd", f"socket:[{inode}]"):
                name = (process / "comm").read_text().rstrip("\n")
                command = (process / "cmdline").read_bytes().decode(errors="replace")
                yield Process(int(process.name), name, tuple(command.split("\0")[:-1]))


def describe_holder(portid: int, protocol: int = NETLINK_NETFILTER) -> str:
    """Return "portid 4711", and the process where the socket can be found in one."""
    for process in holders(portid, protocol):
        return f"portid {portid}, process {process.pid} {process.name!r}"
    return f"portid {portid}"


def _netlink_inode(portid: int, protocol: int) -> int | None:
    """Return the inode of the netlink socket with ``portid`` (/proc/net/netlink)."""
    with contextlib.suppress(OSError):
        for line in (_NET / "netlink").read_text().splitlines()[1:]:
            _address, family, number, *_, inode = line.split()
            if int(family) == protocol and int(number) == portid:
                return int(inode)
    return None


def _holds(descriptors: Path, target: str) -> bool:
    """Say whether one of a process's descriptors is ``target``."""
    for entry in descriptors.iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            if str(entry.readlink()) == target:
                return True
    return False


def has_net_admin() -> bool:
    """Say whether this thread has CAP_NET_ADMIN in its user namespace."""
    status = Path("/proc/thread-self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> _CAP_NET_ADMIN & 1)
