# SPDX-License-Identifier: GPL-2.0
"""The classic messages of ip_queue, as libipq speaks them.

Their layout follows the machine's word (``unsigned long``, ``size_t``), padding included, so a
32-bit program and a 64-bit kernel do not understand each other; the extension messages they do.
"""

from struct import Struct
from typing import NamedTuple

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Buffer, Cursor
from qverdictd.wire.ipqueue import IPQM_MODE, IPQM_PACKET, IPQM_VERDICT, encode_request
from qverdictd.wire.netlink import encode_message

COPY_NONE = 0
"""Queue nothing: packets are dropped, or passed by a rule with bypass."""
COPY_META = 1
"""Send no bytes of packets."""
COPY_PACKET = 2
"""Send packets up to the copy range."""

COPY_RANGE_MAX = 0xFFFF
"""Bytes: the module takes no more; 0 stands for the whole packet."""

_MICROSECONDS = 1_000_000
_NAME = 16
_ADDRESS = 8

# struct ipq_packet_msg, ipq_mode_msg, ipq_verdict_msg. A body to the module is as long as the
# longer of the latter two, the union struct ipq_peer_msg.
_PACKET = Struct(f"@LLllI{_NAME}s{_NAME}s2sHB{_ADDRESS}sN")
_MODE = Struct("@BN")
_VERDICT = Struct("@ILN")
_PEER = Struct(f"@{max(_MODE.size, _VERDICT.size)}x")


class ClassicPacket(NamedTuple):
    """``struct ipq_packet_msg``: one packet that waits for a verdict."""

    packet_id: int
    hook: int
    payload: bytes
    """From the IP header on, cut to the copy range; empty in `COPY_META`."""
    mark: int = 0
    timestamp: int = 0
    """Microseconds since the epoch; 0: made on this host."""
    indev: bytes = b""
    """Name of the interface; empty where the hook has none."""
    outdev: bytes = b""
    hw_protocol: int = 0
    """The EtherType."""
    hw_type: int = 0
    """``ARPHRD_`` of the device that the packet came in by."""
    hwaddr: bytes = b""
    """The sender's hardware address, up to 8 bytes."""


def encode_packet(packet: ClassicPacket) -> bytes:
    """Return the message as the module sends it."""
    seconds, microseconds = divmod(packet.timestamp, _MICROSECONDS)
    body = _PACKET.pack(
        *(packet.packet_id, packet.mark, seconds, microseconds, packet.hook),
        *(packet.indev, packet.outdev, packet.hw_protocol.to_bytes(2, "big"), packet.hw_type),
        *(len(packet.hwaddr), packet.hwaddr, len(packet.payload)),
    )
    return encode_message(IPQM_PACKET, body + packet.payload)


def decode_packet(buffer: Buffer, start: int, end: int) -> ClassicPacket:
    """Return the packet in the message body ``buffer[start:end]``. Raises `WireError`."""
    cursor = Cursor(buffer, start, end)
    (
        packet_id, mark, seconds, microseconds, hook, indev, outdev, hw_protocol, hw_type,
        hw_addrlen, hw_addr, data_len,
    ) = cursor.read(_PACKET)  # fmt: skip
    if hw_addrlen > _ADDRESS:
        raise WireError(f"a hardware address of {hw_addrlen} bytes, which has room for {_ADDRESS}")
    payload = cursor.take(data_len)
    if cursor.left > 3:  # the message is a multiple of 4 bytes long
        raise WireError(f"{cursor.left} bytes after a packet's payload")
    return ClassicPacket(
        packet_id,
        hook,
        payload,
        mark,
        seconds * _MICROSECONDS + microseconds,
        _text(indev),
        _text(outdev),
        int.from_bytes(hw_protocol, "big"),
        hw_type,
        hw_addr[:hw_addrlen],
    )


def _text(name: bytes) -> bytes:
    """Return a name up to its first zero byte, which it must have."""
    text, zero, _rest = name.partition(b"\0")
    if not zero:
        raise WireError(f"an interface's name without an end: {name!r}")
    return text


class Mode(NamedTuple):
    """``struct ipq_mode_msg``: what is to be sent from now on."""

    value: int
    """One of ``COPY_``."""
    copy_range: int = 0
    """Most bytes of a packet in `COPY_PACKET`, up to `COPY_RANGE_MAX`; 0: the whole packet."""


def encode_mode(mode: Mode, *, seq: int = 0, flags: int = 0) -> bytes:
    """Return the message."""
    body = _MODE.pack(*mode)
    return encode_request(IPQM_MODE, body.ljust(_PEER.size, b"\0"), seq=seq, flags=flags)


def decode_mode(buffer: Buffer, start: int, end: int) -> Mode:
    """Return the mode in a message body of any length that holds one. Raises `WireError`."""
    _whole(start, end)
    return Mode(*Cursor(buffer, start, end).read(_MODE))


class ClassicVerdict(NamedTuple):
    """``struct ipq_verdict_msg``: what becomes of one packet. It cannot set a mark."""

    packet_id: int
    code: int
    """One of ``NF_``."""
    payload: bytes = b""
    """The packet to send on instead, from its IP header on; empty leaves it as it is."""


def encode_verdict(verdict: ClassicVerdict, *, seq: int = 0, flags: int = 0) -> bytes:
    """Return the message."""
    body = _VERDICT.pack(verdict.code, verdict.packet_id, len(verdict.payload))
    return encode_request(IPQM_VERDICT, body + verdict.payload, seq=seq, flags=flags)


def decode_verdict(buffer: Buffer, start: int, end: int) -> ClassicVerdict:
    """Return the verdict in a message body, as the module reads it. Raises `WireError`.

    A payload whose length is not the one it claims is ignored, and the verdict is not.
    """
    _whole(start, end)
    cursor = Cursor(buffer, start, end)
    code, packet_id, data_len = cursor.read(_VERDICT)
    payload = cursor.rest()
    return ClassicVerdict(packet_id, code, payload if len(payload) == data_len else b"")


def _whole(start: int, end: int) -> None:
    if end - start < _PEER.size:
        raise WireError(f"a body of {end - start} bytes, which has {_PEER.size} at least")
