# SPDX-License-Identifier: GPL-2.0
"""Rewrites at the edges: sizes, super-packets, what cannot be done."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from qverdictd.action.draft import ActionFailedError
from qverdictd.action.limits import MOST_REPLACED
from qverdictd.action.pattern import Pattern
from qverdictd.action.rewrite import (
    Replace,
    ReplacePattern,
    Rewrite,
    SetAddress,
    SetNumber,
    SetPayload,
    changes_size,
    rewritten,
)
from qverdictd.packet.decode import decode
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket

from ..generators.layers import DCCP, UDPLite

_V4, _V6 = bytes((192, 0, 2, 9)), bytes.fromhex("20010db8" + "00" * 11 + "09")


def _raw(data: bytes, *, gso: bool = False, partial: bool = False) -> RawPacket:
    family = AF_INET if data[0] >> 4 == 4 else AF_INET6
    return RawPacket(1, data, len(data), family, gso=gso, checksum_partial=partial)


def _rewritten(
    data: bytes, *edits: Rewrite, gso: bool = False, partial: bool = False
) -> bytes | None:
    return rewritten(decode(_raw(data, gso=gso, partial=partial)), edits)


def _udp(size: int) -> bytes:
    return bytes(IP() / UDP() / Raw(bytes(size)))


_FAR = IPv6() / IPv6ExtHdrDestOpt(options=[PadN()])


@pytest.mark.parametrize(
    ("network", "transport"),
    [
        (IP(), UDP()),
        (IPv6(), UDP()),
        (_FAR, UDP()),
        (IP(), ICMP()),
        (_FAR, ICMPv6EchoRequest()),
        (IP(proto=136), UDPLite()),
        (IPv6(nh=136), UDPLite(coverage=8)),
    ],
)
def test_a_payload_may_grow_to_the_largest_packet(network: IP, transport: UDP) -> None:
    data = bytes(network / transport / Raw(b"x"))
    most = 65535 - len(data) + 1
    grown = _rewritten(data, SetPayload(b"y" * most))
    assert grown is not None
    assert len(grown) == 65535
    assert not decode(_raw(grown)).cut
    with pytest.raises(ActionFailedError):
        _rewritten(data, SetPayload(b"y" * (most + 1)))


def test_what_two_edits_come_to_is_what_counts() -> None:
    grown = _rewritten(_udp(4), SetPayload(b"y" * 65000), SetPayload(b""))
    assert grown == bytes(IP() / UDP())
    with pytest.raises(ActionFailedError):
        _rewritten(_udp(4), SetPayload(b"y" * 66000), SetPayload(b""))


@pytest.mark.parametrize("network", [IP(), IPv6()])
def test_payloads_come_and_go(network: IP) -> None:
    empty, full = bytes(network / UDP()), bytes(network / UDP() / Raw(b"hello"))
    assert _rewritten(empty, SetPayload(b"hello")) == full
    assert _rewritten(full, SetPayload(b"")) == empty
    assert _rewritten(full, Replace(b"hello", b"")) == empty
    assert _rewritten(full, ReplacePattern(Pattern.compile(".+"), ())) == empty
    assert _rewritten(empty, ReplacePattern(Pattern.compile("^$"), (b"hello",))) == full
    assert _rewritten(empty, Replace(b"hello", b"x")) is None
    assert _rewritten(empty, SetPayload(b"")) is None


def test_replacing_is_from_the_left_and_counted() -> None:
    data = bytes(IP() / UDP() / Raw(b"aaaa"))
    for count, result in ((1, b"baa"), (2, b"bb"), (None, b"bb")):
        expected = bytes(IP() / UDP() / Raw(result))
        assert _rewritten(data, Replace(b"aa", b"b", count)) == expected
        pattern = ReplacePattern(Pattern.compile("aa"), (b"b",), count)
        assert _rewritten(data, pattern) == expected


def test_a_replacement_with_itself_changes_nothing() -> None:
    data = bytes(IP(ttl=9) / UDP(chksum=0x1234) / Raw(b"hello"))
    assert _rewritten(data, Replace(b"hello", b"hello"), SetNumber("ttl", 9)) is None


def test_there_and_back_changes_nothing() -> None:
    data = bytes(IP(ttl=9) / UDP() / Raw(b"hello"))
    assert _rewritten(data, SetPayload(b"!"), SetPayload(b"hello")) is None
    assert _rewritten(data, SetNumber("ttl", 1), SetNumber("ttl", 9)) is None


_CANNOT: dict[str, tuple[bytes, Rewrite]] = {
    "ports of ICMP": (bytes(IP() / ICMP()), SetNumber("dport", 1)),
    "ports of GRE": (bytes(IP(proto=47) / Raw(b"data")), SetNumber("sport", 1)),
    "ports of a later fragment": (
        bytes(IP(proto=17, frag=1) / Raw(bytes(8))),
        SetNumber("dport", 1),
    ),
    "a window of UDP": (_udp(1), SetNumber("tcp.window", 1)),
    "an IPv6 address in IPv4": (_udp(1), SetAddress("src", _V6)),
    "an IPv4 address in IPv6": (bytes(IPv6() / UDP()), SetAddress("dst", _V4)),
    "a payload of GRE": (bytes(IP(proto=47) / Raw(b"hello")), Replace(b"hello", b"HELLO")),
    "a payload of a later fragment": (
        bytes(IPv6() / IPv6ExtHdrFragment(nh=17, offset=1) / Raw(b"hello")),
        SetPayload(b"HELLO"),
    ),
    "another size of TCP": (bytes(IP() / TCP() / Raw(b"hello")), Replace(b"hello", b"hi")),
    "another size of SCTP": (bytes(IP() / SCTP() / Raw(b"hello")), SetPayload(b"")),
    "another size of DCCP": (bytes(IP(proto=33) / DCCP() / Raw(b"hello")), SetPayload(b"hi")),
    "another size of a first fragment": (
        bytes(IP(flags=1) / UDP() / Raw(b"hello")),
        Replace(b"hello", b"hi"),
    ),
}


@pytest.mark.parametrize("what", _CANNOT)
def test_what_cannot_be_done(what: str) -> None:
    data, edit = _CANNOT[what]
    with pytest.raises(ActionFailedError):
        _rewritten(data, edit)


def test_a_super_packet_keeps_its_size() -> None:
    data = bytes(IP() / UDP() / Raw(b"hello" * 500))
    with pytest.raises(ActionFailedError):
        _rewritten(data, SetPayload(b"hello"), gso=True)
    shouted = _rewritten(data, Replace(b"hello", b"HELLO"), gso=True)
    assert shouted == bytes(IP() / UDP() / Raw(b"HELLO" * 500))


def test_a_super_packet_too_long_for_its_length_field_is_rewritten() -> None:
    """The total length stays zero; the checksum is over all (its pseudo header has 32 bits)."""
    data = bytes(IP(len=0, chksum=0) / TCP(chksum=0) / Raw(b"hello" + bytes(70000)))
    shouted = _rewritten(data, Replace(b"hello", b"HELLO"), gso=True, partial=True)
    assert shouted is not None
    assert len(shouted) == len(data)
    assert shouted[2:4] == b"\0\0"
    assert shouted[40:45] == b"HELLO"
    again = _rewritten(shouted, Replace(b"HELLO", b"hello"), SetNumber("ttl", 3), gso=True)
    assert again is not None


def test_a_jumbogram_keeps_its_size() -> None:
    udp = bytes(UDP(len=0, chksum=1)) + b"hello" + bytes(70000)
    data = bytes(IPv6(plen=0, nh=17) / Raw(udp))
    for payload in (b"", b"x" * 70006):
        with pytest.raises(ActionFailedError):
            _rewritten(data, SetPayload(payload))
    shouted = _rewritten(data, Replace(b"hello", b"HELLO"))
    assert shouted is not None
    assert shouted[4:6] == shouted[44:46] == b"\0\0"


def test_more_matches_than_are_replaced_fail() -> None:
    pattern = ReplacePattern(Pattern.compile("a"), (b"b",))
    assert _rewritten(bytes(IP() / UDP() / Raw(b"a" * MOST_REPLACED)), pattern)
    with pytest.raises(ActionFailedError):
        _rewritten(bytes(IP() / UDP() / Raw(b"a" * (MOST_REPLACED + 1))), pattern)


@pytest.mark.parametrize(
    ("coverage", "size", "expected"),
    [(0, 9, 0), (8, 9, 8), (13, 9, 17), (13, 2, 10), (10, 1, 9), (10, 9, 10), (10, 2, 10)],
)
def test_the_coverage_of_udplite_follows(coverage: int, size: int, expected: int) -> None:
    """All stays all, and no coverage is past the end; else it is the sender's choice."""
    data = bytes(IP(proto=136) / UDPLite(coverage=coverage) / Raw(b"hello"))
    result = _rewritten(data, SetPayload(b"x" * size))
    assert result == bytes(IP(proto=136) / UDPLite(coverage=expected) / Raw(b"x" * size))


