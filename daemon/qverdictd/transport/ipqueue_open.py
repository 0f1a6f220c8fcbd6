# SPDX-License-Identifier: GPL-2.0
"""Both of ip_queue's queues at once."""

from collections.abc import Sequence

from qverdictd.errors import TransportError
from qverdictd.transport.handed import Store
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.transport.ipqueue_control import has_family
from qverdictd.transport.ipqueue_family import IPV4, IPV6


def open_queues(
    numbers: Sequence[int],
    *,
    queue_length: int,
    copy_range: int,
    fail_open: bool,
    linger_ms: int = 0,
    store: Store | None = None,
) -> list[IpqueueTransport]:
    """Take the queues of both families as `IpqueueTransport.open` does; if one fails, none is kept.

    ``numbers``: queue 0, the only one there is. Raises `PermissionMissingError` and
    `TransportError`.
    """
    if tuple(numbers) != (0,):
        raise TransportError(
            "ipqueue has only queue 0: use --queue 0, or transport: nfqueue for others"
        )
    opened: list[IpqueueTransport] = []
    try:
        for family in (IPV4, IPV6):
            if has_family(family):
                opened.append(
                    IpqueueTransport.open(
                        family,
                        queue_length=queue_length,
                        copy_range=copy_range,
                        fail_open=fail_open,
                        linger_ms=linger_ms,
                        store=store,
                    )
                )
    except BaseException:
        for transport in opened:
            transport.close()
        raise
    if not opened:
        raise TransportError("this process may have sockets of neither IPv4 nor IPv6")
    return opened
