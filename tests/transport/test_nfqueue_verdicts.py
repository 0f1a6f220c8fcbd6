# SPDX-License-Identifier: GPL-2.0
"""What nfqueue makes of the kernel's messages, and of decisions, over a scripted kernel."""

import socket
from collections.abc import Iterator
from typing import cast

import pytest

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.errors import TransportError
from qverdictd.packet.raw import RawPacket
from qverdictd.transport.grant import Grant
from qverdictd.transport.handed import NoStore
from qverdictd.transport.ledger import open_ledger
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.nfqueue import Kept, NfqueueTransport
from qverdictd.transport.queue import Queue
from qverdictd.wire import nfnetlink_queue as wire
from qverdictd.wire.netlink import encode_message

from .kernel import ScriptedKernel, packet

GRANT = Grant(0, 4711, 10, 100, 0, 0, 0, 0, True)
LOOPBACK = 1


@pytest.fixture
def kernel() -> Iterator[ScriptedKernel]:
    scripted = ScriptedKernel()
    yield scripted
    scripted.close()


@pytest.fixture
def transport(kernel: ScriptedKernel) -> Iterator[NfqueueTransport]:
    ledger, _, _ = open_ledger("ledger-0", NoStore())
    kept = Kept(ledger)
    held = NfqueueTransport(cast(NetlinkSocket, kernel), Queue(kernel, 0), GRANT, kept)
    yield held
    held.close()


def decide(verdict: Verdict = Verdict.ACCEPT, **more: object) -> Decision:
    return Decision(verdict, Reason.RULE, **more)  # type: ignore[arg-type]


def sent(
    kernel: ScriptedKernel, transport: NfqueueTransport, raw: RawPacket, decision: Decision
) -> wire.Verdict:
    """Answer one packet; return what the kernel was told."""
    transport.answer([(raw, decision)])
    return kernel.verdicts[-1]


RAW = RawPacket(id=7, data=b"abcd", length=4, family=2, mark=5)


@pytest.mark.parametrize(
    ("decision", "verdict"),
    [
        (decide(mark=5), wire.Verdict(7, wire.NF_ACCEPT)),
        (decide(mark=0), wire.Verdict(7, wire.NF_ACCEPT, mark=0)),
        (decide(mark=9), wire.Verdict(7, wire.NF_ACCEPT, mark=9)),
        (decide(Verdict.REPEAT, mark=5), wire.Verdict(7, wire.NF_REPEAT)),
        (decide(Verdict.QUEUE, mark=5, queue=3), wire.Verdict(7, 3 << 16 | wire.NF_QUEUE)),
        (decide(Verdict.QUEUE, mark=5, queue=0), wire.Verdict(7, wire.NF_QUEUE)),
        (decide(mark=5, replacement=b"xy"), wire.Verdict(7, wire.NF_ACCEPT, payload=b"xy")),
        (decide(mark=5, replacement=b""), wire.Verdict(7, wire.NF_ACCEPT, payload=b"")),
        (decide(mark=1, replacement=b"x"), wire.Verdict(7, wire.NF_ACCEPT, 1, b"x")),
        (decide(Verdict.DROP, mark=1, replacement=b"x"), wire.Verdict(7, wire.NF_DROP)),
    ],
)
def test_a_decision_is_told_in_as_few_words_as_it_needs(
    kernel: ScriptedKernel, transport: NfqueueTransport, decision: Decision, verdict: wire.Verdict
) -> None:
    assert sent(kernel, transport, RAW, decision) == verdict


def test_bytes_are_never_returned_for_a_cut_packet(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    cut = RawPacket(id=7, data=b"abcd", length=5, family=2)
    verdict = sent(kernel, transport, cut, decide(replacement=b"wxyz"))
    assert verdict == wire.Verdict(7, wire.NF_ACCEPT)


@pytest.mark.parametrize("decision", [decide(Verdict.CONTINUE), decide(Verdict.QUEUE)])
def test_what_is_no_decision_is_a_defect(transport: NfqueueTransport, decision: Decision) -> None:
    with pytest.raises(ValueError, match="no verdict"):
        transport.answer([(RAW, decision)])


def test_a_batch_is_answered_in_its_order(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    batch = [(RawPacket(number, b"", 0, 2), decide()) for number in (3, 1, 2)]
    transport.answer(batch)
    assert [verdict.packet_id for verdict in kernel.verdicts] == [3, 1, 2]


def test_what_the_kernel_knows_of_a_packet(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    kernel.say(packet(1, b"abc", indev=LOOPBACK, mark=6, length=1500, uid=10, gid=20, skb_info=3))
    (raw,) = transport.receive()
    assert raw == RawPacket(
        id=1,
        data=b"abc",
        length=1500,
        family=2,
        hook=2,
        indev=socket.if_indextoname(LOOPBACK),
        mark=6,
        uid=10,
        gid=20,
        checksum_partial=True,
        gso=True,
    )


@pytest.mark.parametrize(
    ("flag", "partial", "gso"), [(0, False, False), (1, True, False), (2, False, True)]
)
def test_flags_of_a_packet(
    kernel: ScriptedKernel, transport: NfqueueTransport, flag: int, partial: bool, gso: bool
) -> None:
    kernel.say(packet(1, skb_info=flag))
    (raw,) = transport.receive()
    assert (raw.checksum_partial, raw.gso) == (partial, gso)


def test_an_interface_that_is_gone_has_no_name(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    kernel.say(packet(1, indev=0x7FFF_FFFF, outdev=0xFFFF_FFFF))
    (raw,) = transport.receive()
    assert (raw.indev, raw.outdev) == (None, None)


@pytest.mark.parametrize(("ethertype", "family"), [(0x0800, 2), (0x86DD, 10), (0x0806, 0)])
def test_on_a_bridge_the_ethertype_says_the_family(
    kernel: ScriptedKernel, transport: NfqueueTransport, ethertype: int, family: int
) -> None:
    kernel.say(packet(1, family=7, hw_protocol=ethertype))
    (raw,) = transport.receive()
    assert raw.family == family


def test_a_hook_that_has_no_name_is_none(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    kernel.say(packet(1, hook=5))
    (raw,) = transport.receive()
    assert raw.hook is None


def test_a_broken_packet_with_an_id_is_handed_in(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    message = packet(9, b"abcd")
    kernel.say(message[:-2])
    (raw,) = transport.receive()
    assert (raw.id, raw.family) == (9, 0)
    assert sent(kernel, transport, raw, decide(Verdict.DROP)) == wire.Verdict(9, wire.NF_DROP)
    assert transport.losses().broken == 0


def test_a_broken_packet_without_an_id_is_counted(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    kernel.say(encode_message(wire.MSG_PACKET, b"\x02\0\0\0"))
    assert transport.receive() == []
    kernel.say(encode_message(wire.MSG_PACKET, b"\x02\0\0\0"))
    kernel.queue(1)
    assert [raw.id for raw in transport.receive()] == [1]
    assert transport.losses().broken == 2


def test_a_packet_shorter_than_what_is_left_of_it_is_broken(
    kernel: ScriptedKernel, transport: NfqueueTransport
) -> None:
    kernel.say(packet(1, b"abcd", length=3))
    (raw,) = transport.receive()
    assert (raw.id, raw.family) == (1, 0)


def test_a_queue_and_the_one_it_would_be_moved_to_are_not_served_together() -> None:
    with pytest.raises(TransportError, match="queues 3 and 32771 cannot be served by one daemon"):
        NfqueueTransport.open_all([3, 32771], queue_length=9, copy_range=9, fail_open=False)
