# SPDX-License-Identifier: GPL-2.0
"""ip_queue's two queues, one for each family, and why one is not to be had."""

import errno
import os
import socket
from dataclasses import dataclass

from qverdictd.errors import PermissionMissingError, TransportError
from qverdictd.packet.raw import AF_INET, AF_INET6
from qverdictd.transport import proc
from qverdictd.wire.ipqueue import NETLINK_FIREWALL, NETLINK_IP6_FW


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between the queues."""

    name: str
    number: int
    """AF_INET or AF_INET6."""
    protocol: int
    """The netlink family by which the queue is reached."""
    level: int
    """The level of its socket options."""
    header_size: int
    """Bytes of an IP header without options: no packet is shorter."""


IPV4 = Family("IPv4", AF_INET, NETLINK_FIREWALL, socket.IPPROTO_IP, 20)
IPV6 = Family("IPv6", AF_INET6, NETLINK_IP6_FW, socket.IPPROTO_IPV6, 40)


def not_loaded() -> TransportError:
    """Return the error for a kernel without the module."""
    return TransportError(
        "the ip_queue module is not loaded: load it (modprobe ipqueue); without it the daemon runs "
        "with transport: nfqueue"
    )


def refusal(family: Family, code: int, holder: int = 0) -> TransportError:
    """Return the error for ``code``, the errno with which the module refused us.

    ``holder``: the port id of the queue's owner, if there is one.
    """
    if code in (errno.EPROTONOSUPPORT, errno.ENOPROTOOPT, errno.ECONNREFUSED):
        return not_loaded()
    if code == errno.EBUSY:
        return TransportError(
            f"the {family.name} queue is held by another process "
            f"({proc.describe_holder(holder, family.protocol)}): stop it"
        )
    if code == errno.EPERM:
        return PermissionMissingError(
            "the ip_queue module needs CAP_NET_ADMIN in this network namespace: run as root, or "
            "in a systemd unit set AmbientCapabilities=CAP_NET_ADMIN"
        )
    if code == errno.EINVAL:
        return TransportError(
            "the loaded ip_queue module speaks another version than this program: install the "
            "two from one release"
        )
    return TransportError(f"the {family.name} queue cannot be had: {os.strerror(code)}")


def refused(family: Family, what: str, code: int) -> TransportError:
    """Return the error for ``code``, with which the module refused what we as the owner sent."""
    if code == errno.EPERM:
        return refusal(family, code)
    return TransportError(f"the {family.name} queue refused {what}: {os.strerror(code)}")
