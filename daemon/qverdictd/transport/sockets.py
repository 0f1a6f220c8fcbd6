# SPDX-License-Identifier: GPL-2.0
"""The netlink sockets of this network namespace, anybody's, with their receive buffers."""

import socket

from qverdictd.errors import TransportError
from qverdictd.wire.netlink import NLMSG_ERROR, NLMSGHDR, align, decode_error
from qverdictd.wire.sock_diag import (
    NETLINK_SOCK_DIAG,
    NLMSG_DONE,
    SOCK_DIAG_BY_FAMILY,
    SocketState,
    decode_socket,
    encode_request,
)

_PATIENCE = 5.0
_SIZE = 1 << 16


def netlink_sockets(protocol: int) -> dict[int, SocketState]:
    """Return the sockets of a netlink family by port id. Raises `TransportError`."""
    states: dict[int, SocketState] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as asking:
            asking.settimeout(_PATIENCE)
            asking.sendto(encode_request(protocol, seq=1), (0, 0))
            while _read(asking, states):
                pass
    except OSError as error:
        raise TransportError(f"the kernel tells nothing of netlink sockets: {error}") from error
    return states


def _read(asking: socket.socket, states: dict[int, SocketState]) -> bool:
    """Read one datagram into ``states``; return whether more will follow."""
    data, (sender, _groups) = asking.recvfrom(_SIZE)
    if sender:
        return True  # not from the kernel
    start = 0
    while len(data) - start >= NLMSGHDR.size:
        size, kind, *_ = NLMSGHDR.unpack_from(data, start)
        body, end = start + NLMSGHDR.size, min(start + size, len(data))
        if kind == NLMSG_DONE:
            return False
        if kind == NLMSG_ERROR:
            raise OSError(decode_error(data, body, end).errno, "sock_diag")
        if kind == SOCK_DIAG_BY_FAMILY and (state := decode_socket(data, body, end)):
            states[state.portid] = state
        start += align(max(size, NLMSGHDR.size))
    return True
