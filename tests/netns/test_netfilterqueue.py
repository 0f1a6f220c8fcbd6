# SPDX-License-Identifier: GPL-2.0
"""What is particular to the NetfilterQueue library, and what we do about its limits."""

import os

import pytest

from qverdictd.action.decision import Decision, Verdict
from qverdictd.packet.raw import RawPacket
from qverdictd.transport.netfilterqueue import NetfilterQueueTransport
from tests.netns.lab import LINKS, MTU, Family, Lab, ip
from tests.netns.traffic import Pump, Udp, decide, held, queue_rule, take, transfer

FAMILIES: list[Family] = [4, 6]


@pytest.fixture
def jumbo(lab: Lab) -> Lab:
    """Links on which a packet is larger than the 4 KiB that the library reads by itself."""
    for link in (link for pair in LINKS for link in pair):
        ip("-n", lab.path(link.host).name, "link", "set", link.device, "mtu", "9000")
    return lab


@pytest.mark.parametrize("family", FAMILIES)
def test_large_packets_come_whole(jumbo: Lab, family: Family) -> None:
    queue_rule(jumbo, family=family)
    with held(jumbo, NetfilterQueueTransport) as transport, Udp(jumbo, family) as udp:
        udp.send(bytes(8000))
        (raw,) = take(transport, 1)
        assert raw.length == len(raw.data) == (20 if family == 4 else 40) + 8 + 8000
        transport.answer([(raw, decide())])
        assert udp.arrived(1) == [bytes(8000)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("copy_range", [64, 4016, 5000])
def test_a_cut_packet_is_known_by_its_own_header(
    jumbo: Lab, family: Family, copy_range: int
) -> None:
    """The library does not tell the length before the cut."""
    queue_rule(jumbo, family=family)
    with (
        held(jumbo, NetfilterQueueTransport, copy_range=copy_range) as transport,
        Udp(jumbo, family) as udp,
    ):
        udp.send(bytes(8000))
        (raw,) = take(transport, 1)
        assert raw.length == (20 if family == 4 else 40) + 8 + 8000
        assert len(raw.data) == copy_range


@pytest.mark.parametrize("family", FAMILIES)
def test_large_segments_are_split_for_the_library(lab: Lab, family: Family) -> None:
    """So their checksums are complete, and they can go back as they came."""
    queue_rule(lab, "-p", "tcp", family=family)
    data = os.urandom(1 << 16) * 8

    def echo(raw: RawPacket) -> Decision:
        return decide(replacement=raw.data)

    with held(lab, NetfilterQueueTransport) as transport, Pump(transport, echo) as pump:
        assert transfer(lab, family, data) == data
    assert max(raw.length for raw in pump.packets) == MTU
    assert not any(raw.gso or raw.checksum_partial for raw in pump.packets)


def test_no_bytes_at_all_cannot_be_said_and_are_a_drop(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NetfilterQueueTransport) as transport, Udp(lab) as udp:
        udp.send(b"a", b"b")
        first, second = take(transport, 2)
        transport.answer([(first, decide(replacement=b"")), (second, decide())])
        assert udp.arrived(1) == [b"b"]
        assert udp.waiting() == []


def test_a_packet_cannot_go_to_another_queue(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NetfilterQueueTransport) as transport, Udp(lab) as udp:
        assert not transport.can_requeue
        udp.send(b"a")
        (raw,) = take(transport, 1)
        with pytest.raises(ValueError, match="no verdict that the library knows"):
            transport.answer([(raw, decide(Verdict.QUEUE, queue=2))])


def test_the_kernel_grants_what_it_knows(lab: Lab) -> None:
    with held(lab, NetfilterQueueTransport, copy_range=9000, fail_open=True) as transport:
        assert transport.description.endswith("; granted: fail-open")
        queue = lab.queues("gateway")[0]
        assert (queue.copy_mode, queue.copy_range) == (2, 9000)
