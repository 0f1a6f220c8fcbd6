# SPDX-License-Identifier: GPL-2.0
"""Descriptors that outlive a process: handed to us by whoever started us, and kept for the next.

A queue belongs to its netlink socket. As long as anybody has that open the kernel keeps the queue
and the packets that wait in it, so a process that ends loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Handed:
    """An open descriptor that was handed to us."""

    name: str
    """As it was kept by; of a socket unit, what the unit says."""
    descriptor: int
    lasting: bool
    """Whether its owner keeps it when the service is stopped: a socket unit does."""


class Store(Protocol):
    """Where descriptors are while nobody runs."""

    def offered(self) -> Sequence[Handed]:
        """Return what was handed to us and is neither kept nor closed by anybody of us yet."""

    def spare(self) -> int | None:
        """Return a new netlink socket of the netfilter family; None: make one yourself.

        Where a sandbox lets a process make none, it is given some that have no queue.
        """

    def keep(self, name: str, descriptor: int) -> None:
        """Have a descriptor kept for whoever comes after us, under a name of its own."""

    def forget(self, name: str) -> None:
        """Have it kept no longer."""

    def close(self) -> None:
        """Close the spare sockets that are left: no queue is taken any more."""


class NoStore:
    """Nobody keeps anything: what we held ends with us."""

    def offered(self) -> Sequence[Handed]:
        """Return nothing."""
        return ()

    def spare(self) -> int | None:
        """Return nothing."""
        return None

    def keep(self, name: str, descriptor: int) -> None:
        """Do nothing."""

    def forget(self, name: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
