# SPDX-License-Identifier: GPL-2.0
"""Chains of IPv6 extension headers, and what they make of the pseudo header."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from scapy.layers.inet6 import (
    HAO,
    HBHOptUnknown,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    IPv6ExtHdrSegmentRouting,
    PadN,
    RouterAlert,
)
from scapy.layers.ipsec import AH
from scapy.packet import Raw

from . import pools
from .layers import EXTENSIONS


@dataclass(frozen=True, slots=True)
class Header:
    """One extension header; the addresses that it puts into the pseudo header."""

    layer: Any
    source: str | None = None
    destination: str | None = None
    pseudo_known: bool = True


@dataclass(frozen=True, slots=True)
class Chain:
    """Headers before and after the place of a fragment header."""

    before: tuple[Any, ...]
    after: tuple[Any, ...]
    source: str | None
    destination: str | None
    pseudo_known: bool


_address = st.sampled_from(pools.V6)
_addresses = st.lists(_address, min_size=1, max_size=3)
_option = st.one_of(
    st.builds(RouterAlert),
    # Bytes that look like a home address option, inside padding and an unknown option.
    st.builds(PadN, optdata=st.sampled_from((b"", b"\0\0", b"\xc9\x10", b"\xc9" * 20))),
    st.builds(HBHOptUnknown, otype=st.just(0x1E), optdata=st.binary(max_size=20)),
)
_options = st.lists(_option, max_size=2)


@st.composite
def _routing(draw: st.DrawFn) -> Header:
    """Make a routing header of type 0 or 2, or a segment routing header (4)."""
    kind = draw(st.sampled_from((0, 2, 4)))
    addresses = draw(_addresses)
    if kind == 2:
        addresses = addresses[:1]
    left = draw(st.integers(0, len(addresses)))
    if kind == 4:
        left = min(left, len(addresses) - 1)
        layer = IPv6ExtHdrSegmentRouting(addresses=addresses, segleft=left)
        return Header(layer, destination=addresses[0] if left else None)
    layer = IPv6ExtHdrRouting(type=kind, addresses=addresses, segleft=left)
    return Header(layer, destination=addresses[-1] if left else None)


@st.composite
def _routing_unknown(draw: st.DrawFn) -> Header:
    """Make a routing header of an experiment's type that still has somewhere to go."""
    layer = IPv6ExtHdrRouting(type=253, segleft=1, addresses=draw(_addresses))
    return Header(layer, destination=draw(_address), pseudo_known=False)


_home = st.builds(
    lambda options, home: Header(IPv6ExtHdrDestOpt(options=[*options, HAO(hoa=home)]), source=home),
    _options,
    _address,
)
_plain = st.one_of(
    st.builds(lambda options: Header(IPv6ExtHdrHopByHop(options=options)), _options),
    st.builds(lambda options: Header(IPv6ExtHdrDestOpt(options=options)), _options),
    st.sampled_from((4, 12, 20)).map(
        lambda size: Header(AH(payloadlen=size // 4 + 1, reserved=0, icv=bytes(size)))
    ),
)


@st.composite
def chains(draw: st.DrawFn) -> Chain:
    """Make up to four headers in any order: at most one of them routes, one has a home address."""
    headers = draw(st.lists(_plain, max_size=2))
    if draw(st.integers(0, 2)) == 0:
        headers.append(draw(_home))
    if draw(st.integers(0, 2)) == 0:
        headers.append(draw(st.one_of(_routing(), _routing(), _routing_unknown())))
    headers = draw(st.permutations(headers))
    # Scapy takes any routing header after AH for one of type 0.
    headers.sort(key=lambda header: isinstance(header.layer, AH))
    place = draw(st.integers(0, len(headers)))
    return Chain(
        tuple(header.layer for header in headers[:place]),
        tuple(header.layer for header in headers[place:]),
        next((header.source for header in headers if header.source), None),
        next((header.destination for header in headers if header.destination), None),
        all(header.pseudo_known for header in headers),
    )


def fragment(offset: int, more: bool, ident: int) -> Any:
    """Make a fragment header; the offset is in units of eight bytes."""
    return IPv6ExtHdrFragment(offset=offset, m=int(more), id=ident)


def _linked(layers: list[Any], proto: int) -> list[Any]:
    """Return copies of the headers, each naming the next; the last names the protocol."""
    copies = [layer.copy() for layer in layers]
    following = [EXTENSIONS[type(layer)] for layer in layers[1:]] + [proto]
    for copy, number in zip(copies, following, strict=True):
        copy.nh = number
    return copies


def joined(layers: tuple[Any, ...], proto: int) -> tuple[int, bytes]:
    """Return the first header's number and the bytes of all."""
    if not layers:
        return proto, b""
    data = b"".join(bytes(layer) for layer in _linked(list(layers), proto))
    return EXTENSIONS[type(layers[0])], data


def stacked(base: Any, layers: list[Any], proto: int, data: bytes) -> bytes:
    """Return an IPv6 packet of these headers and data."""
    first, headers = joined(tuple(layers), proto)
    packet = base.copy()
    packet.nh = first
    return bytes(packet / Raw(headers + data))
