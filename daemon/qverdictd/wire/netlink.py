# SPDX-License-Identifier: GPL-2.0
"""Netlink's framing: message headers, attributes, errors and acknowledgements.

Headers and attribute headers are in the machine's byte order; constants are those of
``linux/netlink.h``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Buffer, Cursor

NETLINK_NETFILTER = 12
"""The netlink family of NFQUEUE."""

NLMSG_ERROR = 2
"""``struct nlmsgerr``: an error, or with error 0 the acknowledgement that NLM_F_ACK asked for."""

NLM_F_REQUEST = 0x01
NLM_F_ACK = 0x04
NLM_F_CAPPED = 0x100
"""On an error: the request it answers is not repeated after its header (NETLINK_CAP_ACK)."""

NLA_TYPE_MASK = 0x3FFF
"""Without NLA_F_NESTED and NLA_F_NET_BYTEORDER, the two flags in an attribute's type."""

NLMSGHDR = Struct("=IHHII")
"""``struct nlmsghdr``: length with this header, type, flags, sequence number, port id."""

NLATTR = Struct("=HH")
"""``struct nlattr``: length with this header, type."""

_NLMSGERR = Struct("=i")
_MAX_ERRNO = 4095  # linux/err.h


def align(size: int) -> int:
    """Return ``size`` rounded up to the 4 bytes that messages and attributes start at."""
    return (size + 3) & ~3


def encode_message(
    type: int,  # noqa: A002 - the field's name in struct nlmsghdr
    body: bytes,
    *,
    flags: int = 0,
    seq: int = 0,
    portid: int = 0,
) -> bytes:
    """Return a netlink message, padded so that another can follow it."""
    size = NLMSGHDR.size + len(body)
    return NLMSGHDR.pack(size, type, flags, seq, portid) + body + bytes(align(size) - size)


def encode_attribute(type: int, value: bytes) -> bytes:  # noqa: A002
    """Return an attribute, padded so that another can follow it."""
    size = NLATTR.size + len(value)
    return NLATTR.pack(size, type) + value + bytes(align(size) - size)


def attributes(cursor: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Yield each attribute's type and a cursor that its reader must read to the end.

    The last attribute may come without its padding: the kernel sends a payload so.
    """
    while cursor.left:
        size, kind = cursor.read(NLATTR)
        with cursor.slice(size - NLATTR.size) as value:
            yield kind & NLA_TYPE_MASK, value
        if cursor.left:
            cursor.take(align(size) - size)


@dataclass(frozen=True, slots=True)
class Error:
    """``struct nlmsgerr``: the kernel's answer to one request, found by ``type`` and ``seq``."""

    errno: int
    """0: done (an acknowledgement); else why not, as a positive errno."""
    type: int
    """The request's message type."""
    seq: int
    """The request's sequence number."""
    portid: int = 0
    """The port id in the request's header, which is whatever its sender wrote there."""


def encode_error(error: Error, *, portid: int = 0) -> bytes:
    """Return an error message as the kernel sends it with NETLINK_CAP_ACK."""
    request = NLMSGHDR.pack(NLMSGHDR.size, error.type, NLM_F_REQUEST, error.seq, error.portid)
    return encode_message(
        NLMSG_ERROR,
        _NLMSGERR.pack(-error.errno) + request,
        flags=NLM_F_CAPPED,
        seq=error.seq,
        portid=portid,
    )


def decode_error(buffer: Buffer, start: int, end: int) -> Error:
    """Return the error in the message body ``buffer[start:end]`` (after its ``nlmsghdr``).

    The rest of the request and the extended acknowledgement, which may follow, are not read.
    Raises `WireError`.
    """
    cursor = Cursor(buffer, start, end)
    (negative,) = cursor.read(_NLMSGERR)
    if not -_MAX_ERRNO <= negative <= 0:
        raise WireError(f"a netlink error of {negative}, which is not a negative errno")
    _size, kind, _flags, seq, portid = cursor.read(NLMSGHDR)
    return Error(errno=-negative, type=kind, seq=seq, portid=portid)
