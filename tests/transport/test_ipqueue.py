# SPDX-License-Identifier: GPL-2.0
"""ip_queue over a module in memory: taking the queue, packets in, verdicts out."""

import errno
import socket
from typing import Any

import pytest

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import Exit, PermissionMissingError, TransportError
from qverdictd.packet.raw import RawPacket
from qverdictd.transport import ipqueue_open
from qverdictd.transport.handed import NoStore
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.transport.ipqueue_family import IPV4, IPV6, Family
from qverdictd.transport.ipqueue_open import open_queues
from qverdictd.transport.ipqueue_terms import Terms
from qverdictd.wire.ipqueue import FEATURE_OWNER, IPQM_VERDICTS
from qverdictd.wire.ipqueue_batch import (
    ANY_MARK,
    PACKET_OWNER,
    BatchPacket,
    BatchVerdict,
    encode_packets,
)
from qverdictd.wire.ipqueue_classic import COPY_PACKET, Mode
from qverdictd.wire.netlink import Error, encode_error, encode_message
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP, NF_REPEAT

from .ipqueue_module import Link, Module, ModuleControl
from .ipqueue_serving import decide, serve, take

LOOPBACK = 1
PACKET = b"p" * 20


@pytest.fixture
def module() -> Module:
    return Module()


@pytest.fixture
def link(module: Module) -> Link:
    return Link(module)


@pytest.fixture
def transport(module: Module, link: Link) -> IpqueueTransport:
    return take(module, link)


# Taking the queue


def test_the_queue_is_taken_then_set_then_opened(module: Module, link: Link) -> None:
    transport = take(module, link, queue_length=500, copy_range=128)
    assert module.owner is link
    assert (module.settings.maxlen, module.settings.overflow_verdict) == (500, NF_DROP)
    assert module.mode == Mode(COPY_PACKET, 128)
    assert (transport.name, transport.can_requeue) == ("ipqueue", False)
    assert "queue 0 for IPv4, portid 4711; length 500; copy range 128" in transport.description
    assert "granted: batches, flow, owners" in transport.description
    assert "linger" not in transport.description


def test_settings_that_nobody_asked_for_stay_and_are_told(module: Module, link: Link) -> None:
    module.settings = module.settings.__class__(0xF, 10, NF_DROP, 250, NF_ACCEPT, 5000)
    transport = take(module, link, queue_length=1 << 20, fail_open=True, linger_ms=5000)
    assert module.settings.maxlen == 65536
    assert "length 65536" in transport.description
    assert "what does not fit is accepted" in transport.description
    assert "deadline 250 ms, then accept; linger 5000 ms" in transport.description


def refused(module: Module, text: str, link: Link | None = None) -> TransportError:
    """Check that the queue is not to be had, that nothing was changed, and nothing left open."""
    link = link or Link(module)
    control = ModuleControl(module)
    before = module.settings
    with pytest.raises(TransportError, match=text) as told:
        IpqueueTransport.over(IPV4, link, control, Terms(7, 100, fail_open=True), NoStore())
    assert module.settings == before
    assert module.owner is not link
    assert control.closed
    assert link.fileno() == -1
    return told.value


def test_a_queue_that_another_holds(module: Module) -> None:
    take(module, Link(module, portid=2**31 + 4711))
    error = refused(module, f"IPv4 queue is held by another process .portid {2**31 + 4711}.: stop")
    assert error.exit_code == Exit.UNAVAILABLE


def test_no_rights(module: Module) -> None:
    module.refuse = errno.EPERM
    error = refused(module, "needs CAP_NET_ADMIN")
    assert isinstance(error, PermissionMissingError)
    assert error.exit_code == Exit.NO_PERMISSION


def test_a_module_of_another_version(module: Module) -> None:
    module.refuse = errno.EINVAL
    refused(module, "speaks another version")


def test_a_module_that_gives_too_little(module: Module) -> None:
    module.features = 3
    refused(module, "gives the features 0x3, and 0x7 are needed")


def test_a_module_that_gives_no_owners_will_do(module: Module, link: Link) -> None:
    module.features &= ~FEATURE_OWNER
    assert "granted: batches, flow;" in take(module, link).description + ";"


def test_no_answer(module: Module) -> None:
    module.mute = True
    refused(module, "did not answer")


def test_the_answer_to_another_is_not_ours(module: Module, link: Link) -> None:
    link.say(encode_error(Error(errno.EBUSY, 0x20, 99)))
    link.say(b"junk")
    take(module, link)


def test_a_module_that_is_gone(module: Module, link: Link) -> None:
    link.fail_sends = [errno.ECONNREFUSED]
    refused(module, "not loaded: load it", link)


