#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0
"""Make the netlink sockets that the daemon's queues will belong to; its unit's ExecStartPre= does.

The daemon itself has no network and may make no such socket: they come to it by its service's
store of descriptors (sd_notify(3)), with the name "spare". Run in the network namespace whose
packets are to be judged, with the number of sockets; more than there are queues do no harm.
"""

import os
import socket
import sys

NETLINK_NETFILTER = 12  # linux/netlink.h
NAME = "spare"
AT_ONCE = 128
"""Descriptors a message: the kernel passes no more than 253 (SCM_MAX_FD in net/scm.h)."""


def main() -> int:
    """Replace the spare sockets of our service's store by new ones."""
    count = int(sys.argv[1])
    address = os.environ["NOTIFY_SOCKET"]
    if address.startswith("@"):  # an abstract one
        address = f"\0{address[1:]}"
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    try:
        made = [socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER) for _ in range(count)]
    except OSError as error:
        # The daemon, which gets none, says that it cannot go on and what to do.
        print(f"the kernel makes no netfilter sockets: {error.strerror}", file=sys.stderr)
        return 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        manager.connect(address)
        # Those that a start before this one did not come to use.
        manager.send(f"FDSTOREREMOVE=1\nFDNAME={NAME}".encode())
        told = f"FDSTORE=1\nFDNAME={NAME}\nFDPOLL=0".encode()
        for first in range(0, count, AT_ONCE):
            some = [each.fileno() for each in made[first : first + AT_ONCE]]
            socket.send_fds(manager, [told], some)
    return 0


if __name__ == "__main__":
    sys.exit(main())
