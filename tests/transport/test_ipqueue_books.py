# SPDX-License-Identifier: GPL-2.0
"""The books of an ip_queue transport: whatever did not come, or came too late, is counted once."""

import errno
from collections.abc import Callable

import pytest

from qverdictd.errors import TransportError
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.wire.ipqueue import IPQM_MODE, IPQM_VERDICTS
from qverdictd.wire.ipqueue_batch import BatchPacket, encode_packets
from qverdictd.wire.netlink import Error, encode_error

from .ipqueue_module import Link, Module
from .ipqueue_serving import decide, serve, take


@pytest.fixture
def module() -> Module:
    return Module()


@pytest.fixture
def link(module: Module) -> Link:
    return Link(module)


@pytest.fixture
def transport(module: Module, link: Link) -> IpqueueTransport:
    return take(module, link)


def test_ids_that_do_not_wait_are_counted(
    module: Module, link: Link, transport: IpqueueTransport
) -> None:
    for _ in range(3):
        module.arrive()
    packets = transport.receive()
    module.flush(1)
    module.flush(3)
    transport.answer([(raw, decide()) for raw in packets])
    assert transport.receive() == []
    assert (transport.losses().flushed, transport.losses().refused) == (2, 0)
    # Without memory to name them the module says only that there were some.
    link.say(encode_error(Error(errno.ENOENT, IPQM_VERDICTS, 99)))
    assert transport.receive() == []
    assert transport.losses().flushed == 3
    assert [verdict.packet_id for verdict in module.decided] == [2]


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (errno.EINVAL, IPQM_VERDICTS, "IPv4 queue refused a list of verdicts: Invalid argument"),
        (errno.EINVAL, IPQM_MODE, "IPv4 queue refused a copy mode: Invalid argument"),
        (errno.EPERM, IPQM_VERDICTS, "needs CAP_NET_ADMIN"),
    ],
)
def test_a_list_that_is_refused_ends_it(
    link: Link, transport: IpqueueTransport, code: int, kind: int, text: str
) -> None:
    """Its packets would wait for ever; with the socket they are given back."""
    link.say(encode_error(Error(code, kind, 1)))
    with pytest.raises(TransportError, match=text):
        transport.receive()


def test_missing_ids_are_counted_but_for_what_came_before_us(
    module: Module, link: Link, transport: IpqueueTransport
) -> None:
    gaps: Callable[[], int] = lambda: transport.losses().id_gaps  # noqa: E731
    module.last_id = 10
    module.arrive()
    serve(transport)
    assert gaps() == 0  # where the ids begin is not known
    module.last_id += 3
    module.arrive()
    module.last_id += 2
    module.arrive()
    serve(transport)
    assert gaps() == 5
    link.say(encode_packets([BatchPacket(30, b"", 0, flags=2), BatchPacket(34, b"", 0, flags=2)]))
    link.say(encode_packets([BatchPacket(40, b"", 0), BatchPacket(42, b"", 0)]))
    transport.receive()
    assert gaps() == 6


def test_losses_are_the_modules_since_the_start(module: Module, link: Link) -> None:
    module.counters = {"overflow_dropped": 5, "undeliverable": 9, "refused": 4}
    transport = take(module, link)
    module.counters = {
        "overflow_dropped": 7, "overflow_accepted": 3, "undeliverable": 10, "refused": 4
    }  # fmt: skip
    losses = transport.losses()
    assert (losses.queue_full, losses.accepted_past) == (2, 3)
    assert (losses.socket_full, losses.refused) == (1, 0)
    module.counters = {"overflow_dropped": 1}  # reset meanwhile
    assert transport.losses().queue_full == 1


@pytest.mark.parametrize("fail_open", [False, True])
def test_a_full_queue(module: Module, fail_open: bool) -> None:
    transport = take(module, Link(module), queue_length=3, fail_open=fail_open)
    for _ in range(5):
        module.arrive()
    assert serve(transport) == [1, 2, 3]
    losses = transport.losses()
    assert (losses.queue_full, losses.accepted_past) == ((0, 2) if fail_open else (2, 0))
