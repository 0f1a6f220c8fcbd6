# SPDX-License-Identifier: GPL-2.0
"""Peels a packet layer by layer, down to the application's, as an analyser's detail pane does.

For people's eyes: it runs on scapy, beside the packet path, and no verdict depends on it.
"""

from functools import cache
from typing import Any

from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket

_WIDEST = 72


@cache
def _scapy() -> Any:
    """Import scapy and the application layers it does not load by itself; slow, so once."""
    import scapy.layers.dns
    import scapy.layers.http
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.ntp
    import scapy.layers.sctp
    import scapy.layers.snmp
    import scapy.layers.tls.all

    return scapy.layers


def dissect(raw: RawPacket) -> list[str]:
    """Return the packet's layers as indented lines; what cannot be dissected is shown as bytes."""
    layers = _scapy()
    if raw.family == AF_INET:
        kind = layers.inet.IP
    elif raw.family == AF_INET6:
        kind = layers.inet6.IPv6
    else:
        return [f"    {len(raw.data)} bytes: {_shortened(raw.data.hex(' '))}"]
    try:
        layer = kind(raw.data)
        return _layers(layer, len(raw.data))
    except Exception as error:
        # A dissector that trips over hostile bytes must not stop anything.
        return [f"    not dissected ({type(error).__name__}): {_shortened(raw.data.hex(' '))}"]


def _layers(layer: Any, total: int) -> list[str]:
    lines: list[str] = []
    depth = 1
    while layer is not None and layer.name != "NoPayload":
        start = total - len(layer.original) if layer.original else None
        where = "" if start is None else f", from byte {start}"
        lines.append(f"{'  ' * depth}{layer.name}{where}: {_shortened(_summary(layer))}")
        for field in layer.fields_desc:
            if field.name in layer.fields:
                shown = field.i2repr(layer, layer.fields[field.name])
                lines.append(f"{'  ' * depth}    {field.name}: {_shortened(str(shown))}")
        layer = layer.payload
        depth += 1
    return lines


def _summary(layer: Any) -> str:
    summary = layer.mysummary()
    return str(summary[0] if isinstance(summary, tuple) else summary) or layer.name


def _shortened(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