def test_the_surplus_of_udp_stays_behind_the_datagram() -> None:
    data = bytes(IP(len=28 + 5 + 4) / UDP(len=13, chksum=0) / Raw(b"hello" + b"\1\2\3\4"))
    result = _rewritten(data, SetPayload(b"hi"))
    assert result is not None
    assert result == bytes(IP(len=28 + 2 + 4) / UDP(len=10, chksum=0) / Raw(b"hi" + b"\1\2\3\4"))


def test_a_home_address_is_the_checksums_source() -> None:
    from scapy.layers.inet6 import HAO

    chain = IPv6ExtHdrDestOpt(options=[HAO(hoa="2001:db8::5")])
    data = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / chain / UDP() / Raw(b"hello"))
    away = bytes(IPv6(src="2001:db8::9", dst="2001:db8::2") / chain / UDP() / Raw(b"hello"))
    assert _rewritten(data, SetAddress("src", _V6)) == away


def test_a_source_route_is_the_checksums_destination() -> None:
    from scapy.layers.inet import IPOption_LSRR

    route = [IPOption_LSRR(routers=["192.0.2.3", "192.0.2.4"])]
    data = bytes(IP(dst="192.0.2.2", options=route) / UDP() / Raw(b"hello"))
    on = bytes(IP(dst="192.0.2.9", options=route) / UDP() / Raw(b"hello"))
    assert _rewritten(data, SetAddress("dst", _V4)) == on


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (Replace(b"hello", b"HELLO"), False),
        (Replace(b"hello", b"hi"), True),
        (ReplacePattern(Pattern.compile("h"), (b"H",)), True),
        (SetPayload(b""), True),
        (SetNumber("ttl", 1), False),
        (SetAddress("src", _V4), False),
    ],
)
def test_which_edits_can_change_the_size(edit: Rewrite, changes: bool) -> None:
    assert changes_size(edit) is changes


