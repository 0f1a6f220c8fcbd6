# SPDX-License-Identifier: GPL-2.0
"""THE TABLE: every field that a policy can name, defined once.

The decoder's readers, the policy's validator, the JSON Schema, the manual's table and the test
generators are all made from `FIELDS`. A new field is a line here, and a function in `readers`
only if its bytes are not at a fixed place of one header.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from qverdictd.packet import names
from qverdictd.packet.raw import HOOKS


class Header(enum.IntEnum):
    """The headers in which fields have a fixed place."""

    IPV4 = 0
    IPV6 = 1
    TCP = 2
    UDP = 3
    UDPLITE = 4
    SCTP = 5
    DCCP = 6
    ICMP = 7
    ICMPV6 = 8


#: IANA protocol number of each transport header that the decoder knows.
TRANSPORTS: Mapping[int, Header] = {
    6: Header.TCP,
    17: Header.UDP,
    136: Header.UDPLITE,
    132: Header.SCTP,
    33: Header.DCCP,
    1: Header.ICMP,
    58: Header.ICMPV6,
}
PROTO_OF: Mapping[Header, int] = {header: proto for proto, header in TRANSPORTS.items()}


class Layer(enum.Enum):
    """Where a field comes from."""

    NETWORK = "network header"
    TRANSPORT = "transport header"
    PAYLOAD = "payload"
    KERNEL = "the kernel"


class Kind(enum.Enum):
    """A field's type: how its values are written in a policy, and which operators it has."""

    NUMBER = "number, range, comparison, name, `@set`"
    ENUM = "name"
    ADDRESS = "address, CIDR, range, `@set`"
    BOOL = "true or false"
    FLAGS = "flag names, `!` before those that must be clear"
    BYTES = (
        "text, {hex: .., at: ..}, {text: .., at: ..}, {regex: .., within: [from, to]}, {length: ..}"
    )
    INTERFACE = "interface name, `*` at the end for a prefix, `@set`"
    MASKED = "number, range, comparison, `{value: .., mask: ..}`, `@set`"
    MAC = "hardware address, `@set`"


