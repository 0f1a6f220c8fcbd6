# SPDX-License-Identifier: GPL-2.0
"""The decoded view of a packet: where its headers are, and each field's value when asked for."""

from qverdictd.packet.fields import Header
from qverdictd.packet.raw import RawPacket
from qverdictd.packet.readers import READERS
from qverdictd.packet.value import Missing, Value


class Packet(dict[str, Value]):
    """A packet as a mapping from field names to values, filled in as they are asked for.

    `qverdictd.packet.decode` makes it. Offsets are in bytes of `data`.
    """

    __slots__ = (
        "data",
        "end",
        "fragment",
        "network",
        "payload_at",
        "payload_end",
        "proto",
        "pseudo_destination",
        "pseudo_known",
        "pseudo_source",
        "raw",
        "transport",
        "transport_at",
        "transport_missing",
    )

    raw: RawPacket
    data: bytes
    network: Header
    end: int | None
    """Where the packet ends by its own length, past ``len(data)`` if it was cut; None: the cut
    took the length field too."""
    proto: int | Missing
    fragment: int | Missing
    """1 for any part of a fragmented datagram, 0 for a whole one."""
    transport: Header | None
    """None: no transport header that we know, or none in this fragment, or the cut hides it."""
    transport_at: int
    transport_missing: Missing
    """What a transport field is while ``transport`` is None."""
    payload_at: int | None
    """None: the cut took the header length that would tell."""
    payload_end: int
    pseudo_source: bytes | None
    """The home address out of an IPv6 destination option, which the checksum has for ``src``."""
    pseudo_destination: bytes | None
    """Where a source route or IPv6 routing header leads, which the checksum has for ``dst``."""
    pseudo_known: bool
    """Whether the end of the route is known; else the checksum can only be carried on."""

    def __missing__(self, name: str) -> Value:
        """Read the field and keep its value."""
        value = self[name] = READERS[name](self)
        return value

    @property
    def cut(self) -> bool:
        """Whether bytes of the packet are missing at its end."""
        return self.end is None or len(self.data) < self.end