@pytest.mark.parametrize("network", [IP(), IPv6()])
@pytest.mark.parametrize("transport", [UDP(), UDPLite(), TCP(), DCCP()])
@pytest.mark.parametrize("fragment", [False, True])
def test_a_sum_of_zero_is_not_udps_none(network: IP, transport: UDP, fragment: bool) -> None:
    """A checksum that comes to zero is sent as 0xFFFF where zero means "none" (RFC 768)."""
    proto = {UDPLite: 136, DCCP: 33, UDP: 17, TCP: 6}[type(transport)]
    whole = network / transport
    setattr(whole, "proto" if isinstance(network, IP) else "nh", proto)
    before = bytes(whole / Raw(b"\0\0"))
    at = len(bytes(network)) + {UDPLite: 6, DCCP: 6, UDP: 6, TCP: 16}[type(transport)]
    payload = before[at : at + 2]  # adds up with the rest to 0xFFFF
    zero = b"\xff\xff" if proto in (17, 136) else b"\0\0"
    after = bytes(whole / Raw(payload))
    assert after[at : at + 2] == zero
    if fragment:
        before, after = _first_fragment(before), _first_fragment(after)
    assert _rewritten(before, SetPayload(payload)) == after


def _first_fragment(data: bytes) -> bytes:
    """Return the packet as a first fragment, whose rest adds nothing to the checksum."""
    if data[0] >> 4 == 4:
        again = IP(data)
        again.flags = "MF"
        del again.chksum
        return bytes(again)
    header = IPv6(data[:40])
    header.nh = 44
    del header.plen
    return bytes(header / IPv6ExtHdrFragment(nh=data[6], m=1) / Raw(data[40:]))