@dataclass(frozen=True, slots=True)
class Place:
    """Bits at a fixed place: ``size`` bytes from ``offset`` of a header, big-endian, then masked.

    Size 0: somewhere from ``offset`` on, found by a reader of its own.
    """

    header: Header
    offset: int
    size: int
    mask: int | None = None
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the policy language.

    ``names`` maps the names that a value may be written with to its number. Where
    ``icmp_spaces`` holds, ICMPv6 numbers lie `ICMPV6_SPACE` higher than ICMP's, so that one name
    can stand for different numbers in the two protocols.
    """

    name: str
    kind: Kind
    layer: Layer
    doc: str
    places: tuple[Place, ...] = ()
    maximum: int = 0
    names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    icmp_spaces: bool = False
    settable: bool = False
    either: tuple[str, ...] = ()
    accounts: str | None = None
    """``passwd`` or ``group``: names are looked up there when a policy loads."""

    @property
    def protocols(self) -> frozenset[int] | None:
        """Protocol numbers of the packets that can have this field; None: any."""
        if self.layer is Layer.PAYLOAD:
            return frozenset(TRANSPORTS)
        if self.layer is not Layer.TRANSPORT:
            return None
        return frozenset(PROTO_OF[place.header] for place in self.places)


#: Added to the numbers of ICMPv6 in fields that share their name with ICMP's.
ICMPV6_SPACE = 0x100

_IP, _IP6, _TCP = Header.IPV4, Header.IPV6, Header.TCP
_WITH_PORTS = (Header.TCP, Header.UDP, Header.UDPLITE, Header.SCTP, Header.DCCP)
_ICMPS = (Header.ICMP, Header.ICMPV6)
_SOURCE_PORTS = tuple(Place(header, 0, 2) for header in _WITH_PORTS)
_DESTINATION_PORTS = tuple(Place(header, 2, 2) for header in _WITH_PORTS)

_PORT_DOC = "of TCP, UDP, UDP-Lite, SCTP, DCCP"

FIELDS: Mapping[str, Field] = {
    entry.name: entry
    for entry in (
        Field(
            "family",
            Kind.ENUM,
            Layer.NETWORK,
            "network header: `ip` (IPv4) or `ip6` (IPv6)",
            names=names.one_each({"ip": 4, "ip6": 6}),
            maximum=6,
        ),
        Field(
            "src",
            Kind.ADDRESS,
            Layer.NETWORK,
            "source address, either family",
            places=(Place(_IP, 12, 4), Place(_IP6, 8, 16)),
            settable=True,
        ),
        Field(
            "dst",
            Kind.ADDRESS,
            Layer.NETWORK,
            "destination address, either family",
            places=(Place(_IP, 16, 4), Place(_IP6, 24, 16)),
            settable=True,
        ),
        Field(
            "proto",
            Kind.NUMBER,
            Layer.NETWORK,
            "transport protocol, past IPv6 extension headers",
            maximum=255,
            names=names.one_each(names.PROTOCOLS),
        ),
        Field(
            "sport",
            Kind.NUMBER,
            Layer.TRANSPORT,
            f"source port {_PORT_DOC}",
            places=_SOURCE_PORTS,
            maximum=65535,
            settable=True,
        ),
        Field(
            "dport",
            Kind.NUMBER,
            Layer.TRANSPORT,
            f"destination port {_PORT_DOC}",
            places=_DESTINATION_PORTS,
            maximum=65535,
            settable=True,
        ),
        Field(
            "port",
            Kind.NUMBER,
            Layer.TRANSPORT,
            "either port",
            places=_SOURCE_PORTS + _DESTINATION_PORTS,
            maximum=65535,
            either=("sport", "dport"),
        ),
        Field(
            "ttl",
            Kind.NUMBER,
            Layer.NETWORK,
            "TTL or hop limit",
            places=(Place(_IP, 8, 1), Place(_IP6, 7, 1)),
            maximum=255,
            settable=True,
        ),
        Field(
            "dscp",
            Kind.NUMBER,
            Layer.NETWORK,
            "traffic class: DiffServ code point",
            places=(Place(_IP, 1, 1, 0xFC, 2), Place(_IP6, 0, 2, 0x0FC0, 6)),
            maximum=63,
            names=names.one_each(names.DSCP),
            settable=True,
        ),
        Field(
            "ecn",
            Kind.NUMBER,
            Layer.NETWORK,
            "traffic class: congestion notification",
            places=(Place(_IP, 1, 1, 0x03), Place(_IP6, 0, 2, 0x0030, 4)),
            maximum=3,
            names=names.one_each(names.ECN),
            settable=True,
        ),
        Field(
            "length",
            Kind.NUMBER,
            Layer.NETWORK,
            "bytes of the whole network packet",
            maximum=0xFFFFFFFF,
        ),
        Field(
            "fragment",
            Kind.BOOL,
            Layer.NETWORK,
            "part of a fragmented datagram",
            maximum=1,
        ),
        Field(
            "tcp.flags",
            Kind.FLAGS,
            Layer.TRANSPORT,
            "listed flags set, those after `!` clear, others ignored",
            places=(Place(_TCP, 12, 2, 0x0FFF),),
            maximum=0x0FFF,
            names=names.one_each(names.TCP_FLAGS),
        ),
        Field(
            "tcp.window",
            Kind.NUMBER,
            Layer.TRANSPORT,
            "window, unscaled",
            places=(Place(_TCP, 14, 2),),
            maximum=65535,
            settable=True,
        ),
        Field(
            "tcp.mss",
            Kind.NUMBER,
            Layer.TRANSPORT,
            "maximum segment size option; absent where the segment has none",
            places=(Place(_TCP, 20, 0),),
            maximum=65535,
        ),
        Field(
            "icmp.type",
            Kind.NUMBER,
            Layer.TRANSPORT,
            "type, ICMP or ICMPv6; a name means the right number of each",
            places=tuple(Place(header, 0, 1) for header in _ICMPS),
            maximum=255,
            names=names.two_spaces(names.ICMP_TYPES, names.ICMPV6_TYPES, ICMPV6_SPACE),
            icmp_spaces=True,
        ),
        Field(
            "icmp.code",
            Kind.NUMBER,
            Layer.TRANSPORT,
            "code, ICMP or ICMPv6; a name means the right number of each",
            places=tuple(Place(header, 1, 1) for header in _ICMPS),
            maximum=255,
            names=names.two_spaces(names.ICMP_CODES, names.ICMPV6_CODES, ICMPV6_SPACE),
            icmp_spaces=True,
        ),
        Field(
            "payload",
            Kind.BYTES,
            Layer.PAYLOAD,
            "the bytes after the transport header",
            maximum=0xFFFFFFFF,
        ),
        Field("in", Kind.INTERFACE, Layer.KERNEL, "interface that the packet came in by"),
        Field("out", Kind.INTERFACE, Layer.KERNEL, "interface that the packet goes out by"),
        Field(
            "hook",
            Kind.ENUM,
            Layer.KERNEL,
            "netfilter hook at which the packet was queued",
            names=names.one_each({name: number for number, name in enumerate(HOOKS)}),
            maximum=len(HOOKS) - 1,
        ),
        Field(
            "mark",
            Kind.MASKED,
            Layer.KERNEL,
            "the packet's mark; 0 where none was set",
            maximum=0xFFFFFFFF,
        ),
        Field(
            "mac.src",
            Kind.MAC,
            Layer.KERNEL,
            "the sender's hardware address, where the kernel has one",
        ),
        Field(
            "uid",
            Kind.NUMBER,
            Layer.KERNEL,
            "owner of the local socket, where the kernel gives it; a number or a user's name",
            maximum=0xFFFFFFFF,
            accounts="passwd",
        ),
        Field(
            "gid",
            Kind.NUMBER,
            Layer.KERNEL,
            "group of the local socket, where the kernel gives it; a number or a group's name",
            maximum=0xFFFFFFFF,
            accounts="group",
        ),
    )
}
