# SPDX-License-Identifier: GPL-2.0
"""The packets that come over one of ip_queue's sockets."""

from qverdictd.errors import WireError
from qverdictd.packet.raw import HOOKS, RawPacket
from qverdictd.transport.interfaces import InterfaceNames
from qverdictd.transport.ipqueue_family import Family
from qverdictd.transport.ipqueue_peer import Peer
from qverdictd.wire.cursor import Buffer
from qverdictd.wire.ipqueue_batch import (
    PACKET_OWNER,
    PACKET_RESENT,
    BrokenPacketError,
    parse_packets,
)

_AF_UNSPEC = 0
_HOOKS = len(HOOKS)


class Inbox:
    """Reads packets, and counts what is missing between them and what is broken."""

    def __init__(self, peer: Peer, family: Family, names: InterfaceNames) -> None:
        """``names``: of the interfaces of the packets' network namespace."""
        self._peer = peer
        self._family = family.number
        self._names = names
        self.last_id: int | None = None
        """Of the packet read last; None: what comes next leaves no gap."""

    def read(self) -> list[RawPacket]:
        """Return the packets of one read, oldest first, without blocking; empty if none wait.

        A packet whose record is broken, but not its id, has the family 0: it cannot be judged.
        Raises `TransportError`.
        """
        while True:
            buffer, bodies = self._peer.read()
            packets: list[RawPacket] = []
            for start, end in bodies:
                try:
                    self._add(packets, buffer, start, end)
                except BrokenPacketError as error:
                    if error.packet_id is None:
                        self._peer.losses.broken += 1
                    else:
                        packets.append(RawPacket(error.packet_id, b"", 0, _AF_UNSPEC))
                except WireError:
                    self._peer.losses.broken += 1
            if packets or not bodies:
                return packets

    def _add(self, packets: list[RawPacket], buffer: Buffer, start: int, end: int) -> None:
        """Append the packets of one message; count the ids that are missing between them."""
        names = self._names
        for (
            packet_id, payload, length, mark, time, indev, outdev, _physindev, _physoutdev,
            uid, gid, _hw_protocol, _hw_type, hook, flags, hwaddr,
        ) in parse_packets(buffer, start, end):  # fmt: skip
            if flags & PACKET_RESENT:
                self.last_id = None  # what is missing here, the owner before us decided
            else:
                if self.last_id is not None:
                    self._peer.losses.id_gaps += packet_id - self.last_id - 1
                self.last_id = packet_id
            owned = flags & PACKET_OWNER
            packets.append(
                RawPacket(
                    packet_id,
                    payload,
                    length,
                    self._family,
                    hook if hook < _HOOKS else None,
                    names[indev],
                    names[outdev],
                    mark,
                    hwaddr or None,
                    uid if owned else None,
                    gid if owned else None,
                    time / 1e9,
                )
            )
