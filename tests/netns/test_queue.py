# SPDX-License-Identifier: GPL-2.0
"""What must hold of both ways to a real kernel queue."""

import re
import socket
import struct
import sys
import threading

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import Exit, PermissionMissingError, TransportError
from qverdictd.packet.raw import HOOKS, RawPacket
from qverdictd.transport.base import Transport
from qverdictd.transport.netfilterqueue import NetfilterQueueTransport
from qverdictd.transport.nfqueue import NfqueueTransport
from qverdictd.wire.packet_message import PacketMessage, encode_packet
from tests.netns.lab import LINKS, Family, Lab
from tests.netns.traffic import (
    Kind,
    Pump,
    Udp,
    accept,
    decide,
    eventually,
    held,
    queue_rule,
    readable,
    settle,
    take,
)

FAMILIES: list[Family] = [4, 6]
NETLINK_NETFILTER = 12
MARK_9 = ("-t", "mangle", "-A", "PREROUTING", "-j", "MARK", "--set-mark", "9")


@pytest.fixture(params=[NfqueueTransport, NetfilterQueueTransport], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


def rewritten(raw: RawPacket, payload: bytes) -> bytes:
    """Return the packet with another UDP payload, all lengths and checksums right."""
    layer = IP(raw.data) if raw.family == socket.AF_INET else IPv6(raw.data)
    layer["UDP"].remove_payload()
    for name, field in (("IP", "len"), ("IP", "chksum"), ("IPv6", "plen")):
        if layer.haslayer(name):
            delattr(layer[name], field)
    del layer["UDP"].len
    del layer["UDP"].chksum
    return bytes(layer / payload)


@pytest.mark.parametrize("family", FAMILIES)
def test_accepted_packets_go_on_and_dropped_ones_do_not(
    lab: Lab, kind: Kind, family: Family
) -> None:
    queue_rule(lab, family=family)
    with held(lab, kind) as transport, Udp(lab, family) as udp:
        udp.send(b"good", b"evil", b"good too")
        packets = take(transport, 3)
        verdicts = [Verdict.ACCEPT, Verdict.DROP, Verdict.ACCEPT]
        transport.answer(list(zip(packets, map(decide, verdicts), strict=True)))
        assert udp.arrived(2) == [b"good", b"good too"]
        assert udp.waiting() == []


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_told_of_a_packet(lab: Lab, kind: Kind, family: Family) -> None:
    queue_rule(lab, family=family)
    lab.iptables("gateway", *MARK_9, family=family)
    client = LINKS[0][0]
    with held(lab, kind) as transport, Udp(lab, family) as udp:
        udp.send(b"hello")
        (raw,) = take(transport, 1)
        assert raw.id == 1
        assert raw.length == len(raw.data) == (20 if family == 4 else 40) + 8 + 5
        assert raw.data.endswith(b"hello")
        assert raw.data[0] >> 4 == family
        assert raw.family == (socket.AF_INET if family == 4 else socket.AF_INET6)
        assert raw.hook == HOOKS.index("forward")
        assert (raw.indev, raw.outdev) == ("eth0", "eth1")
        assert raw.mark == 9
        assert raw.mac == bytes.fromhex(client.mac.replace(":", ""))
        assert (raw.uid, raw.gid) == (None, None)
        assert not raw.gso


def test_a_mark_is_set_changed_cleared_or_left(lab: Lab, kind: Kind) -> None:
    lab.iptables("gateway", *MARK_9)
    queue_rule(lab)
    for mark in (9, 5, 0):
        mangle = ("-t", "mangle", "-A", "POSTROUTING", "-m", "mark", "--mark", str(mark))
        lab.iptables("gateway", *mangle)
    with held(lab, kind) as transport, Udp(lab) as udp:
        udp.send(b"left", b"changed", b"cleared", b"cleared too")
        marks = [9, 5, 0, 0]
        decisions = [decide(mark=mark) for mark in marks]
        transport.answer(list(zip(take(transport, 4), decisions, strict=True)))
        udp.arrived(4)
    rules = lab.rules("gateway", "POSTROUTING", table="mangle")
    assert [rule.packets for rule in rules] == [1, 1, 2]


def test_a_repeated_packet_runs_the_chain_again(lab: Lab, kind: Kind) -> None:
    lab.iptables("gateway", "-A", "FORWARD", "-m", "comment", "--comment", "counts")
    queue_rule(lab, "-m", "mark", "--mark", "0")
    with held(lab, kind) as transport, Udp(lab) as udp:
        udp.send(b"again")
        (raw,) = take(transport, 1)
        transport.answer([(raw, decide(Verdict.REPEAT, mark=1))])
        assert udp.arrived(1) == [b"again"]
        assert transport.receive() == []
    assert [rule.packets for rule in lab.rules("gateway", "FORWARD")] == [2, 1]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("payload", [b"ABCDE", b"", b"longer than before", b"shr"])
def test_new_bytes_replace_the_packet(lab: Lab, kind: Kind, family: Family, payload: bytes) -> None:
    queue_rule(lab, family=family)
    with held(lab, kind) as transport, Udp(lab, family) as udp:
        udp.send(b"abcde")
        (raw,) = take(transport, 1)
        transport.answer([(raw, decide(replacement=rewritten(raw, payload)))])
        assert udp.arrived(1) == [payload]


def test_a_cut_packet_says_so_and_goes_on_whole(lab: Lab, kind: Kind) -> None:
    queue_rule(lab)
    with held(lab, kind, copy_range=60) as transport, Udp(lab) as udp:
        udp.send(b"x" * 172, b"y" * 32)
        cut, whole = take(transport, 2)
        assert (cut.length, len(cut.data)) == (200, 60)
        assert (whole.length, len(whole.data)) == (60, 60)
        transport.answer([(cut, decide(replacement=cut.data)), (whole, decide())])
        assert udp.arrived(2) == [b"x" * 172, b"y" * 32]


def test_many_packets_in_order_and_none_lost(lab: Lab, kind: Kind) -> None:
    count, window = 20_000, 200
    queue_rule(lab)
    with held(lab, kind) as transport, Udp(lab) as udp, Pump(transport) as pump:
        wanted = [struct.pack(">I", number) for number in range(count)]
        for start in range(0, count, window):
            udp.send(*wanted[start : start + window])
            assert udp.arrived(window) == wanted[start : start + window]
        pump.wait_for(count)
        assert [raw.id for raw in pump.packets] == list(range(1, count + 1))
        losses = transport.losses()
    assert not any(getattr(losses, name) for name in losses.__slots__)


def test_a_held_queue_is_refused_with_its_holder(lab: Lab, kind: Kind) -> None:
    with held(lab, NfqueueTransport, 3):
        portid = lab.queues("gateway")[3].portid
        with pytest.raises(TransportError) as told, held(lab, kind, 3):
            pass
        assert told.value.exit_code == Exit.UNAVAILABLE
        assert re.fullmatch(
            rf"queue 3 is held by another process \(portid {portid}, process \d+ '.+'\): "
            "stop it, or choose another with --queue",
            str(told.value),
        )
        assert lab.queues("gateway")[3].portid == portid
    with held(lab, kind, 3) as transport:
        assert transport.description.startswith("queue 3, portid ")


def test_a_process_without_rights_is_told_what_it_needs(lab: Lab, kind: Kind) -> None:
    code = f"""
import sys
from {kind.__module__} import {kind.__name__} as Kind
from qverdictd.errors import PermissionMissingError
try:
    Kind.open(0, queue_length=10, copy_range=100, fail_open=False)
except PermissionMissingError as error:
    print(int(error.exit_code), error)
"""
    limited = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-all"]
    done = lab.run("gateway", [*limited, sys.executable, "-c", code])
    assert done.stdout.startswith(
        f"{int(PermissionMissingError.exit_code)} queue 0 needs CAP_NET_ADMIN"
    )
    assert lab.queues("gateway") == {}


def test_flushed_packets_are_counted(lab: Lab, kind: Kind) -> None:
    queue_rule(lab)
    lab.run(
        "gateway",
        ["nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }"],
    )
    with held(lab, kind) as transport, Udp(lab) as udp:
        udp.send(b"a", b"b", b"c")
        packets = take(transport, 3)
        transport.answer([(packets[0], decide())])
        assert udp.arrived(1) == [b"a"]
        lab.run("gateway", ["nft", "delete table ip t"])
        transport.answer([(raw, decide()) for raw in packets[1:]])
        settle(transport)
        udp.send(b"d")
        transport.answer([(raw, decide()) for raw in take(transport, 1)])
        assert udp.arrived(1) == [b"d"]
        losses = transport.losses()
        assert (losses.flushed, losses.refused, losses.id_gaps) == (2, 0, 0)


def test_a_verdict_given_twice_is_counted_as_flushed(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NfqueueTransport) as transport, Udp(lab) as udp:
        udp.send(b"a")
        (raw,) = take(transport, 1)
        transport.answer([(raw, decide()), (raw, decide())])
        settle(transport)
        assert transport.losses().flushed == 1
        assert udp.arrived(1) == [b"a"]


def test_messages_of_others_are_refused(lab: Lab, kind: Kind) -> None:
    queue_rule(lab)
    forged = PacketMessage(1, 2, 0x0800, 2, b"forged", 6)
    with held(lab, kind) as transport, Udp(lab) as udp:
        portid = lab.queues("gateway")[0].portid
        with lab.inside("gateway"):
            forger = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        with forger:
            for message in (encode_packet(0, forged), b"no message"):
                with pytest.raises(ConnectionRefusedError):
                    forger.sendto(message, (portid, 0))
        udp.send(b"true")
        (raw,) = take(transport, 1)
        assert raw.data.endswith(b"true")
        losses = transport.losses()
        assert (losses.forged, losses.broken, losses.id_gaps) == (0, 0, 0)


def lost(transport: Transport) -> int:
    """Return how many packets the kernel says that it dropped."""
    losses = transport.losses()
    return losses.queue_full + losses.socket_full


def test_stop_under_traffic_loses_nothing(lab: Lab, kind: Kind) -> None:
    queue_rule(lab)
    ended = threading.Event()
    sent = 0
    got: list[bytes] = []

    def send(udp: Udp) -> None:
        nonlocal sent
        while not ended.is_set():
            udp.send(b"x")
            sent += 1
            if sent % 50 == 0:
                got.extend(udp.waiting())

    with held(lab, kind) as transport, Udp(lab) as udp:
        sender = threading.Thread(target=send, args=(udp,))
        pump = Pump(transport)
        sender.start()
        with pump:  # serves, then stops in the middle of the traffic and drains
            pump.wait_for(200)
        assert not readable(transport, 0)
        assert lab.queues("gateway")[0].waiting == 0
        at_stop = sent
        eventually(lambda: sent > at_stop)
        ended.set()
        sender.join()
        received = len(pump.packets)
        eventually(lambda: sent == received + lost(transport))
        got += udp.arrived(received - len(got))
        assert udp.waiting() == []
        losses = transport.losses()
        assert losses.id_gaps == losses.socket_full
        assert losses.queue_full > 0  # turned away after the stop


def test_what_was_not_answered_is_dropped_on_close(lab: Lab, kind: Kind) -> None:
    queue_rule(lab)
    with Udp(lab) as udp:
        with held(lab, kind) as transport:
            udp.send(b"a", b"b")
            take(transport, 2)
            transport.close()
            transport.close()  # as harmless as once
        assert udp.waiting() == []
        with held(lab, kind) as transport, Pump(transport):
            udp.send(b"c")
            assert udp.arrived(1) == [b"c"]


def test_the_queue_target_of_iptables_legacy_is_queue_0(lab: Lab, kind: Kind) -> None:
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    with held(lab, kind) as transport, Udp(lab) as udp, Pump(transport):
        udp.send(b"old style")
        assert udp.arrived(1) == [b"old style"]


def judge_by_text(raw: RawPacket) -> Decision:
    """Drop what ends in "drop", rewrite what ends in "upper", accept the rest."""
    if raw.data.endswith(b"drop"):
        return decide(Verdict.DROP)
    if raw.data.endswith(b"upper"):
        return decide(replacement=rewritten(raw, b"UPPER"))
    return accept(raw)


def test_both_ways_see_and_do_the_same(lab: Lab) -> None:
    queue_rule(lab)
    datagrams = [b"a", b"b drop", b"upper", b"x" * 1400, b"", b"drop", b"last"]
    seen, got = [], []
    for kind in (NfqueueTransport, NetfilterQueueTransport):
        # Without offload a packet has its checksum when it is queued, whoever reads it.
        lab.offload("client", "eth0", on=False)
        with held(lab, kind) as transport, Udp(lab) as udp:
            udp.client.bind(("", 4001))
            with Pump(transport, judge_by_text) as pump:
                udp.send(*datagrams)
                got.append(udp.arrived(5))
            for raw in pump.packets:
                data = bytearray(raw.data)
                data[4:6] = data[10:12] = bytes(2)  # the identification, and its checksum
                raw.data = bytes(data)
            seen.append(pump.packets)
    assert got[0] == got[1] == [b"a", b"UPPER", b"x" * 1400, b"", b"last"]
    assert seen[0] == seen[1]
