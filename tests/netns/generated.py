# SPDX-License-Identifier: GPL-2.0
"""Generated packets that a gateway forwards: its IP layer finds no fault with any of them.

Above that layer anything goes: headers cut short, wrong lengths and checksums, fragments.
"""

import socket
import struct

from hypothesis import strategies as st

from qverdictd.packet.checksum import checksum, pseudo_header
from tests.netns.lab import CLIENT, SERVER, Family

TCP, UDP, ICMP, ICMPV6, DCCP, SCTP, UDPLITE = 6, 17, 1, 58, 33, 132, 136
HOP_BY_HOP, FRAGMENT, DESTINATION_OPTIONS = 0, 44, 60

SOURCES: dict[Family, tuple[str, ...]] = {
    4: (CLIENT[4], "203.0.113.9", "10.1.2.3"),
    6: (CLIENT[6], "2001:db8:77::9", "fd00::1"),
}

payloads = st.one_of(
    st.sampled_from([b"hello world", b"hallo" * 3]),
    st.sampled_from([b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]),
    st.binary(max_size=64),
    st.integers(100, 300).map(lambda size: b"long" * (size // 4)),
)
ports = st.one_of(st.sampled_from([7, 23, 53, 80, 1500, 9999]), st.integers(0, 65535))
#: A no-operation each, four to the word, as both IPv4 and TCP have it.
words_of_nops = st.integers(0, 3).map(lambda words: b"\1" * 4 * words)


def packed(address: str) -> bytes:
    """Return an address as its bytes."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


@st.composite
def segments(draw: st.DrawFn, family: Family) -> tuple[int, bytes]:
    """Return a protocol and what an IP packet of it carries."""
    icmp = ICMP if family == 4 else ICMPV6
    proto = draw(st.sampled_from([TCP, TCP, UDP, UDP, icmp, DCCP, SCTP, UDPLITE, 47, 253]))
    payload = draw(payloads)
    both = struct.pack("!HH", draw(ports), draw(ports))
    match proto:
        case 6:
            options = draw(st.one_of(words_of_nops, st.just(b"\2\4\5\xb4")))
            offset = draw(st.sampled_from([5 + len(options) // 4] * 7 + [4, 15]))
            flags, window = draw(st.integers(0, 255)), draw(st.integers(0, 65535))
            head = both + struct.pack("!IIBBHHH", 1, 2, offset << 4, flags, window, 0, 0) + options
        case 17:
            length = 8 + len(payload) + draw(st.sampled_from([0] * 8 + [-1, 1]))
            head = both + struct.pack("!HH", length, 0)
        case 1 | 58:
            kinds = [0, 3, 8, 11] if proto == ICMP else [1, 2, 3, 128, 129]
            kind = draw(st.sampled_from(kinds))
            head = struct.pack("!BBHHH", kind, draw(st.integers(0, 3)), 0, 1, 1)
        case 33:
            head = both + struct.pack("!BBHII", 4, 0, 0, 1 << 24, 1)
        case 132:
            head = both + bytes(8)
        case 136:
            head = both + struct.pack("!HH", 8, 0)
        case _:
            head = b""
    return proto, head + payload


def summed(proto: int, segment: bytes, source: bytes, target: bytes) -> bytes:
    """Return the segment with the right checksum, where its protocol has one and room for it."""
    at = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}.get(proto)
    if at is None or len(segment) < at + 2:
        return segment
    pseudo = b"" if proto == ICMP else pseudo_header(source, target, proto, len(segment))
    return segment[:at] + checksum(pseudo, segment).to_bytes(2, "big") + segment[at + 2 :]


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Return a packet with the TTL that it has when the gateway has taken one off."""
    family: Family = draw(st.sampled_from([4, 6]))
    proto, segment = draw(segments(family))
    source = packed(draw(st.sampled_from(SOURCES[family])))
    target = packed(SERVER[family])
    if draw(st.sampled_from([True] * 7 + [False])):
        segment = summed(proto, segment, source, target)
    if draw(st.sampled_from([False] * 7 + [True])):
        segment = segment[: draw(st.integers(0, 24))]
    traffic_class, ttl = draw(st.integers(0, 255)), draw(st.integers(1, 254))
    offset, more = 0, False
    if draw(st.sampled_from([False] * 7 + [True])):
        offset, more = draw(st.sampled_from([(0, True), (3, True), (3, False)]))
    if family == 4:
        options = draw(words_of_nops)
        head = struct.pack(
            "!BBHHHBBH",
            *(0x45 + len(options) // 4, traffic_class, 20 + len(options) + len(segment)),
            *(draw(st.integers(0, 65535)), more << 13 | offset, ttl, proto, 0),
        )
        head += source + target + options
        return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + segment
    if offset or more:
        segment = struct.pack("!BBHI", proto, 0, offset << 3 | more, 9) + segment
        proto = FRAGMENT
    for extension in draw(st.sampled_from([(), (), (), (60,), (0,), (60, 0)])):
        segment = bytes((proto, 0, 1, 4, 0, 0, 0, 0)) + segment  # PadN
        proto = extension
    head = struct.pack("!IHBB", 6 << 28 | traffic_class << 20, len(segment), proto, ttl)
    return head + source + target + segment


def on_the_wire(packet: bytes) -> bytes:
    """Return a packet as it is before the gateway takes one off its TTL."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes((packet[7] + 1,)) + packet[8:]
    size = (packet[0] & 15) * 4
    head = packet[:8] + bytes((packet[8] + 1, packet[9], 0, 0)) + packet[12:size]
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + packet[size:]
