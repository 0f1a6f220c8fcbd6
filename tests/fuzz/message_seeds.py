# SPDX-License-Identifier: GPL-2.0
"""First inputs for the target `messages`: what kernels send, packets and errors."""

import errno
from collections.abc import Iterator

from qverdictd.wire.ipqueue import IPQM_VERDICTS
from qverdictd.wire.ipqueue_batch import (
    PACKET_OWNER,
    PACKET_RESENT,
    BatchPacket,
    Missing,
    encode_missing,
    encode_packets,
)
from qverdictd.wire.netlink import Error, encode_error
from qverdictd.wire.nfnetlink_queue import MSG_VERDICT
from qverdictd.wire.packet_message import PacketMessage, encode_packet

_OVER_IPQUEUE, _IPV6_QUEUE = 1, 2
_IPV4, _BRIDGE, _IPV6 = 2, 7, 10
_ETHERTYPE_IPV6 = 0x86DD
_DATA = bytes(range(60))


def _written(options: int, *datagrams: bytes) -> bytes:
    parts = (len(datagram).to_bytes(2, "little") + datagram for datagram in datagrams)
    return bytes((options,)) + b"".join(parts)


def _nfqueue() -> Iterator[tuple[str, bytes]]:
    plain = PacketMessage(1, _IPV4, 0x0800, 1, _DATA, len(_DATA), indev=2)
    full = PacketMessage(
        2,
        _BRIDGE,
        _ETHERTYPE_IPV6,
        3,
        _DATA,
        1500,
        2,
        3,
        0x10,
        b"\2\0\0\0\0\1",
        1 << 40,
        0,
        1000,
        3,
    )
    empty = PacketMessage(3, _IPV6, 0, 4, b"", 40)
    packets = [encode_packet(7, packet) for packet in (plain, full, empty)]
    padded = [packet + bytes(-len(packet) % 4) for packet in packets]
    row = [encode_packet(7, plain._replace(packet_id=number, payload=b"")) for number in range(150)]
    gone = encode_error(Error(errno.ENOENT, MSG_VERDICT, 1))
    refused = encode_error(Error(errno.EINVAL, MSG_VERDICT, 2))
    done = encode_error(Error(0, MSG_VERDICT, 3))
    yield "nfqueue-each", _written(0, *packets)
    yield "nfqueue-together", _written(0, b"".join(padded))
    yield "nfqueue-many", _written(0, b"".join(row[:100]), b"".join(row[100:]))
    yield "nfqueue-errors", _written(0, packets[0], gone, refused, done + gone)
    yield "nfqueue-cut", _written(0, *(packets[1][:size] for size in (20, 36, 40, 90, 150)))


def _ipqueue() -> Iterator[tuple[str, bytes]]:
    packets = [
        BatchPacket(number, _DATA[:size], max(size, 20), flags=flags, hwaddr=b"\2\0\0\0\0\1")
        for number, size, flags in ((1, 60, 0), (2, 33, PACKET_OWNER), (5, 0, PACKET_RESENT))
    ]
    several = encode_packets(packets)
    missing = encode_missing(Missing(3, (1, 2)), seq=1)
    gone = encode_error(Error(errno.ENOENT, IPQM_VERDICTS, 1))
    refused = encode_error(Error(errno.EINVAL, IPQM_VERDICTS, 2))
    for name, options in (("ip", _OVER_IPQUEUE), ("ip6", _OVER_IPQUEUE | _IPV6_QUEUE)):
        yield f"ipqueue-{name}", _written(options, several, encode_packets(packets[:1]))
    yield "ipqueue-missing", _written(_OVER_IPQUEUE, several, missing + gone, gone)
    yield "ipqueue-refused", _written(_OVER_IPQUEUE, several, refused, several)
    many = encode_packets([BatchPacket(number, b"", 20) for number in range(10, 310)])
    yield "ipqueue-many", _written(_OVER_IPQUEUE, many)
    yield "ipqueue-cut", _written(_OVER_IPQUEUE, *(several[:size] for size in (15, 30, 100, 200)))


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield names and inputs."""
    yield from _nfqueue()
    yield from _ipqueue()