def test_both_queues_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {IPV4: Module(), IPV6: Module()}
    taken = []

    def open_one(family: Family, **terms: Any) -> IpqueueTransport:
        taken.append(family)
        return take(modules[family], Link(modules[family]), family=family, **terms)

    monkeypatch.setattr(IpqueueTransport, "open", open_one)
    terms: dict[str, Any] = {"queue_length": 10, "copy_range": 0, "fail_open": False}
    assert [one.name for one in open_queues([0], **terms)] == ["ipqueue", "ipqueue"]
    assert taken == [IPV4, IPV6]
    modules[IPV4] = Module()  # the IPv6 queue stays held
    with pytest.raises(TransportError, match="IPv6 queue is held"):
        open_queues([0], **terms)
    assert modules[IPV4].owner is None


def test_a_kernel_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Module()
    monkeypatch.setattr(ipqueue_open, "has_family", lambda family: family is IPV4)
    monkeypatch.setattr(
        IpqueueTransport,
        "open",
        lambda family, **terms: take(module, Link(module), family=family, **terms),
    )
    assert len(open_queues([0], queue_length=1, copy_range=0, fail_open=False)) == 1


@pytest.mark.parametrize("numbers", [[1], [0, 1], [3]])
def test_there_is_no_other_queue(numbers: list[int]) -> None:
    with pytest.raises(TransportError, match="has only queue 0: use --queue 0, or transport"):
        open_queues(numbers, queue_length=1, copy_range=0, fail_open=False)


# Packets in


def test_what_the_module_knows_of_a_packet(module: Module, transport: IpqueueTransport) -> None:
    module.arrive(b"abc", length=1500, mark=6, indev=LOOPBACK, hook=2, time=1_500_000_000)
    assert transport.receive() == [
        RawPacket(
            id=1,
            data=b"abc",
            length=1500,
            family=2,
            hook=2,
            indev=socket.if_indextoname(LOOPBACK),
            mark=6,
            time=1.5,
        )
    ]


def test_a_packet_of_this_host_has_an_owner(module: Module, transport: IpqueueTransport) -> None:
    module.arrive(flags=PACKET_OWNER, uid=10, gid=0, hook=3)
    module.arrive(uid=10, gid=20, hook=7, outdev=0x7FFF_FFFF)
    ours, other = transport.receive()
    assert (ours.uid, ours.gid, ours.hook) == (10, 0, 3)
    assert (other.uid, other.gid, other.hook, other.outdev) == (None, None, None, None)


def test_ipv6(module: Module, link: Link) -> None:
    transport = take(module, link, family=IPV6)
    link.say(encode_packets([BatchPacket(7, b"six", 3, hwaddr=b"abcdef")]))
    (raw,) = transport.receive()
    assert (raw.family, raw.mac) == (10, b"abcdef")
    assert "for IPv6" in transport.description


def test_only_the_module_is_heard(module: Module, link: Link, transport: IpqueueTransport) -> None:
    link.say(encode_packets([BatchPacket(1, b"forged", 6)]), sender=4711)
    link.say(encode_error(Error(errno.EPERM, IPQM_VERDICTS, 1)), sender=4711)
    module.arrive()
    assert serve(transport) == [1]
    assert transport.losses().forged == 2


def test_broken_messages_are_counted(
    module: Module, link: Link, transport: IpqueueTransport
) -> None:
    whole = encode_packets([BatchPacket(1, b"abcd", 4)])
    for broken in (b"\x10\0\0", bytes(16), whole[:-4], encode_message(0x21, b"\1"), whole + whole):
        link.say(broken)
    link.say(encode_message(0x21, whole[16:] + bytes(8)))
    link.say(encode_message(0x24, b"\1"))
    # The first of two messages is read; the packet with bytes after it is, too, and they count.
    assert [raw.id for raw in transport.receive()] == [1, 1]
    assert transport.receive() == []
    assert transport.losses().broken == 6


def test_a_broken_record_with_an_id_is_handed_in(
    module: Module, link: Link, transport: IpqueueTransport
) -> None:
    module.arrive()
    message, _sender = link.inbox.pop()
    link.say(message[:32] + (999).to_bytes(4, "little") + message[36:])  # past the end
    (raw,) = transport.receive()
    assert (raw.id, raw.family, raw.data) == (1, 0, b"")
    transport.answer([(raw, decide(Verdict.DROP))])
    assert module.decided == [BatchVerdict(1, NF_DROP)]


# Verdicts out

RAW = RawPacket(id=7, data=PACKET, length=20, family=2, mark=5)
OTHER = b"o" * 33


