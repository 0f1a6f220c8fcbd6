# SPDX-License-Identifier: GPL-2.0
"""NETLINK_SOCK_DIAG: what the kernel tells of netlink sockets (linux/netlink_diag.h)."""

from dataclasses import dataclass
from struct import Struct

from qverdictd.wire.cursor import Buffer, Cursor
from qverdictd.wire.netlink import NLM_F_REQUEST, attributes, encode_message

NETLINK_SOCK_DIAG = 4  # linux/netlink.h
SOCK_DIAG_BY_FAMILY = 20  # linux/sock_diag.h
NLMSG_DONE = 3

_AF_NETLINK = 16
_NLM_F_DUMP = 0x300
_SHOW_MEMINFO = 1
_ATTRIBUTE_MEMINFO = 0
_REQUEST = Struct("=BBHIIII")
"""``struct netlink_diag_req``."""
_MESSAGE = Struct("=BBBBIIIIII")
"""``struct netlink_diag_msg``."""
_MEMINFO = Struct("=9I")
"""The ``SK_MEMINFO_`` values of linux/sock_diag.h; newer kernels may append more."""


@dataclass(frozen=True, slots=True)
class SocketState:
    """A netlink socket as the kernel sees it."""

    portid: int
    receive_used: int
    """Bytes of the receive buffer in use, as the kernel counts them."""
    receive_buffer: int
    """Bytes of the receive buffer, as the kernel counts them."""
    drops: int
    """Messages that did not fit."""


def encode_request(protocol: int, seq: int) -> bytes:
    """Return the request for all sockets of a netlink family."""
    body = _REQUEST.pack(_AF_NETLINK, protocol, 0, 0, _SHOW_MEMINFO, 0, 0)
    return encode_message(SOCK_DIAG_BY_FAMILY, body, flags=NLM_F_REQUEST | _NLM_F_DUMP, seq=seq)


def decode_socket(buffer: Buffer, start: int, end: int) -> SocketState | None:
    """Read the message body ``buffer[start:end]``; None if it tells nothing of memory.

    Raises `WireError`.
    """
    cursor = Cursor(buffer, start, end)
    portid = cursor.read(_MESSAGE)[4]
    found = None
    for kind, value in attributes(cursor):
        if kind == _ATTRIBUTE_MEMINFO:
            used, size, *_, drops = value.read(_MEMINFO)
            found = SocketState(portid, used, size, drops)
        value.take(value.left)
    return found
