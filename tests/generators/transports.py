# SPDX-License-Identifier: GPL-2.0
"""Transport headers and payloads, as scapy makes them."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    ICMPv6Unknown,
)
from scapy.layers.sctp import SCTP
from scapy.packet import Raw

from . import pools
from .layers import DCCP, DCCP_PROTO, SCTP_PROTO, UDPLITE_PROTO, UDPLite


@dataclass(frozen=True, slots=True)
class Transport:
    """A transport header with its payload; checksums are scapy's, once it has addresses."""

    proto: int
    layer: Any
    """Header and payload, to be put on an IP layer of scapy's."""
    header: int | None
    """Bytes of the header; None where the protocol is none that has ports or a type."""
    payload: bytes
    surplus: bytes = b""
    """Bytes of the packet after the datagram's own end (RFC 9868)."""


payloads = st.one_of(
    st.sampled_from(pools.PAYLOADS),
    st.binary(max_size=48),
    st.tuples(st.sampled_from(pools.PAYLOADS), st.binary(max_size=8)).map(b"".join),
)
ports = st.sampled_from(pools.PORTS)
_numbers = st.integers(0, 0xFFFFFFFF)

_options = st.lists(
    st.one_of(
        st.just(("NOP", None)),
        st.sampled_from(pools.SIZES).map(lambda size: ("MSS", size)),
        st.just(("SAckOK", b"")),
        st.integers(0, 14).map(lambda shift: ("WScale", shift)),
        st.tuples(_numbers, _numbers).map(lambda stamps: ("Timestamp", stamps)),
        st.tuples(_numbers, _numbers).map(lambda edges: ("SAck", edges)),
    ),
    max_size=4,
    unique_by=lambda option: option[0],
)
#: Option bytes as a broken or hostile sender writes them, four bytes or a multiple of it.
broken_options = st.one_of(
    st.sampled_from(
        [
            bytes.fromhex(text)
            for text in (
                "02000000",  # a length that cannot be
                "02010505",
                "0203ffff",  # an MSS of three bytes
                "02055555 00000000",
                "0208ffff",  # past the header's end
                "010101020401ffff",  # across the header's end or not
                "01010102",  # the kind alone, at the end
                "0108020405b40101",
                "00020405b4000000",  # behind the end-of-options mark
                "020405b4020405dc",  # twice
                "fd0402ff020405b4",  # behind an experiment's
            )
        ]
    ),
    st.binary(min_size=4, max_size=40).map(lambda data: data[: len(data) // 4 * 4]),
)


@st.composite
def tcp(draw: st.DrawFn) -> Transport:
    """Make a TCP segment with options, whole or broken."""
    header = TCP(
        sport=draw(ports),
        dport=draw(ports),
        seq=draw(_numbers),
        ack=draw(_numbers),
        flags=draw(st.integers(0, 0x1FF)),
        reserved=draw(st.integers(0, 7)),
        window=draw(st.sampled_from(pools.WINDOWS)),
    )
    payload = draw(payloads)
    if draw(st.booleans()):
        header.options = draw(_options)
        return Transport(6, header / Raw(payload), len(bytes(header)), payload)
    options = draw(st.one_of(st.just(b""), broken_options))
    header.dataofs = 5 + len(options) // 4
    return Transport(6, header / Raw(options + payload), 20 + len(options), payload)


@st.composite
def udp(draw: st.DrawFn, *, surplus: bool = True) -> Transport:
    """Make a UDP datagram, some without a checksum, some with bytes after their end."""
    payload = draw(payloads)
    header = UDP(sport=draw(ports), dport=draw(ports))
    if draw(st.integers(0, 4)) == 0:
        header.chksum = 0
    after = draw(st.one_of(st.just(b""), st.binary(max_size=12))) if surplus else b""
    return Transport(17, header / Raw(payload), 8, payload, after)


@st.composite
def udplite(draw: st.DrawFn) -> Transport:
    """Make a UDP-Lite datagram with any coverage."""
    payload = draw(payloads)
    coverage = draw(st.one_of(st.just(0), st.integers(8, 8 + len(payload))))
    header = UDPLite(sport=draw(ports), dport=draw(ports), coverage=coverage)
    return Transport(UDPLITE_PROTO, header / Raw(payload), 8, payload)


@st.composite
def dccp(draw: st.DrawFn) -> Transport:
    """Make a DCCP-Data packet with any coverage that fits its payload."""
    payload = draw(payloads)
    long = draw(st.booleans())
    options = bytes(4 * draw(st.integers(0, 3)))
    size = (16 if long else 12) + len(options)
    header = DCCP(
        sport=draw(ports),
        dport=draw(ports),
        dataofs=size // 4,
        ccval=draw(st.integers(0, 15)),
        cscov=draw(st.integers(0, min(15, len(payload) // 4 + 1))),
        x=int(long),
        seq_high=draw(st.integers(0, 0xFFFFFF)),
        seq_low=draw(_numbers),
        options=options,
    )
    return Transport(DCCP_PROTO, header / Raw(payload), size, payload)


@st.composite
def sctp(draw: st.DrawFn) -> Transport:
    """Make an SCTP packet; its chunks are any bytes."""
    payload = draw(payloads)
    header = SCTP(sport=draw(ports), dport=draw(ports), tag=draw(_numbers))
    return Transport(SCTP_PROTO, header / Raw(payload), 12, payload)


@st.composite
def icmp(draw: st.DrawFn) -> Transport:
    """Make an ICMP message."""
    payload = draw(payloads)
    kind = draw(st.sampled_from((0, 3, 5, 8, 11, 12, 42)))
    header = ICMP(type=kind, code=draw(st.integers(0, 15)))
    size = len(bytes(header))
    # What scapy has no fields for is the rest of the eight bytes.
    return Transport(1, header / Raw(bytes(8 - size) + payload), 8, payload)


@st.composite
def icmpv6(draw: st.DrawFn) -> Transport:
    """Make an ICMPv6 message."""
    payload = draw(payloads)
    header = draw(
        st.one_of(
            st.builds(ICMPv6EchoRequest, id=st.integers(0, 0xFFFF)),
            st.builds(ICMPv6EchoReply, seq=st.integers(0, 0xFFFF)),
            st.builds(ICMPv6DestUnreach, code=st.integers(0, 6)),
            st.builds(ICMPv6PacketTooBig, mtu=st.sampled_from((1280, 1400))),
            st.builds(ICMPv6TimeExceeded, code=st.integers(0, 1)),
            st.builds(ICMPv6Unknown, type=st.integers(200, 255), msgbody=st.just(b"\0\1\2\3")),
        )
    )
    return Transport(58, header / Raw(payload), 8, payload)


#: GRE, ESP, "no next header" (59), OSPF, SCPS, and numbers nobody has.
other = st.builds(
    lambda proto, data: Transport(proto, Raw(data), None, b""),
    st.sampled_from((4, 41, 47, 50, 59, 89, 105, 253, 255)),
    st.binary(max_size=40),
)

_with_ports = (tcp(), udp(), udplite(), dccp(), sctp())
of_ipv4 = st.one_of(*_with_ports, icmp(), other)
of_ipv6 = st.one_of(*_with_ports, icmpv6(), other)
