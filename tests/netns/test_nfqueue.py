# SPDX-License-Identifier: GPL-2.0
"""What only our own descriptor can do, and how it counts what is lost, on a real kernel queue."""

import contextlib
import os
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from qverdictd.action.decision import Decision, Verdict
from qverdictd.packet.checksum import checksum, pseudo_header
from qverdictd.packet.raw import HOOKS, RawPacket
from qverdictd.transport.grant import Grant
from qverdictd.transport.handed import NoStore
from qverdictd.transport.ledger import open_ledger
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.nfqueue import Kept, NfqueueTransport
from qverdictd.transport.queue import Queue
from tests.netns.lab import Family, Lab, ip
from tests.netns.traffic import (
    PORT,
    Pump,
    Udp,
    decide,
    eventually,
    held,
    queue_rule,
    settle,
    take,
    transfer,
)
from tests.transport.kernel import ScriptedKernel, packet

FAMILIES: list[Family] = [4, 6]
TCP = 6
BIG = 1400
"""Bytes of a datagram that costs 2,300 bytes of the receive buffer."""


def shrink(transport: NfqueueTransport, size: int) -> None:
    """Give the queue's socket a smaller receive buffer than it asked for."""
    with socket.socket(fileno=os.dup(transport.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def test_a_packet_goes_to_another_queue(lab: Lab) -> None:
    queue_rule(lab)
    with (
        held(lab, NfqueueTransport) as first,
        held(lab, NfqueueTransport, 513) as second,
        Udp(lab) as udp,
    ):
        udp.send(b"pass me on")
        (raw,) = take(first, 1)
        first.answer([(raw, decide(Verdict.QUEUE, queue=513, mark=3))])
        (again,) = take(second, 1)
        assert (again.id, again.data, again.mark) == (1, raw.data, 3)
        second.answer([(again, decide(mark=3))])
        assert udp.arrived(1) == [b"pass me on"]


def test_the_kernel_grants_what_it_knows(lab: Lab) -> None:
    with held(lab, NfqueueTransport, copy_range=100, queue_length=50, fail_open=True) as transport:
        assert "; granted: GSO, UID_GID, fail-open" in transport.description
        assert "not known" not in transport.description
        assert "not readable" not in transport.description
        queue = lab.queues("gateway")[0]
        assert (queue.copy_mode, queue.copy_range) == (2, 100)
        assert f"portid {queue.portid}; length 50; copy range 100;" in transport.description


def test_the_owner_of_a_local_packet(lab: Lab) -> None:
    lab.iptables("client", "-A", "OUTPUT", "-p", "udp", "-j", "NFQUEUE", "--queue-num", "0")
    with held(lab, NfqueueTransport, host="client") as transport, Udp(lab) as udp:
        udp.send(b"mine")
        (raw,) = take(transport, 1)
        # The kernel says it in the terms of the first user namespace.
        assert (raw.uid, raw.gid) == (outside("uid", os.getuid()), outside("gid", os.getgid()))
        assert raw.hook == HOOKS.index("output")
        assert (raw.indev, raw.outdev, raw.mac) == (None, "eth0", None)


def outside(kind: str, number: int) -> int:
    """Return how a user or group of ours is called outside of our user namespace."""
    for line in Path(f"/proc/self/{kind}_map").read_text().splitlines():
        inner, outer, count = map(int, line.split())
        if inner <= number < inner + count:
            return outer + number - inner
    raise AssertionError(f"{kind} {number} is nobody outside")


# -- losses


def test_an_overrun_shows_in_the_ids_and_the_kernels_counter(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NfqueueTransport) as transport, Udp(lab) as udp:
        assert isinstance(transport, NfqueueTransport)
        shrink(transport, 10_000)
        udp.send(*[bytes(BIG)] * 50)
        eventually(lambda: lab.queues("gateway")[0].last_id == 50)
        lost = lab.queues("gateway")[0].dropped_socket
        assert 0 < lost < 50
        poll = select.poll()
        poll.register(transport, select.POLLIN)
        assert poll.poll(0) == [(transport.fileno(), select.POLLIN)]  # an overrun is no error
        packets = take(transport, 50 - lost)
        assert [raw.id for raw in packets] == list(range(1, 51 - lost))
        udp.send(b"after the gap")
        packets += take(transport, 1)
        assert packets[-1].id == 51
        transport.answer([(raw, decide()) for raw in packets])
        assert len(udp.arrived(51 - lost)) == 51 - lost
        losses = transport.losses()
        assert (losses.id_gaps, losses.socket_full, losses.queue_full) == (lost, lost, 0)


def test_a_gap_at_the_end_shows_when_the_queue_is_stopped(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NfqueueTransport) as transport, Udp(lab) as udp:
        assert isinstance(transport, NfqueueTransport)
        shrink(transport, 10_000)
        udp.send(*[bytes(BIG)] * 50)
        eventually(lambda: lab.queues("gateway")[0].last_id == 50)
        transport.stop()
        lost = lab.queues("gateway")[0].dropped_socket
        take(transport, 50 - lost)
        settle(transport)
        assert transport.losses().id_gaps == lost > 0
    assert transport.losses().id_gaps == lost


def test_a_full_queue_is_counted(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NfqueueTransport, queue_length=10) as transport, Udp(lab) as udp:
        udp.send(*[b"x"] * 50)
        eventually(lambda: transport.losses().queue_full == 40)
        packets = take(transport, 10)
        transport.answer([(raw, decide()) for raw in packets])
        udp.send(b"y")
        (raw,) = take(transport, 1)
        transport.answer([(raw, decide())])
        assert udp.arrived(11) == [b"x"] * 10 + [b"y"]
        losses = transport.losses()
        assert (losses.queue_full, losses.socket_full, losses.id_gaps) == (40, 0, 0)


@pytest.mark.parametrize("size", [1, BIG])
def test_what_the_kernel_accepts_past_us_leaves_a_gap(lab: Lab, size: int) -> None:
    """With fail-open the buffer is full before the queue is, since a full queue leaves no trace."""
    count = 300
    queue_rule(lab)
    with (
        held(lab, NfqueueTransport, queue_length=100, fail_open=True) as transport,
        Udp(lab) as udp,
    ):
        udp.send(*[bytes(size)] * count)
        eventually(lambda: lab.queues("gateway")[0].last_id == count)
        queued = lab.queues("gateway")[0].waiting
        assert 0 < queued < 100
        udp.arrived(count - queued)  # before anybody judged them
        assert udp.waiting() == []
        transport.answer([(raw, decide()) for raw in take(transport, queued)])
        udp.arrived(queued)
        transport.stop()
        settle(transport)
        losses = transport.losses()
        assert (losses.id_gaps, losses.socket_full, losses.queue_full) == (count - queued, 0, 0)
        udp.send(b"past a stopped queue")
        assert udp.arrived(1) == [b"past a stopped queue"]


def test_a_verdict_that_the_kernel_refuses_is_counted(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NfqueueTransport) as transport, Udp(lab) as udp:
        udp.send(b"x")
        (raw,) = take(transport, 1)
        assert isinstance(transport, NfqueueTransport)
        with socket.socket(fileno=os.dup(transport.fileno())) as same:
            encode = transport._encoder.encode
            same.send(encode(raw.id, 2))  # NF_STOLEN, which no program may say
        settle(transport)
        assert transport.losses().refused == 1
        transport.answer([(raw, decide())])
        assert udp.arrived(1) == [b"x"]


def test_a_renamed_interface_has_its_new_name_in_the_next_batch(lab: Lab) -> None:
    host = lab.path("client").name
    ip("-n", host, "link", "add", "before", "type", "veth", "peer", "name", "other")
    with lab.inside("client"):
        index = socket.if_nametoindex("before")
        kernel = ScriptedKernel()
    ledger, _, _ = open_ledger("ledger-0", NoStore())
    grant = Grant(0, 4711, 10, 100, 0, 0, 0, 0, counted=True)
    transport = NfqueueTransport(cast(NetlinkSocket, kernel), Queue(kernel, 0), grant, Kept(ledger))
    with contextlib.closing(transport):
        kernel.say(packet(1, indev=index))
        assert [raw.indev for raw in transport.receive()] == ["before"]
        ip("-n", host, "link", "set", "before", "name", "after")
        kernel.say(packet(2, indev=index))
        assert [raw.indev for raw in transport.receive()] == ["after"]


# -- segmentation offload


def completed(raw: RawPacket, change: Callable[[bytes], bytes]) -> bytes:
    """Return a TCP packet with changed payload of the same length and its checksum complete."""
    if raw.family == socket.AF_INET:
        start = (raw.data[0] & 15) * 4
        addresses = raw.data[12:16], raw.data[16:20]
    else:
        start = 40
        addresses = raw.data[8:24], raw.data[24:40]
    header, segment = raw.data[:start], raw.data[start:]
    payload = (segment[12] >> 4) * 4
    tcp = segment[:16] + bytes(2) + segment[18:payload] + change(segment[payload:])
    value = checksum(pseudo_header(*addresses, TCP, len(tcp)), tcp)
    return header + tcp[:16] + value.to_bytes(2, "big") + tcp[18:]


def same(payload: bytes) -> bytes:
    return payload


UPPER = bytes(range(256)).upper()


def upper(payload: bytes) -> bytes:
    return payload.translate(UPPER)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("change", [None, same, upper])
def test_large_segments_pass_unchanged_and_rewritten(
    lab: Lab, family: Family, change: Callable[[bytes], bytes] | None
) -> None:
    queue_rule(lab, "-p", "tcp", "--dport", str(PORT), family=family)

    def judge(raw: RawPacket) -> Decision:
        return decide(replacement=None if change is None else completed(raw, change))

    data = os.urandom(1 << 16) * 64
    with held(lab, NfqueueTransport) as transport:
        with Pump(transport, judge) as pump:
            got = transfer(lab, family, data)
        assert transport.losses().flushed == 0
    assert got == (upper(data) if change is upper else data)
    assert any(raw.gso and raw.length > 10_000 for raw in pump.packets)
    assert any(raw.checksum_partial for raw in pump.packets)
