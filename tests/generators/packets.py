# SPDX-License-Identifier: GPL-2.0
"""Whole packets, and what is true of each by the way it was made.

Scapy makes every byte and every checksum: the transport's over a plain IP header that holds the
pseudo header's addresses, so that routing headers, source routes and home addresses are right
whether scapy follows them or not. Nothing here uses our own encoder.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet import (
    IP,
    IPOption_EOL,
    IPOption_LSRR,
    IPOption_NOP,
    IPOption_Router_Alert,
    IPOption_RR,
    IPOption_Security,
    IPOption_SSRR,
)
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from qverdictd.packet.raw import AF_INET, AF_INET6, HOOKS, RawPacket

from . import extensions, pools, transports
from .transports import Transport


@dataclass(frozen=True, slots=True)
class Made:
    """A packet and the truth about it."""

    data: bytes
    family: int
    proto: int
    transport_at: int | None
    """None: no transport header in this packet, or none that has ports or a type."""
    header: int
    """Bytes of the transport header."""
    end: int
    """Where the transport's own datagram ends; what follows is surplus."""
    fragment: bool
    pseudo_source: bytes | None
    pseudo_destination: bytes | None
    """Addresses of the pseudo header that are not the network header's own."""
    pseudo_known: bool
    """Whether a router can know them; not past a routing header of a type nobody defined."""

    @property
    def payload(self) -> bytes:
        """The bytes after the transport header."""
        assert self.transport_at is not None
        return self.data[self.transport_at + self.header : self.end]

    def raw(self, **known: Any) -> RawPacket:
        """Return the packet as a transport hands it in."""
        return RawPacket(1, self.data, len(self.data), self.family, **known)


@dataclass(frozen=True, slots=True)
class Network:
    """A network header with all its options or extension headers, still without a payload."""

    family: int
    wrap: Callable[[int, bytes, int | None, bool], bytes]
    """From protocol, bytes, fragment offset (None: not a fragment), more: to the packet."""
    source: str
    destination: str
    pseudo_source: str | None = None
    pseudo_destination: str | None = None
    """Addresses of the pseudo header that are not the network header's own."""
    pseudo_known: bool = True
    tail: Callable[[int], tuple[int, bytes]] = lambda proto: (proto, b"")
    """From protocol to the first header and the bytes of those after a fragment header."""


_v4 = st.sampled_from(pools.V4)
_v6 = st.sampled_from(pools.V6)


@st.composite
def _source_route(draw: st.DrawFn) -> tuple[Any, str | None]:
    """Make a source route and tell where it ends, if it still leads there."""
    routers = draw(st.lists(_v4, min_size=1, max_size=3))
    kind = draw(st.sampled_from((IPOption_LSRR, IPOption_SSRR)))
    done = draw(st.integers(0, len(routers)))
    option = kind(routers=routers, pointer=4 + 4 * done)
    return option, routers[-1] if done < len(routers) else None


@st.composite
def ipv4(draw: st.DrawFn) -> Network:
    """Make an IPv4 header, some with options."""
    source, destination = draw(_v4), draw(_v4)
    options: list[Any] = []
    final = None
    if draw(st.integers(0, 2)) == 0:
        options = draw(
            st.lists(
                st.one_of(
                    st.builds(IPOption_NOP),
                    st.builds(IPOption_Router_Alert),
                    st.builds(IPOption_Security),
                    st.builds(IPOption_RR, routers=st.lists(_v4, min_size=1, max_size=2)),
                ),
                max_size=2,
            )
        )
        if draw(st.booleans()):
            route, final = draw(_source_route())
            options.append(route)
        if draw(st.booleans()):
            options.append(IPOption_EOL())
    tos, ttl = draw(st.integers(0, 255)), draw(st.sampled_from(pools.TTLS))
    ident, dont = draw(st.integers(0, 0xFFFF)), draw(st.integers(0, 1))

    def wrap(proto: int, data: bytes, offset: int | None, more: bool) -> bytes:
        flags = dont << 1 if offset is None else int(more)
        header = IP(
            src=source,
            dst=destination,
            tos=tos,
            ttl=ttl,
            id=ident,
            options=options,
            proto=proto,
            flags=flags,
            frag=offset or 0,
        )
        return bytes(header / Raw(data))

    return Network(AF_INET, wrap, source, destination, None, final)


