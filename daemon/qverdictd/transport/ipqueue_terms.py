# SPDX-License-Identifier: GPL-2.0
"""On what terms one of ip_queue's queues is held: what is asked for, and what must be given."""

import errno
from dataclasses import dataclass

from qverdictd.errors import TransportError
from qverdictd.transport.ipqueue_ends import Control
from qverdictd.transport.ipqueue_family import Family, refusal
from qverdictd.transport.ipqueue_peer import Peer
from qverdictd.wire.ipqueue import (
    FEATURE_FLOW,
    FEATURE_OWNER,
    FEATURE_PACKETS,
    FEATURE_VERDICTS,
    MAX_DATAGRAM,
    Hello,
)
from qverdictd.wire.ipqueue_classic import COPY_PACKET, COPY_RANGE_MAX, Mode
from qverdictd.wire.ipqueue_control import (
    MAXLEN_MAX,
    SET_LINGER,
    SET_MAXLEN,
    SET_OVERFLOW,
    Settings,
)
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP

_NEEDED = FEATURE_PACKETS | FEATURE_VERDICTS | FEATURE_FLOW
_WANTED = Hello(
    features=_NEEDED | FEATURE_OWNER,
    max_bytes=MAX_DATAGRAM,  # for which `NetlinkSocket` has room
    max_packets=128,
    # Packets are held only while we judge others, and our verdicts release them: this is how long
    # the first of them waits at most should we stall.
    hold=2_000,
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What we ask for."""

    queue_length: int
    """Packets that may wait for a verdict."""
    copy_range: int
    """Bytes of each that are copied."""
    fail_open: bool
    """Whether the module accepts what does not fit; else it drops it."""
    linger_ms: int = 0
    """Milliseconds for which packets wait for the next of us, should we end unasked."""

    @property
    def mode(self) -> Mode:
        """The copy mode."""
        return Mode(COPY_PACKET, min(self.copy_range, COPY_RANGE_MAX))

    @property
    def settings(self) -> Settings:
        """The settings that are ours to choose; the others stay as they are."""
        return Settings(
            mask=SET_MAXLEN | SET_OVERFLOW | SET_LINGER,
            maxlen=min(self.queue_length, MAXLEN_MAX),
            overflow_verdict=NF_ACCEPT if self.fail_open else NF_DROP,
            linger_ms=self.linger_ms,
        )


def agree(peer: Peer, family: Family, control: Control) -> Hello:
    """Become the queue's owner, for batches. Raises `TransportError`."""
    try:
        hello = peer.agree(_WANTED)
    except OSError as error:
        code = error.errno or errno.EIO
        holder = control.statistics().peer if code == errno.EBUSY else 0
        raise refusal(family, code, holder) from error
    if hello.features & _NEEDED != _NEEDED:
        raise TransportError(
            f"the loaded ip_queue module gives the features {hello.features:#x}, and "
            f"{_NEEDED:#x} are needed: install a newer one"
        )
    return hello
