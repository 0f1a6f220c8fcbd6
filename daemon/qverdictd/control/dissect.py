# SPDX-License-Identifier: GPL-2.0
"""Peels a packet layer by layer, down to the application's, as an analyser's detail pane does.

For people's eyes: it runs on scapy, beside the packet path, and no verdict depends on it.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from qverdictd.control.layer_text import (
    bytes_text,
    field_name,
    field_value,
    is_shown,
    layer_name,
    shortened,
    summary,
)
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket

#: No packet fills more than some screens, whatever it holds.
MOST_LINES = 250
_DEEPEST = 8
_HTTP = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"HTTP/1.")


@cache
def _scapy() -> Any:
    """Import scapy and the application layers it does not load by itself; slow, so once."""
    import logging

    from scapy.config import conf
    from scapy.interfaces import NetworkInterfaceDict

    # It would ask for the machine's interfaces and routes, which our unit's sandbox refuses.
    NetworkInterfaceDict.reload = lambda _self: None
    conf.route_autoload = conf.route6_autoload = False

    import scapy.layers.dhcp
    import scapy.layers.dhcp6
    import scapy.layers.dns
    import scapy.layers.http
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.ipsec
    import scapy.layers.ntp
    import scapy.layers.sctp
    import scapy.layers.snmp
    import scapy.layers.tls.all  # asks for the package cryptography

    # What it has to say of hostile bytes is said in the pane, not on the terminal.
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    return scapy.layers


def dissect(raw: RawPacket) -> list[str]:
    """Return the packet's layers as indented lines; what cannot be dissected is shown as bytes."""
    lines: list[str] = []
    try:
        for line in _pane(raw):
            if len(lines) == MOST_LINES:
                lines.append("  ... and more")
                break
            lines.append(line)
    except Exception as error:
        # A dissector that trips over hostile bytes must not stop anything.
        why = type(error).__name__
        lines.append(f"  not dissected further ({why}): {bytes_text(raw.data)}")
    if len(raw.data) < raw.length:
        lines.append(f"  cut: {len(raw.data)} of {raw.length} bytes are at hand")
    return lines


def _pane(raw: RawPacket) -> Iterator[str]:
    if raw.family not in (AF_INET, AF_INET6) or not raw.data:
        yield f"  {len(raw.data)} bytes of no known network layer: {bytes_text(raw.data)}"
        return
    layers = _scapy()
    layer = (layers.inet.IP if raw.family == AF_INET else layers.inet6.IPv6)(raw.data)
    depth, start = 1, 0
    while layer.name != "NoPayload":
        size = _size(layer)
        if size or layer.fields:
            place = f"bytes {start}-{start + size - 1}" if size > 1 else f"byte {start}"
            said = summary(layer)
            yield f"{'  ' * depth}{layer_name(layer)}, {place}" + (f": {said}" if said else "")
            yield from _fields(layer, depth + 2)
            if raw.checksum_partial and type(layer).__name__ in ("TCP", "UDP", "SCTP"):
                yield f"{'  ' * (depth + 2)}(the checksum is partial: the kernel completes it)"
            depth = min(depth + 1, _DEEPEST)
        start += size
        layer = _below(layers, layer)


def _size(layer: Any) -> int:
    """Return the bytes of a layer without its payload: by what it read, and by what it left."""
    whole = layer.original or b""
    own = whole if layer.raw_packet_cache is None else layer.raw_packet_cache
    below = layer.payload
    left = 0 if below.name == "Padding" else len(below.original or b"")
    return min(len(own), len(whole) - left)


def _below(layers: Any, layer: Any) -> Any:
    """Return the payload's layer; what TCP carries on an unusual port is told by its bytes."""
    payload = layer.payload
    if type(layer).__name__ == "TCP" and type(payload).__name__ == "Raw":
        data = payload.load
        if data[:2] == b"\x16\x03":
            return layers.tls.record.TLS(data)
        if data.startswith(_HTTP):
            return layers.http.HTTP(data)
    return payload


def _fields(layer: Any, depth: int) -> Iterator[str]:
    """Yield a line for each field that says something; layers inside a field below it."""
    for field in layer.fields_desc:
        value = layer.fields.get(field.name)
        if not is_shown(field.name, value):
            continue
        margin, name = "  " * depth, field_name(layer, field.name)
        if hasattr(value, "fields_desc"):
            yield from _inside(value, depth)
        elif isinstance(value, list) and hasattr(value[0], "fields_desc"):
            for item in value:
                yield from _inside(item, depth)
        elif isinstance(value, dict):
            for key, entry in value.items():
                yield f"{margin}{shortened(_text(key))}: {shortened(_text(entry))}"
        else:
            yield f"{margin}{name}: {_value(layer, field, value)}"


def _inside(layer: Any, depth: int) -> Iterator[str]:
    """Yield a layer that is part of a field, such as an option or a DNS record."""
    said = summary(layer, inside=True)
    yield f"{'  ' * depth}{layer_name(layer)}" + (f": {said}" if said else "")
    if depth < 2 * _DEEPEST:
        yield from _fields(layer, depth + 2)


def _value(layer: Any, field: Any, value: Any) -> str:
    try:
        return field_value(layer, field, value)
    except Exception:
        return shortened(str(value))  # scapy has a name for some values only


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
