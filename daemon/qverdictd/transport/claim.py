# SPDX-License-Identifier: GPL-2.0
"""Which socket has which queue: those that were handed to us, then new ones."""

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qverdictd.transport.handed import Store
from qverdictd.transport.netlink import NetlinkSocket, netfilter_socket
from qverdictd.transport.proc import QueueTable
from qverdictd.transport.queue import Queue
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP, Config, encode_batch_verdict


@dataclass(slots=True)
class Claim:
    """A queue and the socket that has it, or is to have it."""

    name: str
    """By which the socket is kept."""
    socket: NetlinkSocket
    queue: Queue
    held: bool
    """Whether the kernel gave the queue to this socket before."""
    lasting: bool
    """Whether the socket is its owner's, who keeps it whatever we do."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A queue that a socket handed to us had, and that is no longer ours to serve."""

    number: int
    waiting: int
    """Packets that waited in it."""
    accepted: bool
    """Whether they were accepted, or dropped."""

    def __str__(self) -> str:
        """Return the line for the log."""
        done = "accepted" if self.accepted else "dropped"
        return (
            f"queue {self.number} is no longer configured and was given back; "
            f"{self.waiting} packets waited in it and were {done}, as overflow says"
        )


def claim(
    numbers: Sequence[int], store: Store, *, accept: bool
) -> tuple[list[Claim], list[GivenBack]]:
    """Return a claim for each queue, in their order, and the queues that were given back.

    New sockets are kept in ``store`` at once. What waits in a queue that is given back is
    accepted with ``accept``, else dropped. Raises `TransportError`.
    """
    free = _handed(store)
    claims: dict[int, Claim] = {}
    try:
        for number in numbers:
            holder = next((one for one in free if _holds(one.queue, number)), None)
            if holder is not None:
                holder.held = True
                claims[number] = holder
                free.remove(holder)
        back = [told for one in free for told in _give_back(one, accept=accept)]
        for number in numbers:
            if number not in claims:
                claims[number] = free.pop(0) if free else _new(number, store)
                claims[number].queue.number = number
    except BaseException:
        for one in [*free, *claims.values()]:
            one.socket.close()
        raise
    for one in free:
        if not one.lasting:
            store.forget(one.name)
        one.socket.close()
    return [claims[number] for number in numbers], back


def _handed(store: Store) -> list[Claim]:
    """Return the sockets that were handed to us, the lasting ones first."""
    sockets = [
        _claim(handed.name, NetlinkSocket(found), lasting=handed.lasting)
        for handed in store.offered()
        if (found := netfilter_socket(handed.descriptor)) is not None  # a ledger is none
    ]
    return sorted(sockets, key=lambda one: not one.lasting)


def _claim(name: str, made: NetlinkSocket, number: int = 0, *, lasting: bool = False) -> Claim:
    return Claim(name, made, Queue(made, number), held=False, lasting=lasting)


def _holds(queue: Queue, number: int) -> bool:
    """Ask the kernel whether a socket holds a queue."""
    queue.number = number
    return not queue.configure(Config())


def _give_back(one: Claim, *, accept: bool) -> Iterator[GivenBack]:
    """Answer all that waits in queues that a socket still has, and have it have none."""
    table = QueueTable.open()
    states = [state for state in table.states() if state.portid == one.socket.portid]
    table.close()
    for state in states:
        code = NF_ACCEPT if accept else NF_DROP
        one.queue.exchange(encode_batch_verdict(state.queue, 0, state.last_id, code))
        one.queue.configure(Config(unbind=True), state.queue)
        yield GivenBack(state.queue, state.waiting, accept)
    one.queue.take_kept()


def _new(number: int, store: Store) -> Claim:
    """Make a socket, and have it kept before it has the queue: so there is no gap."""
    spare = store.spare()
    made = NetlinkSocket.open() if spare is None else NetlinkSocket(socket.socket(fileno=spare))
    name = f"queue-{number}"
    store.keep(name, made.fileno())
    return _claim(name, made, number)
