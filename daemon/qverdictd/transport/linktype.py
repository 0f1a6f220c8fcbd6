# SPDX-License-Identifier: GPL-2.0
"""Link types of captures: where in a frame its network packet begins, and of which family it is.

Numbers and layouts are those of the registry at https://www.tcpdump.org/linktypes.html. A frame
whose link header says that it is not IP, or is itself cut, holds no packet to judge.
"""

from collections.abc import Callable
from typing import NamedTuple

from qverdictd.packet.raw import AF_INET, AF_INET6

RAW_IP = 101
"""LINKTYPE_RAW: no link header, the version nibble tells the family."""

#: EtherTypes of the two network layers that we judge.
_FAMILIES = {0x0800: AF_INET, 0x86DD: AF_INET6}
#: EtherTypes of a tag of 4 bytes before the real one: 802.1Q, 802.1ad, and QinQ before that.
_TAGS = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
#: ARPHRD_FRAD, ARPHRD_IEEE80211_RADIOTAP, ARPHRD_NETLINK: cooked frames whose protocol field is
#: no EtherType.
_NOT_ETHERTYPED = frozenset({770, 803, 824})
#: AF_INET6 of Linux; NetBSD and OpenBSD; FreeBSD; Darwin. AF_INET is 2 on all of them.
_BSD_FAMILIES = {2: AF_INET, 10: AF_INET6, 24: AF_INET6, 28: AF_INET6, 30: AF_INET6}


class Network(NamedTuple):
    """The network packet inside a frame."""

    offset: int
    """Bytes of link header before it."""
    family: int
    """``AF_INET``, ``AF_INET6``, or 0: claimed to be IP, but of no version that exists."""
    mac: bytes | None = None
    """The sender's hardware address, where the link header holds one of 6 bytes."""


class LinkType(NamedTuple):
    """One way to frame packets."""

    name: str
    locate: Callable[[bytes], Network | None]
    """Find the network packet in a frame; None if the frame holds no IP packet."""


def _uint16(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 2], "big")


def _past_ethertype(frame: bytes, offset: int, mac: bytes | None) -> Network | None:
    """Follow the EtherType at ``offset``, past any tags."""
    while len(frame) >= offset + 2:
        ethertype = _uint16(frame, offset)
        if ethertype not in _TAGS:
            family = _FAMILIES.get(ethertype)
            return None if family is None else Network(offset + 2, family, mac)
        offset += 4
    return None


def _ethernet(frame: bytes) -> Network | None:
    return _past_ethertype(frame, 12, frame[6:12])


def _cooked(frame: bytes) -> Network | None:
    """LINKTYPE_LINUX_SLL: packet type, ARPHRD, address length, address, protocol."""
    if len(frame) < 16 or _uint16(frame, 2) in _NOT_ETHERTYPED:
        return None
    return _past_ethertype(frame, 14, frame[6:12] if _uint16(frame, 4) == 6 else None)


def _cooked2(frame: bytes) -> Network | None:
    """LINKTYPE_LINUX_SLL2: protocol, ifindex, ARPHRD, packet type, address length, address."""
    if len(frame) < 20 or _uint16(frame, 8) in _NOT_ETHERTYPED:
        return None
    mac = frame[12:18] if frame[11] == 6 else None
    if _uint16(frame, 0) in _TAGS:  # the tag's control word and the real type follow the header
        return _past_ethertype(frame, 22, mac)
    family = _FAMILIES.get(_uint16(frame, 0))
    return None if family is None else Network(20, family, mac)


def _loopback(frame: bytes) -> Network | None:
    """LINKTYPE_NULL: the family in the byte order of the machine that captured."""
    if len(frame) < 4:
        return None
    family = _BSD_FAMILIES.get(int.from_bytes(frame[:4], "little"))
    if family is None:
        family = _BSD_FAMILIES.get(int.from_bytes(frame[:4], "big"))
    return None if family is None else Network(4, family)


def _openbsd_loopback(frame: bytes) -> Network | None:
    """LINKTYPE_LOOP: the family in network byte order."""
    if len(frame) < 4:
        return None
    family = _BSD_FAMILIES.get(int.from_bytes(frame[:4], "big"))
    return None if family is None else Network(4, family)


def _raw_ip(frame: bytes) -> Network:
    version = frame[0] >> 4 if frame else 0
    return Network(0, {4: AF_INET, 6: AF_INET6}.get(version, 0))


LINK_TYPES: dict[int, LinkType] = {
    0: LinkType("BSD loopback", _loopback),
    1: LinkType("Ethernet", _ethernet),
    12: LinkType("raw IP", _raw_ip),  # DLT_RAW of most systems, written by mistake
    14: LinkType("raw IP", _raw_ip),  # DLT_RAW of OpenBSD, likewise
    RAW_IP: LinkType("raw IP", _raw_ip),
    108: LinkType("OpenBSD loopback", _openbsd_loopback),
    113: LinkType("Linux cooked", _cooked),
    228: LinkType("raw IPv4", lambda frame: Network(0, AF_INET)),
    229: LinkType("raw IPv6", lambda frame: Network(0, AF_INET6)),
    276: LinkType("Linux cooked v2", _cooked2),
}


def known() -> str:
    """Return the link types that can be read, for an error message."""
    return ", ".join(f"{number} ({link.name})" for number, link in sorted(LINK_TYPES.items()))
