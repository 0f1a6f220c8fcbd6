# SPDX-License-Identifier: GPL-2.0
"""A capture goes in packet by packet and comes out as decided."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgWriter, PcapWriter

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.transport.base import Losses, Transport
from qverdictd.transport.replay import BATCH, ReplayTransport

from .captures import (
    ARP,
    ARP_FRAME,
    FRAME,
    HEADERS,
    IPV4,
    IPV6,
    MAC,
    block,
    enhanced,
    ethernet,
    interface,
    pcap,
    pcap_header,
    pcap_record,
    section,
    simple,
)
from .replays import ACCEPT, DROP, Make, judge, written


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("kind", HEADERS)
def test_each_link_type_in_and_out(
    make: Make, tmp_path: Path, kind: str, nano: bool, order: str
) -> None:
    link, header4, header6, header_other, has_mac = HEADERS[kind]
    frames = [header4 + IPV4, header6 + IPV6]
    if header_other is not None:
        frames.insert(1, header_other + ARP)
    capture = make(pcap(link, *frames, order=order, nano=nano))
    packets, error = judge(capture, tmp_path / "out.pcap")
    assert error is None
    four, six = packets
    fraction = 123_456 / (1e9 if nano else 1e6)
    mac = MAC if has_mac else None
    assert four == RawPacket(1, IPV4, 33, AF_INET, mac=mac, time=four.time)
    assert six == RawPacket(len(frames), IPV6, 53, AF_INET6, mac=mac, time=six.time)
    assert four.time == pytest.approx(1_700_000_000 + fraction, abs=3e-7)
    # Accepted whole, the output is the input: link type, byte order and times too.
    assert (tmp_path / "out.pcap").read_bytes() == capture.read_bytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", HEADERS)
def test_each_link_type_in_pcapng(make: Make, tmp_path: Path, kind: str, order: str) -> None:
    link, header4, header6, _, _ = HEADERS[kind]
    capture = make(
        section(order)
        + interface(link, order, tsresol=9)
        + enhanced(header4 + IPV4, order, ticks=1_700_000_000_123_456_789)
        + block(5, bytes(12), order)  # interface statistics: not ours
        + simple(header6 + IPV6, order)
    )
    packets, error = judge(capture, tmp_path / "out.pcap")
    assert error is None
    assert [raw.data for raw in packets] == [IPV4, IPV6]
    assert packets[0].time == pytest.approx(1_700_000_000.123456789, abs=3e-7)
    assert packets[1].time is None
    out = (tmp_path / "out.pcap").read_bytes()
    expected = struct.pack(order + "II", 1_700_000_000, 123_456_789)
    assert out[: 24 + 8] == pcap_header(link, order, nano=True) + expected
    assert written(tmp_path / "out.pcap") == [
        (header4 + IPV4, len(header4) + 33),
        (header6 + IPV6, len(header6) + 53),
    ]


@pytest.mark.parametrize("writer", [PcapWriter, PcapNgWriter])
def test_captures_that_scapy_writes(tmp_path: Path, writer: Callable[[str], PcapWriter]) -> None:
    frames = [Ether() / IP(src="192.0.2.1") / UDP(sport=n, dport=53) / bytes(n) for n in range(20)]
    path = tmp_path / "in"
    with writer(str(path)) as out:
        for frame in frames:
            out.write(frame)
    packets, error = judge(path, None)
    assert error is None
    assert [raw.data for raw in packets] == [bytes(frame[IP]) for frame in frames]


def test_batches_and_the_end(make: Make) -> None:
    frames = [FRAME, ARP_FRAME] * (BATCH + 3)
    transport: Transport = ReplayTransport.open(make(pcap(1, *frames)), None)
    sizes = [len(transport.receive()) for _ in range(4)]
    assert sizes == [BATCH, 3, 0, 0]
    assert transport.losses() == Losses()
    assert transport.fileno() > 2
    transport.close()


def test_stop_ends_it(make: Make) -> None:
    transport = ReplayTransport.open(make(pcap(1, *[FRAME] * (2 * BATCH))), None)
    assert len(transport.receive()) == BATCH
    transport.stop()
    assert transport.receive() == []
    transport.close()


def test_a_snaplen_cut_is_known(make: Make, tmp_path: Path) -> None:
    content = pcap_header(1) + b"".join(
        pcap_record(FRAME[:end], length=len(FRAME)) for end in range(14, len(FRAME) + 1)
    )
    packets, error = judge(make(content), tmp_path / "out.pcap")
    assert error is None
    assert [raw.data for raw in packets] == [IPV4[:end] for end in range(34)]
    assert {raw.length for raw in packets} == {33}
    assert (tmp_path / "out.pcap").read_bytes() == content


def test_padding_is_no_part_of_the_packet(make: Make, tmp_path: Path) -> None:
    padded = [FRAME + bytes(60 - len(FRAME)), ethernet(0x86DD) + IPV6 + b"\xee" * 9]
    packets, _ = judge(make(pcap(1, *padded)), tmp_path / "out.pcap")
    assert [(raw.data, raw.length) for raw in packets] == [(IPV4, 33), (IPV6, 53)]
    assert [data for data, _ in written(tmp_path / "out.pcap")] == padded
    # Cut inside the padded frame, the packet's own length still tells how long it was.
    content = pcap_header(1) + pcap_record(padded[0][:30], length=60)
    packets, _ = judge(make(content), None)
    assert [(raw.data, raw.length) for raw in packets] == [(IPV4[:16], 33)]


@pytest.mark.parametrize("total", [0, 19, 34, 65535])
def test_a_total_length_that_lies_is_left_to_the_decoder(make: Make, total: int) -> None:
    lying = IPV4[:2] + struct.pack("!H", total) + IPV4[4:]
    (raw,), _ = judge(make(pcap(1, ethernet(0x0800) + lying)), None)
    assert (raw.data, raw.length) == (lying, 33)


@pytest.mark.parametrize("payload", [14, 65535])
def test_a_payload_length_that_lies_is_left_to_the_decoder(make: Make, payload: int) -> None:
    lying = IPV6[:4] + struct.pack("!H", payload) + IPV6[6:]
    (raw,), _ = judge(make(pcap(101, lying)), None)
    assert (raw.data, raw.length) == (lying, 53)


@pytest.mark.parametrize(("following", "length"), [(17, 40), (0, 53)])
def test_no_payload_length_is_none_but_of_a_jumbogram(
    make: Make, following: int, length: int
) -> None:
    """As the kernel has it, which trims unless a hop-by-hop header follows."""
    empty = IPV6[:4] + bytes((0, 0, following)) + IPV6[7:]
    (raw,), _ = judge(make(pcap(101, empty)), None)
    assert (raw.data, raw.length) == (empty[:length], length)


def test_the_longest_packet_in_a_frame(make: Make) -> None:
    longest = IPV4[:2] + b"\xff\xff" + IPV4[4:] + bytes(65535 - 33)
    (raw,), error = judge(make(pcap(1, ethernet(0x0800, 0x8100) + longest)), None)
    assert error is None
    assert raw.data == longest


def test_only_drop_does_not_survive(make: Make, tmp_path: Path) -> None:
    frames = [FRAME[:-1] + bytes([n]) for n in range(4)]
    decisions = {
        1: ACCEPT,
        2: DROP,
        3: Decision(Verdict.REPEAT, Reason.DEFAULT),
        4: Decision(Verdict.QUEUE, Reason.DEFAULT, queue=3),
    }
    judge(make(pcap(1, *frames)), tmp_path / "out.pcap", lambda raw: decisions[raw.id])
    assert [data for data, _ in written(tmp_path / "out.pcap")] == [frames[0], *frames[2:]]


@pytest.mark.parametrize("kind", HEADERS)
@pytest.mark.parametrize("replacement", [b"", IPV4[:28], IPV4 + b"longer"])
def test_a_rewritten_packet_keeps_its_link_header_and_loses_its_padding(
    make: Make, tmp_path: Path, kind: str, replacement: bytes
) -> None:
    link, header, *_ = HEADERS[kind]
    decision = Decision(Verdict.ACCEPT, Reason.DEFAULT, replacement=replacement)
    judge(make(pcap(link, header + IPV4 + bytes(20))), tmp_path / "out", lambda raw: decision)
    assert written(tmp_path / "out") == [(header + replacement, len(header + replacement))]


def test_order_is_kept_whatever_the_order_of_answers(make: Make, tmp_path: Path) -> None:
    frames = [ARP_FRAME, FRAME, ARP_FRAME + b"\1", FRAME + b"\1", FRAME + b"\2", ARP_FRAME + b"\2"]
    transport = ReplayTransport.open(make(pcap(1, *frames)), tmp_path / "out")
    batch = transport.receive()
    for raw in reversed(batch):
        transport.answer([(raw, ACCEPT)])
    transport.close()
    assert transport.unjudged == 3
    assert [data for data, _ in written(tmp_path / "out")] == frames


def test_what_was_not_answered_is_not_written(make: Make, tmp_path: Path) -> None:
    transport = ReplayTransport.open(make(pcap(1, FRAME, ARP_FRAME, FRAME)), tmp_path / "out")
    _, last = transport.receive()
    transport.answer([(last, ACCEPT)])
    transport.close()
    assert [data for data, _ in written(tmp_path / "out")] == [ARP_FRAME, FRAME]


def test_several_link_types_become_raw_ip(make: Make, tmp_path: Path) -> None:
    capture = make(
        section()
        + interface(1)
        + interface(113)
        + enhanced(FRAME + bytes(13), on=0)
        + enhanced(ARP_FRAME, on=0)
        + enhanced(HEADERS["cooked"][2] + IPV6, on=1)
        + enhanced(FRAME[:40], on=0, length=len(FRAME))
    )
    transport = ReplayTransport.open(capture, tmp_path / "out")
    assert "as raw IP" in transport.description
    transport.answer([(raw, ACCEPT) for raw in transport.receive()])
    transport.close()
    assert (transport.unjudged, transport.unwritable) == (1, 1)
    assert (tmp_path / "out").read_bytes()[:24] == pcap_header(101, nano=True)
    assert written(tmp_path / "out") == [(IPV4, 33), (IPV6, 53), (IPV4[:26], 33)]


def test_interfaces_are_counted_anew_in_each_section(make: Make) -> None:
    content = section() + interface(1) + enhanced(FRAME)
    content += section(">") + interface(101, ">") + enhanced(IPV6, ">")
    packets, error = judge(make(content), None)
    assert error is None
    assert [(raw.data, raw.family) for raw in packets] == [(IPV4, AF_INET), (IPV6, AF_INET6)]


def test_simple_blocks_are_cut_by_the_snaplen(make: Make) -> None:
    content = section() + interface(101, snaplen=24) + simple(IPV4[:24], length=33)
    (raw,), error = judge(make(content), None)
    assert error is None
    assert (raw.data, raw.length, raw.time) == (IPV4[:24], 33, None)
