# SPDX-License-Identifier: GPL-2.0
"""The states in which the kernel hands checksums over: right, wrong, or partial."""

from qverdictd.packet.raw import AF_INET, RawPacket

from ..generators.naive import pseudo, word_sum
from ..generators.packets import Made
from .validator import CHECKSUM_AT, covered, ends

#: Protocols whose checksum Linux leaves to the network card.
OFFLOADED = (6, 17, 136, 33, 58, 132)


def partial(made: Made) -> RawPacket:
    """Return the packet as Linux leaves it: the pseudo header's folded sum, not complemented."""
    assert made.transport_at is not None
    segment = made.data[made.transport_at :]
    if made.proto == 132:
        at, field = made.transport_at + 8, bytes(4)
    else:
        at = made.transport_at + CHECKSUM_AT[made.proto]
        pair = ends(made, made.data)
        _, length = covered(made.proto, segment)
        header = pseudo(pair.source, pair.destination, made.proto, length)
        field = word_sum(header).to_bytes(2, "big")
    data = made.data[:at] + field + made.data[at + len(field) :]
    return RawPacket(1, data, len(data), made.family, checksum_partial=True)


def wrong(made: Made) -> RawPacket:
    """Return the packet with every checksum that it has off by some."""
    data = bytearray(made.data)
    places = [(10, 2)] if made.family == AF_INET else []
    if made.transport_at is not None:
        if made.proto == 132:
            places.append((made.transport_at + 8, 4))
        else:
            places.append((made.transport_at + CHECKSUM_AT[made.proto], 2))
    for at, size in places:
        old = int.from_bytes(data[at : at + size], "big")
        if made.proto == 17 and old == 0 and at != 10:
            continue  # none stays none
        # Neither the right one, nor its other zero, nor UDP's "none".
        data[at : at + size] = ((old + 0x1234) % 0xFFFF or 1).to_bytes(size, "big")
    return RawPacket(1, bytes(data), len(data), made.family)
