# SPDX-License-Identifier: GPL-2.0
"""Why the kernel does not give us a queue, and what to do about it."""

import errno
import os

from qverdictd.errors import NoQueueError, PermissionMissingError, TransportError
from qverdictd.transport import proc


def refusal(queue: int, code: int) -> TransportError:
    """Return the error for ``code``, the errno with which the kernel refused ``queue``.

    EPERM means both that another socket holds the queue and that we may not have any.
    """
    if code in (errno.EPERM, errno.EBUSY) and proc.has_net_admin():
        table = proc.QueueTable.open()
        state = table.state(queue)
        table.close()
        if state:
            return TransportError(
                f"queue {queue} is held by another process ({proc.describe_holder(state.portid)}): "
                "stop it, or choose another with --queue"
            )
    if code == errno.EPERM:
        return PermissionMissingError(
            f"queue {queue} needs CAP_NET_ADMIN in this network namespace: run as root, or in a "
            "systemd unit set AmbientCapabilities=CAP_NET_ADMIN"
        )
    if code == errno.EINVAL:
        return no_nfqueue()
    return TransportError(f"queue {queue} cannot be had: {os.strerror(code)}")


def no_socket() -> TransportError:
    """Return the error for a sandbox that lets us make no netlink socket."""
    return NoQueueError(
        "no netlink socket: this process may make none, and was handed too few (or none, if this "
        "kernel has no NFQUEUE: modprobe nfnetlink_queue). In a drop-in for the service give "
        "qverdictd-sockets a larger number, or let the service make its own: PrivateNetwork=no and "
        "RestrictAddressFamilies=AF_NETLINK"
    )


def no_nfqueue() -> TransportError:
    """Return the error for a kernel that knows no queues."""
    return NoQueueError(
        "this kernel has no NFQUEUE: load the module nfnetlink_queue (modprobe nfnetlink_queue), "
        "or run a kernel with CONFIG_NETFILTER_NETLINK_QUEUE"
    )
