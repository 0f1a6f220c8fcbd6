# SPDX-License-Identifier: GPL-2.0
"""Packets whose own lengths cannot hold their headers, one kind a test; and their near misses."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from qverdictd.packet.decode import MalformedError, UnsupportedError, decode
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.packet.value import Missing, Payload
from qverdictd.packet.view import Packet

from ..generators.layers import DCCP, UDPLite

_TCP = TCP() / Raw(b"payload")
_UDP = UDP() / Raw(b"payload")


def _decode(data: bytes, family: int | None = None, **known: int | bool) -> Packet:
    guess = AF_INET6 if data[:1] and data[0] >> 4 == 6 else AF_INET
    length = int(known.pop("length", len(data)))
    gso = bool(known.pop("gso", False))
    return decode(RawPacket(1, data, length, guess if family is None else family, gso=gso))


def _v4(segment: bytes, proto: int, **header: int) -> bytes:
    return bytes(IP(proto=proto, **header) / Raw(segment))


def _v6(segment: bytes, nh: int, **header: int) -> bytes:
    return bytes(IPv6(nh=nh, **header) / Raw(segment))


def _dccp(words: int) -> bytes:
    return bytes(DCCP(dataofs=words, chksum=0))[:12] + bytes(8)


_UDP_ONLY = bytes(UDP(len=8, chksum=0))

MALFORMED = {
    # IPv4
    "version 6 in an IPv4 packet": (bytes(IPv6() / _UDP), AF_INET),
    "version 4 in an IPv6 packet": (bytes(IP() / TCP() / Raw(bytes(40))), AF_INET6),
    "version 0": (bytes((0x05,)) + bytes(IP() / _UDP)[1:], AF_INET),
    "no byte at all": (b"", AF_INET),
    "no byte at all of IPv6": (b"", AF_INET6),
    "shorter than an IPv4 header": (bytes(IP())[:19], AF_INET),
    "shorter than an IPv6 header": (bytes(IPv6())[:39], AF_INET6),
    "IPv4 header length below 5 words": (bytes(IP(ihl=4) / _UDP), AF_INET),
    "IPv4 header length past the total length": (bytes(IP(ihl=15, len=40) / Raw(bytes(60))), None),
    "total length below the header": (bytes(IP(len=19) / _UDP), None),
    "total length zero": (bytes(IP(len=0) / _UDP), None),
    "total length past the bytes": (bytes(IP(len=36) / _UDP), None),
    "payload length past the bytes": (bytes(IPv6(plen=16) / _UDP), None),
    # transport headers that the packet's end cuts
    "TCP cut by the packet's end": (_v4(bytes(_TCP)[:19], 6), None),
    "TCP cut, IPv6": (_v6(bytes(_TCP)[:19], 6), None),
    "UDP cut": (_v4(_UDP_ONLY[:7], 17), None),
    "UDP with nothing": (_v6(b"", 17), None),
    "UDP-Lite cut": (_v4(bytes(UDPLite(chksum=0))[:7], 136), None),
    "SCTP cut": (_v4(bytes(SCTP())[:11], 132), None),
    "DCCP cut": (_v4(_dccp(3)[:11], 33), None),
    "ICMP cut": (_v4(bytes(ICMP())[:7], 1), None),
    "ICMPv6 cut": (_v6(bytes(ICMPv6EchoRequest())[:7], 58), None),
    "TCP cut in a first fragment": (_v4(bytes(_TCP)[:16], 6, flags=1), None),
    "UDP cut in a first fragment, IPv6": (
        _v6(bytes(IPv6ExtHdrFragment(nh=17, m=1)) + _UDP_ONLY[:7], 44),
        None,
    ),
    # lengths inside transport headers
    "TCP data offset below 5 words": (_v4(bytes(TCP(dataofs=4)), 6), None),
    "TCP data offset past the end": (_v4(bytes(TCP(dataofs=6)), 6), None),
    "TCP data offset past the end of a first fragment": (
        _v4(bytes(TCP(dataofs=15))[:20] + bytes(12), 6, flags=1),
        None,
    ),
    "DCCP data offset below 3 words": (_v4(_dccp(2), 33), None),
    "DCCP data offset past the end": (_v6(_dccp(6), 33), None),
    "UDP length below 8": (bytes(IP() / UDP(len=7) / Raw(b"payload")), None),
    "UDP length zero over IPv4": (bytes(IP() / UDP(len=0) / Raw(b"payload")), None),
    "UDP length zero over IPv6, not a jumbogram": (bytes(IPv6() / UDP(len=0)), None),
    "UDP length past the end": (bytes(IP() / UDP(len=16) / Raw(b"payload")), None),
    "UDP length below 8 in a first fragment": (bytes(IP(flags=1) / UDP(len=7)), None),
    "UDP-Lite coverage below 8": (_v4(bytes(UDPLite(coverage=7, chksum=0)), 136), None),
    "UDP-Lite coverage past the end": (_v4(bytes(UDPLite(coverage=9, chksum=0)), 136), None),
    # extension headers
    "hop-by-hop cut by the end": (_v6(bytes(7), 0), None),
    "hop-by-hop longer than the packet": (_v6(bytes((17, 1)) + bytes(14 - 8), 0), None),
    "destination options longer than the packet": (_v6(bytes((17, 2)) + bytes(20), 60), None),
    "routing header longer than the packet": (_v6(bytes((59, 2, 0, 1)) + bytes(19), 43), None),
    "fragment header cut by the end": (_v6(bytes(7), 44), None),
    "AH longer than the packet": (_v6(bytes((17, 4)) + bytes(21), 51), None),
    "second extension header missing": (
        _v6(bytes(IPv6ExtHdrHopByHop(nh=60)), 0),
        None,
    ),
    "a first fragment that ends in its extension headers": (
        _v6(bytes(IPv6ExtHdrFragment(nh=60, m=1)) + bytes((17, 1)) + bytes(6), 44),
        None,
    ),
    "no transport header after the extension headers": (
        _v6(bytes(IPv6ExtHdrDestOpt(nh=6)), 60),
        None,
    ),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed(kind: str) -> None:
    data, family = MALFORMED[kind]
    with pytest.raises(MalformedError):
        _decode(data, family)


NEAR_MISSES = {
    "bare IPv4 header": bytes(IP(proto=253)),
    "bare IPv6 header": bytes(IPv6(nh=59)),
    "all 15 words of IPv4 header": bytes(IP(ihl=15, proto=17) / Raw(bytes(40) + _UDP_ONLY)),
    "TCP of 20 bytes": _v4(bytes(TCP()), 6),
    "TCP of 60 bytes": _v4(bytes(TCP(dataofs=15)) + bytes(40), 6),
    "UDP of 8 bytes": _v4(_UDP_ONLY, 17),
    "UDP with 7 bytes of surplus": bytes(IP() / UDP(len=8) / Raw(b"payload")),
    "UDP-Lite that covers its header": _v4(bytes(UDPLite(coverage=8, chksum=0)), 136),
    "DCCP of 12 bytes": _v6(_dccp(3)[:12], 33),
    "ICMP of 8 bytes": _v4(bytes(ICMP()), 1),
    "SCTP of 12 bytes": _v6(bytes(SCTP()), 132),
    "nothing after a first fragment of GRE": _v4(b"", 47, flags=1),
    "a later fragment of one byte": _v4(b"x", 6, frag=1),
    "an empty later fragment": _v6(bytes(IPv6ExtHdrFragment(nh=6, offset=1)), 44),
    "UDP of a first fragment that is longer than it": bytes(IP(flags=1) / UDP(len=2000)),
    "AH of 8 bytes, less than RFC 4302 asks, before UDP": _v6(
        bytes((17, 0)) + bytes(6) + _UDP_ONLY, 51
    ),
    "nothing after AH": _v6(bytes(AH(nh=59, payloadlen=4, reserved=0, icv=bytes(12))), 51),
    "a routing header without an address": _v6(bytes(IPv6ExtHdrRouting(nh=59)), 43),
}


@pytest.mark.parametrize("kind", NEAR_MISSES)
def test_as_short_as_can_be_is_not_malformed(kind: str) -> None:
    packet = _decode(NEAR_MISSES[kind])
    assert packet.end == len(NEAR_MISSES[kind])


@pytest.mark.parametrize("family", [0, 1, 7, 28])
def test_other_families_are_unsupported(family: int) -> None:
    with pytest.raises(UnsupportedError):
        _decode(bytes(IP() / _UDP), family)


def test_a_total_length_of_zero_is_a_super_packets() -> None:
    data = bytes(IP(len=0) / TCP() / Raw(bytes(70000)))
    packet = _decode(data, gso=True)
    assert packet["length"] == len(data)
    assert packet["payload"] == Payload(bytes(70000), 70000)


def test_a_payload_length_of_zero_is_a_jumbograms() -> None:
    data = bytes(IPv6(plen=0, nh=17) / Raw(bytes(UDP(len=0, chksum=1)) + bytes(70000)))
    packet = _decode(data)
    assert packet["length"] == len(data)
    assert packet["payload"] == Payload(bytes(70000), 70000)


def test_a_payload_length_of_zero_ends_the_packet() -> None:
    packet = _decode(bytes(IPv6(plen=0, nh=59) / Raw(b"after the end")))
    assert packet["length"] == 40
    assert packet["payload"] is Missing.ABSENT


OPTIONS = {
    "020405b4": 1460,
    "0101010200000000": Missing.ABSENT,  # a length that cannot be
    "02010505": Missing.ABSENT,
    "0203ffff": Missing.ABSENT,  # an MSS of three bytes
    "0205555500020405": Missing.ABSENT,
    "01010204": Missing.ABSENT,  # past the header's end
    "01010102": Missing.ABSENT,  # its kind alone, at the end
    "010108ff020405b4": Missing.ABSENT,  # behind an option past the end
    "00020405b4000000": Missing.ABSENT,  # behind the end mark
    "020405b4020405dc": 1460,  # twice: the first
    "fd0402ff020405b4": 1460,  # behind one that nobody knows
    "0203ff020405b400": 1460,  # behind one of a wrong size
    "080a0000000000000000020405dc0101": 1500,
    "01020400": Missing.ABSENT,
    "0102040001010101": 1,
}


@pytest.mark.parametrize("options", OPTIONS)
def test_the_mss_option(options: str) -> None:
    data = bytes.fromhex(options)
    segment = bytes(TCP(dataofs=5 + len(data) // 4)) + data
    assert _decode(_v4(segment + b"\x02\x04\xff\xff", 6))["tcp.mss"] == OPTIONS[options]
    assert _decode(_v6(segment, 6))["tcp.mss"] == OPTIONS[options]
