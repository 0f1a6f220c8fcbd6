# SPDX-License-Identifier: GPL-2.0
"""A reader for each field of the table: from the decoded packet to the field's value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qverdictd.packet.fields import FIELDS, ICMPV6_SPACE, Field, Header, Kind, Layer
from qverdictd.packet.value import Missing, Payload, Value

if TYPE_CHECKING:
    from qverdictd.packet.view import Packet

Reader = Callable[["Packet"], Value]


def _placed(field: Field) -> Reader:
    """Make the reader of a field whose bits are at a fixed place of its headers."""
    places = {place.header: place for place in field.places}
    of_network = field.layer is Layer.NETWORK
    as_bytes = field.kind is Kind.ADDRESS

    def read(packet: Packet) -> Value:
        header = packet.network if of_network else packet.transport
        if header is None:
            return packet.transport_missing
        place = places.get(header)
        if place is None:
            return Missing.ABSENT
        at = place.offset if of_network else packet.transport_at + place.offset
        found = packet.data[at : at + place.size]
        if len(found) < place.size:
            return Missing.CUT
        if as_bytes:
            return found
        number = int.from_bytes(found, "big")
        if place.mask is not None:
            number = (number & place.mask) >> place.shift
        if field.icmp_spaces and header is Header.ICMPV6:
            number += ICMPV6_SPACE
        return number

    return read


def _family(packet: Packet) -> Value:
    return 4 if packet.network is Header.IPV4 else 6


def _proto(packet: Packet) -> Value:
    return packet.proto


def _fragment(packet: Packet) -> Value:
    return packet.fragment


def _length(packet: Packet) -> Value:
    return Missing.CUT if packet.end is None else packet.end


def _mss(packet: Packet) -> Value:
    """Find the option of kind 2, length 4 (RFC 9293, section 3.2).

    Options behind one with an impossible length are not there for us, as for the kernel.
    """
    if packet.transport is not Header.TCP:
        return packet.transport_missing if packet.transport is None else Missing.ABSENT
    if packet.payload_at is None:
        return Missing.UNKNOWN
    at, end, data = packet.transport_at + 20, packet.payload_at, packet.data
    while at + 4 <= end:
        if at >= len(data):
            return Missing.UNKNOWN
        kind = data[at]
        if kind == 0:
            break
        if kind == 1:
            at += 1
            continue
        if at + 1 >= len(data):
            return Missing.UNKNOWN
        size = data[at + 1]
        if size < 2 or at + size > end:
            break
        if kind == 2 and size == 4:
            found = data[at + 2 : at + 4]
            return int.from_bytes(found, "big") if len(found) == 2 else Missing.CUT
        at += size
    return Missing.ABSENT


def _payload(packet: Packet) -> Value:
    if packet.transport is None:
        return packet.transport_missing
    if packet.payload_at is None:
        return Missing.CUT
    end = packet.payload_end
    return Payload(packet.data[packet.payload_at : end], end - packet.payload_at)


def _hook(packet: Packet) -> Value:
    return Missing.ABSENT if packet.raw.hook is None else packet.raw.hook


def _in(packet: Packet) -> Value:
    return packet.raw.indev or Missing.ABSENT


def _out(packet: Packet) -> Value:
    return packet.raw.outdev or Missing.ABSENT


def _mark(packet: Packet) -> Value:
    return packet.raw.mark


def _mac(packet: Packet) -> Value:
    mac = packet.raw.mac
    return mac if mac is not None and len(mac) == 6 else Missing.ABSENT


def _uid(packet: Packet) -> Value:
    return Missing.ABSENT if packet.raw.uid is None else packet.raw.uid


def _gid(packet: Packet) -> Value:
    return Missing.ABSENT if packet.raw.gid is None else packet.raw.gid


_OWN: dict[str, Reader] = {
    "family": _family,
    "proto": _proto,
    "fragment": _fragment,
    "length": _length,
    "tcp.mss": _mss,
    "payload": _payload,
    "hook": _hook,
    "in": _in,
    "out": _out,
    "mark": _mark,
    "mac.src": _mac,
    "uid": _uid,
    "gid": _gid,
}

#: Field name to reader. Fields that stand for either of two others are not read themselves.
READERS: dict[str, Reader] = {
    name: _OWN.get(name) or _placed(field) for name, field in FIELDS.items() if not field.either
}
