# SPDX-License-Identifier: GPL-2.0
"""The detail pane: layers, byte ranges, summaries and fields; hostile bytes do no harm."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    HAO,
    ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrSegmentRouting,
    RouterAlert,
)
from scapy.packet import Raw

from qverdictd.control.dissect import MOST_LINES, dissect
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket

from ..generators.packets import Made, packets

_V4 = IP(src="192.0.2.1", dst="198.51.100.1")
_V6 = IPv6(src="2001:db8::1", dst="2001:db8::2")

#: A ClientHello of TLS 1.2 and 1.3 for www.example.org, written out.
_SNI = bytes.fromhex("0000 0014 0012 00 000f") + b"www.example.org"
_VERSIONS = bytes.fromhex("002b 0005 04 0304 0303")
_ALPN = bytes.fromhex("0010 0005 0003 02") + b"h2"
_EXTENSIONS = _SNI + _VERSIONS + _ALPN
_BODY = (
    b"\x03\x03" + bytes(range(32)) + b"\0" + bytes.fromhex("0004 1301 c02f 0100")
    + len(_EXTENSIONS).to_bytes(2, "big") + _EXTENSIONS
)  # fmt: skip
_HELLO = b"\x01" + len(_BODY).to_bytes(3, "big") + _BODY
_TLS = b"\x16\x03\x01" + len(_HELLO).to_bytes(2, "big") + _HELLO


def _lines(data: bytes, *, length: int | None = None, partial: bool = False) -> list[str]:
    family = AF_INET if data[:1] and data[0] >> 4 == 4 else AF_INET6
    return dissect(RawPacket(1, data, length or len(data), family, checksum_partial=partial))


def _layers(lines: list[str]) -> list[str]:
    """Return the lines that name a layer and its bytes, without their margins."""
    return [line.strip() for line in lines if re.search(r", bytes? \d+", line)]


def _fields(lines: list[str]) -> set[str]:
    return {line.strip() for line in lines}


def test_tcp_and_http() -> None:
    request = b"GET /a HTTP/1.1\r\nHost: a.example\r\nUser-Agent: curl/8\r\n\r\n"
    options = [("MSS", 1460), ("NOP", None), ("Timestamp", (1, 2))]
    header = TCP(sport=40000, dport=80, flags="PA", seq=7, ack=9, options=options)
    lines = _lines(bytes(_V4 / header / Raw(request)))
    assert _layers(lines) == [
        "Internet Protocol, version 4, bytes 0-19: 192.0.2.1 > 198.51.100.1, tcp",
        "Transmission Control Protocol, bytes 20-55: 40000 > 80, psh,ack, seq 7, ack 9",
        f"Hypertext Transfer Protocol, bytes 56-{55 + len(request)}: GET /a HTTP/1.1",
    ]
    assert _fields(lines) >= {
        "header length: 20 bytes (5)",
        "traffic class: 0x00 (dscp be, ecn not-ect)",
        "protocol: tcp (6)",
        "destination port: http (80)",
        "flags: psh,ack (0x018)",
        "options: MSS 1460, NOP, Timestamp 1 2, EOL",
        "Host: a.example",
        "User-Agent: curl/8",
    }


@pytest.mark.parametrize("port", [443, 8443])
def test_a_client_hello(port: int) -> None:
    lines = _lines(bytes(_V4 / TCP(dport=port) / Raw(_TLS)))
    assert _layers(lines)[2] == (
        f"Transport Layer Security, bytes 40-{39 + len(_TLS)}: "
        "handshake, Client Hello, for www.example.org"
    )
    assert _fields(lines) >= {
        'servername: "www.example.org"',
        'protocol: "h2"',
        "versions: [TLS 1.3, TLS 1.2]",
        "cipher suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]",
    }


def test_http_on_another_port() -> None:
    response = b"HTTP/1.1 404 Not Found\r\nServer: a\r\n\r\n"
    assert _layers(_lines(bytes(_V6 / TCP(sport=8000, dport=40000) / Raw(response))))[2] == (
        f"Hypertext Transfer Protocol, bytes 60-{59 + len(response)}: HTTP/1.1 404 Not Found"
    )


def test_dns() -> None:
    question = DNSQR(qname="www.example.org", qtype="A")
    lines = _lines(bytes(_V4 / UDP(dport=53) / DNS(id=7, qd=question)))
    assert _layers(lines)[1] == "User Datagram Protocol, bytes 20-27: 53 > 53, 41 bytes"
    assert _layers(lines)[2] == "Domain Name System, bytes 28-60: query 7: www.example.org A"
    answer = DNSRR(rrname="www.example.org", rdata="192.0.2.8", ttl=60)
    lines = _lines(bytes(_V4 / UDP(sport=53) / DNS(id=7, qr=1, qd=question, an=answer)))
    assert _layers(lines)[2].endswith(": response 7: www.example.org A: ok, 1 answer")
    assert "DNS Resource Record: www.example.org A 192.0.2.8" in _fields(lines)
    assert "time to live: 60" in _fields(lines)


def test_icmp_shows_the_packet_in_question() -> None:
    inner = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)
    lines = _lines(bytes(_V4 / ICMP(type=3, code=3) / inner))
    assert _layers(lines)[1:] == [
        "Internet Control Message Protocol, bytes 20-27: dest-unreach, code port-unreachable",
        "Internet Protocol, version 4 (of the packet in question), bytes 28-47: "
        "10.0.0.1 > 10.0.0.2, udp",
        "User Datagram Protocol (of the packet in question), bytes 48-55: 1 > 2, 8 bytes",
    ]


def test_extension_headers() -> None:
    chain = (
        IPv6ExtHdrHopByHop(options=[RouterAlert()])
        / IPv6ExtHdrSegmentRouting(addresses=["2001:db8::3", "2001:db8::4"], segleft=1)
        / IPv6ExtHdrFragment(m=1)
        / IPv6ExtHdrDestOpt(options=[HAO(hoa="2001:db8::9")])
    )
    lines = _lines(bytes(_V6 / chain / UDP(dport=9999) / Raw(b"hello")))
    assert _layers(lines) == [
        "Internet Protocol, version 6, bytes 0-39: "
        "2001:db8::1 > 2001:db8::2, Hop-by-Hop Option Header",
        "Hop-by-Hop Options, bytes 40-47",
        "Segment Routing Header, bytes 48-87: type 4, 1 segment left, 2001:db8::3, 2001:db8::4",
        "Fragment Header, bytes 88-95: bytes from 0, more follow",
        "Destination Options, bytes 96-119",
        "User Datagram Protocol, bytes 120-127: 53 > 9999, 13 bytes",
        "Data, bytes 128-132: 5 bytes",
    ]
    assert _fields(lines) >= {"home address: 2001:db8::9", 'data: "hello"'}


def test_dhcp() -> None:
    options = [("message-type", "discover"), ("hostname", b"box"), "end"]
    message = BOOTP(chaddr=b"\2\0\0\0\0\1") / DHCP(options=options)
    lines = _lines(bytes(_V4 / UDP(sport=68, dport=67) / message))
    assert _layers(lines)[3] == "DHCP options, bytes 268-276: DHCP Discover"
    assert _fields(lines) >= {
        'options: message-type 1, hostname "box", end',
        "file: 128 zero bytes",
    }


def test_a_fragment_of_ipv4() -> None:
    header = IP(src="192.0.2.1", dst="198.51.100.1", proto=17, flags="MF", frag=5)
    lines = _lines(bytes(header / Raw(b"x")))
    assert _layers(lines) == [
        "Internet Protocol, version 4, bytes 0-19: 192.0.2.1 > 198.51.100.1, udp, fragment at 40",
        "Data, byte 20: 1 byte",
    ]
    assert _fields(lines) >= {"flags: more fragments", "fragment offset: 40 bytes (5)"}


def test_lengths_are_in_bytes_only_where_they_are() -> None:
    solicitation = ICMPv6ND_NS(tgt="2001:db8::9") / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:00:01")
    lines = _lines(bytes(_V6 / solicitation))
    assert _fields(lines) >= {"payload length: 32 bytes", "length: 1", "type: 1"}


def test_each_layer_stands_further_in() -> None:
    lines = _lines(bytes(_V4 / UDP(dport=9999) / Raw(b"\x00\x01")))
    margins = [len(line) - len(line.lstrip()) for line in lines if ", bytes" in line]
    assert margins == [2, 4, 6]
    assert lines[-1].strip() == "data: 00 01"


def test_what_is_cut_and_what_is_partial_is_said() -> None:
    data = bytes(_V4 / TCP() / Raw(bytes(100)))
    assert _lines(data[:50], length=140)[-1].strip() == "cut: 50 of 140 bytes are at hand"
    assert not any("cut" in line for line in _lines(data))
    note = "(the checksum is partial: the kernel completes it)"
    assert note in _fields(_lines(data, partial=True))
    assert note not in _fields(_lines(data))


def test_bytes_after_the_packets_end_are_apart() -> None:
    lines = _lines(bytes(_V4 / UDP(dport=9999) / Raw(b"hello")) + bytes(3))
    assert _layers(lines)[2:] == [
        "Data, bytes 28-32: 5 bytes",
        "After the packet's own end, bytes 33-35: 3 bytes",
    ]


def test_terminal_codes_are_not_passed_on() -> None:
    evil = "GET /\x1b[2J\x07\x9b HTTP/1.1\r\nHost: \x1b]0;owned\x07\r\n\r\n".encode("latin-1")
    for payload in (evil, b"\x1b[31mred\x07"):
        for line in _lines(bytes(_V4 / TCP(dport=80) / Raw(payload))):
            assert line.isprintable()


def test_no_packet_fills_more_than_some_screens() -> None:
    many = bytes(_V4 / UDP(dport=53) / DNS(qd=[DNSQR(qname="a.example")] * 60))
    lines = _lines(many)
    assert len(lines) == MOST_LINES + 1
    assert lines[-1].strip() == "... and more"


@pytest.mark.parametrize("family", [0, 7, AF_INET, AF_INET6])
def test_nothing_and_unknown_families(family: int) -> None:
    for data in (b"", b"\xff\xfe"):
        lines = dissect(RawPacket(1, data, len(data), family))
        assert lines
        assert all(line.isprintable() for line in lines)


def _assert_harmless(data: bytes, family: int, hidden: int = 0) -> None:
    lines = dissect(RawPacket(1, data, len(data) + hidden, family))
    assert 1 <= len(lines) <= MOST_LINES + 2
    for line in lines:
        assert line.isprintable()
        assert line.startswith("  ")
        assert len(line) < 300


@given(packets, st.integers(0, 200))
def test_any_packet_is_shown_from_its_first_byte(made: Made, cut: int) -> None:
    lines = dissect(made.raw())
    assert not any("not dissected" in line for line in lines)
    assert _layers(lines)[0].startswith("Internet Protocol, version ")
    if made.family == AF_INET:
        assert f"bytes 0-{(made.data[0] & 0x0F) * 4 - 1}:" in _layers(lines)[0]
    _assert_harmless(made.data, made.family)
    _assert_harmless(made.data[:cut], made.family, 1)


_SEEDS = [
    bytes(_V4 / TCP(dport=443) / Raw(_TLS)),
    bytes(_V4 / UDP(dport=53) / DNS(qd=DNSQR(qname="www.example.org"))),
    bytes(_V4 / TCP(dport=80) / Raw(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")),
    bytes(_V6 / IPv6ExtHdrDestOpt(options=[HAO()]) / UDP(sport=547) / Raw(b"\1\0\0\0\0\1\0\4abcd")),
    bytes(_V4 / UDP(sport=123, dport=123) / Raw(bytes(48))),
    bytes(_V4 / UDP(sport=161, dport=161) / Raw(bytes.fromhex("3003020101"))),
]


@given(
    st.sampled_from(_SEEDS),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    st.integers(20, 250),
)
def test_hostile_bytes_do_no_harm(seed: bytes, changes: list[tuple[int, int]], end: int) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    _assert_harmless(bytes(data[:end]), AF_INET if seed[0] >> 4 == 4 else AF_INET6)


@given(st.binary(max_size=120), st.sampled_from((AF_INET, AF_INET6)))
def test_random_bytes_do_no_harm(data: bytes, family: int) -> None:
    _assert_harmless(data, family)
    _assert_harmless((b"\x45" if family == AF_INET else b"\x60") + data, family)