@pytest.mark.parametrize(
    ("decision", "verdict"),
    [
        (decide(mark=5), BatchVerdict(7, NF_ACCEPT)),
        (decide(mark=0), BatchVerdict(7, NF_ACCEPT, 0, ANY_MARK)),
        (decide(mark=9), BatchVerdict(7, NF_ACCEPT, 9, ANY_MARK)),
        (decide(Verdict.REPEAT, mark=5), BatchVerdict(7, NF_REPEAT)),
        (decide(Verdict.REPEAT, mark=6), BatchVerdict(7, NF_REPEAT, 6, ANY_MARK)),
        (decide(mark=5, replacement=OTHER), BatchVerdict(7, NF_ACCEPT, payload=OTHER)),
        (decide(mark=1, replacement=OTHER), BatchVerdict(7, NF_ACCEPT, 1, ANY_MARK, OTHER)),
        (decide(Verdict.DROP, mark=1, replacement=OTHER), BatchVerdict(7, NF_DROP)),
        (decide(mark=1, replacement=b""), BatchVerdict(7, NF_DROP)),
        (decide(mark=1, replacement=b"o" * 19), BatchVerdict(7, NF_DROP)),
        (decide(mark=5, replacement=b"o" * 20), BatchVerdict(7, NF_ACCEPT, payload=b"o" * 20)),
    ],
)
def test_a_decision_is_told_in_as_few_words_as_it_needs(
    module: Module, transport: IpqueueTransport, decision: Decision, verdict: BatchVerdict
) -> None:
    module.last_id = 6
    module.arrive(PACKET, mark=5)
    transport.receive()
    transport.answer([(RAW, decision)])
    assert module.decided == [verdict]


def test_new_bytes_that_are_no_packet_are_refused_here(module: Module, link: Link) -> None:
    """The module would refuse the whole list, and its other packets would wait for ever."""
    transport = take(module, link, family=IPV6)
    module.header_size = 40
    module.arrive()
    module.arrive()
    short, other = transport.receive()
    transport.answer([(short, decide(replacement=b"s" * 39)), (other, decide())])
    assert module.decided == [BatchVerdict(1, NF_DROP), BatchVerdict(2, NF_ACCEPT)]
    assert transport.losses().refused == 1


def test_bytes_are_never_returned_for_a_cut_packet(
    module: Module, transport: IpqueueTransport
) -> None:
    module.arrive(PACKET, length=21)
    (cut,) = transport.receive()
    transport.answer([(cut, decide(replacement=OTHER))])
    assert module.decided == [BatchVerdict(1, NF_ACCEPT)]


@pytest.mark.parametrize("decision", [decide(Verdict.CONTINUE), decide(Verdict.QUEUE, queue=0)])
def test_what_the_module_cannot_do_is_a_defect(
    transport: IpqueueTransport, decision: Decision
) -> None:
    with pytest.raises(ValueError, match="no verdict"):
        transport.answer([(RAW, decision)])


def test_a_batch_is_one_list_in_its_order(
    module: Module, link: Link, transport: IpqueueTransport
) -> None:
    for _ in range(3):
        module.arrive()
    packets = transport.receive()
    sends = link.sends
    transport.answer([(raw, decide()) for raw in reversed(packets)])
    assert [verdict.packet_id for verdict in module.decided] == [3, 2, 1]
    assert link.sends == sends + 1


def test_a_list_is_as_long_as_the_module_takes_and_the_socket_sends(module: Module) -> None:
    link = Link(module, room=10_000)
    transport = take(module, link)
    for _ in range(9000):
        module.arrive()
    packets: list[RawPacket] = []
    while more := transport.receive():
        packets += more
    assert len(packets) == 9000
    sends = link.sends
    transport.answer([(raw, decide()) for raw in packets])
    assert len(module.decided) == 9000
    assert link.sends - sends == 4  # 65,536 bytes hold 2,729 verdicts
    link.send_limit = 1 << 20
    long = take(module, _closed(link, module))
    for _ in range(9000):
        module.arrive()
    link = module.owner  # type: ignore[assignment]
    sends = link.sends
    while packets := long.receive():
        long.answer([(raw, decide()) for raw in packets])
    assert len(module.decided) == 18000


def _closed(link: Link, module: Module) -> Link:
    """Close a link; return a fresh one with the same limit."""
    link.close()
    fresh = Link(module, room=10_000)
    fresh.send_limit = link.send_limit
    return fresh


def test_verdicts_that_the_kernel_has_no_memory_for_are_sent_again(
    module: Module, link: Link, transport: IpqueueTransport
) -> None:
    module.arrive()
    link.fail_sends = [errno.ENOBUFS]
    assert serve(transport) == [1]
    assert module.decided == []
    assert transport.receive() == []
    assert module.decided == [BatchVerdict(1, NF_ACCEPT)]
