# SPDX-License-Identifier: GPL-2.0
"""Takes over the packets that wait in a queue which a process before us held.

The kernel has sent each of them once, to a process that is gone. So all are moved, by a verdict, to
a second queue on our own socket, and the kernel sends them again: in their order, with their marks,
and with a queue number that tells them from packets that come now. These wait until all moved
ones are answered. Who is killed in here leaves older packets in the second queue and younger
ones in the first; moved again in this order they stay in it.

A verdict NF_QUEUE goes to the other queue directly (``nf_reinject`` in net/netfilter): no rule sees
a packet twice, as each would with NF_REPEAT. It is done when the kernel has taken our message, so
when the kernel's next answer is there everything is.
"""

import dataclasses
import errno
from itertools import islice

from qverdictd.errors import TransportError
from qverdictd.transport.base import TakenOver
from qverdictd.transport.ledger import Left, taken_over
from qverdictd.transport.queue import MOST_KEPT, Queue, laid_out
from qverdictd.transport.refusal import refusal
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.netlink import NLMSGHDR
from qverdictd.wire.nfnetlink_queue import (
    NF_QUEUE,
    NF_VERDICT_QUEUE_SHIFT,
    NFGENMSG,
    Config,
    VerdictEncoder,
    encode_batch_verdict,
)
from qverdictd.wire.packet_message import readable_id

_ID_BITS = 32
_HALF = 1 << (_ID_BITS - 1)
_ID_MASK = (1 << _ID_BITS) - 1
_ALL_IDS = (_HALF - 1, _ID_MASK)
"""Two verdicts up to these reach whatever waits: one up to an id reaches back half of them."""


def side_of(number: int) -> int:
    """Return the number of the queue to which packets of queue ``number`` are moved."""
    return number ^ 0x8000


def is_newer(packet_id: int, than: int) -> bool:
    """Say whether a packet came after another; ids go round."""
    return 0 < (packet_id - than & _ID_MASK) < _HALF


class Moved:
    """The packets that were moved, in the order in which they are to be answered."""

    def __init__(
        self, queue: Queue, messages: list[bytes], judged: int, left: Left | None, last_id: int
    ) -> None:
        """Take the packets' messages; the first ``judged`` were noted when ``left`` was written."""
        self._queue = queue
        self.last_id = last_id
        """The newest id of those that waited, in the queue that they came from."""
        self._messages = iter(messages)
        self._left = left
        self._suspects = judged if left is not None and left.suspected else 0
        self.number = side_of(queue.number)
        self.waiting = len(messages)
        self.judged = judged
        self.faults = 0
        """Faults that the packets read last have been in."""
        self.condemned = False
        """Whether the packet read last must not be judged."""

    def read(self) -> tuple[Buffer, list[tuple[int, int]]]:
        """Return the next packets as `Queue.read` does; a suspect alone; nothing at the end."""
        if self._suspects and self._left is not None:
            self._suspects -= 1
            self.faults, self.condemned = self._left.faults, self._left.condemned
            return laid_out(list(islice(self._messages, 1)))
        self.faults, self.condemned = 0, False
        return laid_out(list(islice(self._messages, MOST_KEPT)))

    def told(self, problem: str | None) -> TakenOver:
        """Return what the log is to say; ``problem``: why there is no ledger."""
        return taken_over(self._queue.number, self.waiting, self.judged, self._left, problem)

    def close(self) -> None:
        """Give the second queue back, after all of it was answered."""
        self._queue.configure(Config(unbind=True), self.number)


def take_over(queue: Queue, terms: Config, left: Left | None) -> Moved:
    """Take over what waits in ``queue``, which our socket holds already on ``terms``.

    What came since is kept for ``queue`` to read. Raises `TransportError`; nothing is lost then.
    """
    side = side_of(queue.number)
    cut_short = _bind(queue, side, terms)
    # What was sent once comes again: reading it makes room.
    sent = queue.take_kept()
    last = {number: _last_id(queue, number, sent, left) for number in (queue.number, side)}
    noted = left if left is not None and left.queue in last else None
    judged = _move(queue, side, last, noted, cut_short=cut_short)
    moved, came = _sorted(queue.take_kept(), side, last)
    newest = last[queue.number]
    if newest is None:
        newest = (_id(came[0]) or 0) - 1 & _ID_MASK if came else 0
    elif noted is not None and noted.queue == queue.number and not cut_short:
        # Each id is a packet that waited, or one that found our socket full.
        queue.missed(max((newest - noted.last_id & _ID_MASK) - (len(moved) - judged), 0))
    queue.resume(newest)
    queue.keep(came)
    return Moved(queue, moved, judged, noted, newest)


def _bind(queue: Queue, side: int, terms: Config) -> bool:
    """Hold the second queue; return whether we did, as a takeover before this was cut short."""
    length = terms.max_length
    terms = dataclasses.replace(terms, max_length=None if length is None else 2 * length)
    code = queue.configure(terms, side)
    if not code:
        return True
    if code == errno.ENODEV:
        code = queue.configure(dataclasses.replace(terms, bind=True), side)
    if code:
        raise TransportError(
            f"the packets in queue {queue.number} cannot be taken over: {refusal(side, code)}"
        )
    return False


def _move(
    queue: Queue, side: int, last: dict[int, int | None], noted: Left | None, *, cut_short: bool
) -> int:
    """Have everything that waits sent again from ``side``: first those ``noted``, then the rest.

    Returns how many of those noted there were.
    """
    code = side << NF_VERDICT_QUEUE_SHIFT | NF_QUEUE
    ids = [] if noted is None else noted.ids
    data = b""
    if noted is not None:
        # Each by itself: the errors tell which of them were answered.
        encode = VerdictEncoder(noted.queue).encode
        data = b"".join(encode(packet_id, code) for packet_id in ids)
    no_id = ids[-1] + 1 & _ID_MASK if ids else 0
    for number in [side, queue.number] if cut_short else [queue.number]:
        known = last[number]
        for up_to in _ALL_IDS if known is None else [known]:
            data += encode_batch_verdict(number, no_id, up_to, code)
    return len(ids) - len(queue.exchange(data).keys() & set(ids))


def _last_id(queue: Queue, number: int, sent: list[bytes], left: Left | None) -> int | None:
    """Return the newest id of a queue, up to which packets are moved; None if nothing tells it."""
    told = queue.newest_id(number)
    if told is not None:
        return told
    for message in reversed(sent):
        if _number(message) == number and (packet_id := _id(message)) is not None:
            return packet_id
    return left.last_id if left is not None and left.queue == number else None


def _sorted(
    messages: list[bytes], side: int, last: dict[int, int | None]
) -> tuple[list[bytes], list[bytes]]:
    """Return the packets that were moved, and those that came since; others come again."""
    moved: list[bytes] = []
    came: list[bytes] = []
    for message in messages:
        number, packet_id = _number(message), _id(message)
        before = last.get(number)
        if packet_id is not None and (before is None or is_newer(packet_id, before)):
            (moved if number == side else came).append(message)
    return moved, came


def _number(message: bytes) -> int:
    """Return the queue of a packet's message."""
    number: int = NFGENMSG.unpack_from(message, NLMSGHDR.size)[2]
    return number


def _id(message: bytes) -> int | None:
    return readable_id(message, NLMSGHDR.size, len(message))