@st.composite
def ipv6(draw: st.DrawFn) -> Network:
    """Make an IPv6 header with a chain of extension headers in any order."""
    source, destination = draw(_v6), draw(_v6)
    chain = draw(extensions.chains())
    base = IPv6(
        src=source,
        dst=destination,
        tc=draw(st.integers(0, 255)),
        fl=draw(st.integers(0, 0xFFFFF)),
        hlim=draw(st.sampled_from(pools.TTLS)),
    )
    ident = draw(st.integers(0, 0xFFFFFFFF))
    atomic = draw(st.integers(0, 5)) == 0

    def wrap(proto: int, data: bytes, offset: int | None, more: bool) -> bytes:
        before = list(chain.before)
        if offset is not None:
            before.append(extensions.fragment(offset, more, ident))
        elif atomic:
            before.append(extensions.fragment(0, False, ident))
        return extensions.stacked(base, before, proto, data)

    return Network(
        AF_INET6,
        wrap,
        source,
        destination,
        chain.source,
        chain.destination,
        chain.pseudo_known,
        lambda proto: extensions.joined(chain.after, proto),
    )


def _segment(network: Network, transport: Transport) -> bytes:
    """Return header and payload, the checksum over the pseudo header's addresses."""
    layer = IP if network.family == AF_INET else IPv6
    plain = layer(
        src=network.pseudo_source or network.source,
        dst=network.pseudo_destination or network.destination,
    )
    if layer is IP:
        plain.proto = transport.proto
    else:
        plain.nh = transport.proto
    return bytes(plain / transport.layer)[len(bytes(plain)) :]


def _made(
    network: Network, transport: Transport, data: bytes, skip: int, *, fragment: bool
) -> Made:
    """Note the truth; ``skip`` bytes of extension headers follow those of the network header."""
    headed = transport.header is not None
    family = socket.AF_INET if network.family == AF_INET else socket.AF_INET6
    end = len(data) - len(transport.surplus)
    at = skip if headed else None
    return Made(
        data,
        network.family,
        transport.proto,
        at,
        transport.header or 0,
        end,
        fragment,
        _packed(family, network.pseudo_source),
        _packed(family, network.pseudo_destination),
        network.pseudo_known,
    )


def _packed(family: int, address: str | None) -> bytes | None:
    return None if address is None else socket.inet_pton(family, address)


def whole(network: Network, transport: Transport) -> Made:
    """Put a transport into a network packet."""
    segment = _segment(network, transport) + transport.surplus
    first, tail = network.tail(transport.proto)
    data = network.wrap(first, tail + segment, None, False)
    return _made(network, transport, data, len(data) - len(segment), fragment=False)


@st.composite
def wholes(draw: st.DrawFn, transport: st.SearchStrategy[Transport] | None = None) -> Made:
    """Make a packet that is not a fragment."""
    if draw(st.booleans()):
        return whole(draw(ipv4()), draw(transports.of_ipv4 if transport is None else transport))
    return whole(draw(ipv6()), draw(transports.of_ipv6 if transport is None else transport))


@dataclass(frozen=True, slots=True)
class Fragments:
    """A datagram in two fragments."""

    first: Made
    later: Made
    rest: bytes
    """What the later one holds of the datagram."""


@st.composite
def fragmented(draw: st.DrawFn, transport: st.SearchStrategy[Transport] | None = None) -> Fragments:
    """Make a datagram and cut it in two, where the first part holds the transport header."""
    four = draw(st.booleans())
    network = draw(ipv4() if four else ipv6())
    if transport is None:
        transport = transports.of_ipv4 if four else transports.of_ipv6
    short = draw(transport)
    longer = short.layer / Raw(draw(st.binary(min_size=9, max_size=24)))
    long = Transport(short.proto, longer, short.header, b"")
    nh, tail = network.tail(long.proto)
    body = tail + _segment(network, long)
    least = len(tail) + (long.header or 0)
    cut = draw(st.integers(max(1, (least + 7) // 8), (len(body) - 1) // 8))
    head = network.wrap(nh, body[: cut * 8], 0, True)
    rest = network.wrap(nh, body[cut * 8 :], cut, False)
    at = len(head) - (cut * 8 - len(tail))
    first = _made(network, long, head, at, fragment=True)
    later = _made(network, Transport(long.proto, None, None, b""), rest, 0, fragment=True)
    return Fragments(first, later, body[cut * 8 :])


fragments = fragmented().flatmap(lambda cut: st.sampled_from((cut.first, cut.later)))
#: Any well-formed packet.
packets = st.one_of(wholes(), wholes(), fragments)

#: What the kernel may say of a packet.
known_to_kernel = st.fixed_dictionaries(
    {},
    optional={
        "hook": st.integers(0, len(HOOKS) - 1),
        "indev": st.sampled_from(pools.INTERFACES),
        "outdev": st.sampled_from(pools.INTERFACES),
        "mark": st.sampled_from(pools.MARKS),
        "mac": st.sampled_from(pools.MACS).map(lambda mac: bytes.fromhex(mac.replace(":", ""))),
        "uid": st.sampled_from(pools.IDS),
        "gid": st.sampled_from(pools.IDS),
    },
)
raw_packets = st.builds(lambda made, known: made.raw(**known), packets, known_to_kernel)
