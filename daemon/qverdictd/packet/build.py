# SPDX-License-Identifier: GPL-2.0
"""Makes a whole packet from the values of its fields: for a policy's inline tests."""

from collections.abc import Mapping

from qverdictd.packet.checksum import checksum, crc32c, pseudo_header
from qverdictd.packet.fields import FIELDS, ICMPV6_SPACE, PROTO_OF, TRANSPORTS, Header, Layer
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket

#: Fields a packet has if nothing else is said of them. Addresses are of RFC 5737 and RFC 3849.
_SOURCE = {4: bytes((192, 0, 2, 1)), 6: bytes.fromhex("20010db8" + "00" * 11 + "01")}
_DESTINATION = {4: bytes((198, 51, 100, 1)), 6: bytes.fromhex("20010db8" + "00" * 11 + "02")}
_SPORT, _DPORT = 49152, 7
_SYN, _PSH_ACK = 0x002, 0x018


class BuildError(ValueError):
    """The description contradicts itself; the text says where."""


Values = Mapping[str, int | bytes | str]


def build(values: Values, payload: bytes) -> RawPacket:
    """Return a packet that has these values, checksums right; the rest is filled in.

    Raises `BuildError` where values contradict each other.
    """
    family = _family(values)
    proto = _proto(values, family)
    header = TRANSPORTS.get(proto)
    for name in values:
        field = FIELDS[name]
        if field.layer is Layer.TRANSPORT and proto not in (field.protocols or ()):
            raise BuildError(f"a packet of protocol {proto} has no {name}")
    source = values.get("src", _SOURCE[family])
    destination = values.get("dst", _DESTINATION[family])
    assert isinstance(source, bytes)
    assert isinstance(destination, bytes)
    segment = payload
    if header is not None:
        segment = _segment(header, values, payload)
        segment = _summed(header, segment, source, destination)
    network = _ipv4 if family == 4 else _ipv6
    data = network(values, proto, source, destination, segment)
    if len(data) > 0xFFFF:
        raise BuildError("the packet would be longer than 65535 bytes")
    return _known_to_kernel(values, data, family)


def known_to_kernel_only(values: Values, data: bytes) -> RawPacket:
    """Return a packet of given bytes, with what the kernel says of it taken from values."""
    family = 6 if data[:1] and data[0] >> 4 == 6 else 4
    return _known_to_kernel(values, data, family)


def _known_to_kernel(values: Values, data: bytes, family: int) -> RawPacket:
    raw = RawPacket(1, data, len(data), AF_INET if family == 4 else AF_INET6)
    for name, attribute in (
        ("in", "indev"),
        ("out", "outdev"),
        ("hook", "hook"),
        ("mark", "mark"),
        ("mac.src", "mac"),
        ("uid", "uid"),
        ("gid", "gid"),
    ):
        if name in values:
            setattr(raw, attribute, values[name])
    return raw


def _family(values: Values) -> int:
    claims = {}
    for name in ("family", "src", "dst"):
        value = values.get(name)
        if isinstance(value, bytes):
            claims[name] = 4 if len(value) == 4 else 6
        elif isinstance(value, int):
            claims[name] = value
    families = set(claims.values())
    if len(families) > 1:
        raise BuildError(f"{' and '.join(claims)} are of different families")
    return families.pop() if families else 4


def _proto(values: Values, family: int) -> int:
    """Return the protocol: as given, else the one that the other fields speak of."""
    if isinstance(proto := values.get("proto"), int):
        return proto
    for name in values:
        if name.startswith("tcp."):
            return PROTO_OF[Header.TCP]
        if name.startswith("icmp."):
            return PROTO_OF[Header.ICMP if family == 4 else Header.ICMPV6]
        if name in ("sport", "dport"):
            raise BuildError(f"{name} needs a proto, such as tcp or udp")
    return PROTO_OF[Header.TCP]


def _number(values: Values, name: str, default: int) -> int:
    value = values.get(name, default)
    assert isinstance(value, int)
    return value


def _segment(header: Header, values: Values, payload: bytes) -> bytes:
    """Return transport header and payload, the checksum still zero."""
    ports = _number(values, "sport", _SPORT).to_bytes(2, "big")
    ports += _number(values, "dport", _DPORT).to_bytes(2, "big")
    match header:
        case Header.TCP:
            options = b""
            if "tcp.mss" in values:
                options = b"\x02\x04" + _number(values, "tcp.mss", 0).to_bytes(2, "big")
            flags = _number(values, "tcp.flags", _PSH_ACK if payload else _SYN)
            words = (20 + len(options)) // 4 << 12 | flags
            window = _number(values, "tcp.window", 0xFFFF)
            return (
                ports
                + bytes(8)
                + words.to_bytes(2, "big")
                + window.to_bytes(2, "big")
                + bytes(4)
                + options
                + payload
            )
        case Header.UDP:
            return ports + (8 + len(payload)).to_bytes(2, "big") + bytes(2) + payload
        case Header.UDPLITE:
            return ports + bytes(4) + payload
        case Header.SCTP:
            return ports + bytes(8) + payload
        case Header.DCCP:
            return ports + bytes((3, 0)) + bytes(6) + payload
        case _:
            default = 8 if header is Header.ICMP else 128 + ICMPV6_SPACE
            kind = _number(values, "icmp.type", default) & 0xFF
            return bytes((kind, _number(values, "icmp.code", 0) & 0xFF)) + bytes(6) + payload


def _summed(header: Header, segment: bytes, source: bytes, destination: bytes) -> bytes:
    """Put the checksum in."""
    if header is Header.SCTP:
        return segment[:8] + crc32c(segment).to_bytes(4, "little") + segment[12:]
    at = 16 if header is Header.TCP else 2 if header in (Header.ICMP, Header.ICMPV6) else 6
    pseudo = pseudo_header(source, destination, PROTO_OF[header], len(segment))
    total = checksum(segment) if header is Header.ICMP else checksum(pseudo, segment)
    if total == 0 and header in (Header.UDP, Header.UDPLITE):
        total = 0xFFFF
    return segment[:at] + total.to_bytes(2, "big") + segment[at + 2 :]


def _ipv4(values: Values, proto: int, source: bytes, destination: bytes, segment: bytes) -> bytes:
    traffic_class = _number(values, "dscp", 0) << 2 | _number(values, "ecn", 0)
    more_fragments = 0x2000 if values.get("fragment") else 0
    head = (
        bytes((0x45, traffic_class))
        + min(20 + len(segment), 0xFFFF).to_bytes(2, "big")
        + bytes(2)
        + more_fragments.to_bytes(2, "big")
        + bytes((_number(values, "ttl", 64), proto))
    )
    total = checksum(head, source, destination)
    return head + total.to_bytes(2, "big") + source + destination + segment


def _ipv6(values: Values, proto: int, source: bytes, destination: bytes, segment: bytes) -> bytes:
    traffic_class = _number(values, "dscp", 0) << 2 | _number(values, "ecn", 0)
    following = proto
    if values.get("fragment"):
        segment = bytes((proto, 0, 0, 1)) + bytes(4) + segment
        following = 44
    return (
        (6 << 28 | traffic_class << 20).to_bytes(4, "big")
        + min(len(segment), 0xFFFF).to_bytes(2, "big")
        + bytes((following, _number(values, "ttl", 64)))
        + source
        + destination
        + segment
    )
