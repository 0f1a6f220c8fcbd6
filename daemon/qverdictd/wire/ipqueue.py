# SPDX-License-Identifier: GPL-2.0
"""ip_queue: its messages' types, and what a peer and the module agree on before packets come.

Constants and structures are those of the module's ``linux/netfilter/ipqueue.h``. Numbers are in
the machine's byte order unless a comment says otherwise. There is one message a datagram, in both
directions. The other rooms: `ipqueue_classic`, `ipqueue_batch`, `ipqueue_control`, `ipqueue_tap`.
"""

from dataclasses import dataclass
from struct import Struct

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Buffer, Cursor
from qverdictd.wire.netlink import NLM_F_REQUEST, encode_message

NETLINK_FIREWALL = 3
"""The netlink family of the IPv4 queue."""
NETLINK_IP6_FW = 13
"""The netlink family of the IPv6 queue."""

IPQM_MODE = 0x11
IPQM_VERDICT = 0x12
IPQM_PACKET = 0x13
IPQM_HELLO = 0x20
IPQM_PACKETS = 0x21
IPQM_VERDICTS = 0x22
IPQM_RANGE = 0x23
IPQM_MISSING = 0x24
IPQM_TAP = 0x25

VERSION = 1
"""Of all but the classic part: messages, statistics, settings."""

NF_STOP = 5
"""Accept, and skip the hooks that come after this one (linux/netfilter.h)."""

FEATURE_PACKETS = 1 << 0
"""Packets come as `IPQM_PACKETS`, several a datagram."""
FEATURE_VERDICTS = 1 << 1
"""Lists and ranges of verdicts are taken; ids in them that do not wait are told."""
FEATURE_FLOW = 1 << 2
"""Packets wait in the queue while the receive buffer is full, rather than being dropped."""
FEATURE_OWNER = 1 << 3
"""Packets of local sockets come with their owner's uid and gid."""

MIN_DATAGRAM = 1024
MAX_DATAGRAM = 69632
"""Bytes into which the largest packet fits, the netlink header included."""
MAX_HOLD = 100_000
"""Microseconds."""
MAX_VERDICTS = 4096
"""In one list."""

_MAGIC = 0x49505158
_HELLO = Struct("=IHHIIIIII")

_CLAIMED_PORTID = 1
"""What a request's header must have, and nothing more, is a positive number: the module looks at
the socket's own port id, which can be a negative one."""


def encode_request(kind: int, body: bytes, *, seq: int = 0, flags: int = 0) -> bytes:
    """Return a message to the module; it answers only errors, unless ``flags`` has NLM_F_ACK."""
    return encode_message(kind, body, flags=NLM_F_REQUEST | flags, seq=seq, portid=_CLAIMED_PORTID)


@dataclass(frozen=True, slots=True)
class Hello:
    """``struct ipq_hello``: what a peer asks for; in the answer, what it got."""

    features: int
    """Of the ``FEATURE_`` bits; 0 returns to the classic messages."""
    max_bytes: int = 0
    """Largest datagram, brought into `MIN_DATAGRAM` to `MAX_DATAGRAM`; 0: the largest."""
    max_packets: int = 0
    """Most packets a datagram; 0: as many as fit."""
    hold: int = 0
    """Microseconds, up to `MAX_HOLD`, for which packets may be held back for a fuller datagram."""
    max_verdicts: int = 0
    """In the answer: most verdicts a list may have. In the request: 0."""


def encode_hello(hello: Hello, *, seq: int) -> bytes:
    """Return the message; the answer has the same sequence number."""
    body = _HELLO.pack(
        *(_MAGIC, VERSION, _HELLO.size, hello.features),
        *(hello.max_bytes, hello.max_packets, hello.hold, hello.max_verdicts, 0),
    )
    return encode_request(IPQM_HELLO, body, seq=seq)


def decode_hello(buffer: Buffer, start: int, end: int) -> Hello:
    """Return the hello in the message body ``buffer[start:end]`` (after its ``nlmsghdr``).

    Members of a later version, which follow those that we know, are passed over. Raises
    `WireError`.
    """
    cursor = Cursor(buffer, start, end)
    magic, version, size, features, max_bytes, max_packets, hold, max_verdicts, reserved = (
        cursor.read(_HELLO)
    )
    if magic != _MAGIC or version != VERSION:
        raise WireError(f"a hello of version {version} with the magic number {magic:#x}")
    if not _HELLO.size <= size <= end - start or reserved:
        raise WireError(f"a hello of {size} bytes in {end - start}, with {reserved} at its end")
    return Hello(features, max_bytes, max_packets, hold, max_verdicts)
