# SPDX-License-Identifier: GPL-2.0
"""What scapy calls a layer, a field or a value, in the words of people who read packets."""

from collections.abc import Callable
from typing import Any

from qverdictd.packet.names import DSCP, ECN, TCP_FLAGS

_LONGEST = 100
_BYTES_SHOWN = 24

#: Class name of a layer to its name in a detail pane; the others keep scapy's own.
_LAYERS = {
    "IP": "Internet Protocol, version 4",
    "IPv6": "Internet Protocol, version 6",
    "IPerror": "Internet Protocol, version 4 (of the packet in question)",
    "IPerror6": "Internet Protocol, version 6 (of the packet in question)",
    "IPv6ExtHdrHopByHop": "Hop-by-Hop Options",
    "IPv6ExtHdrDestOpt": "Destination Options",
    "IPv6ExtHdrRouting": "Routing Header",
    "IPv6ExtHdrSegmentRouting": "Segment Routing Header",
    "IPv6ExtHdrFragment": "Fragment Header",
    "AH": "Authentication Header",
    "ESP": "Encapsulating Security Payload",
    "TCP": "Transmission Control Protocol",
    "TCPerror": "Transmission Control Protocol (of the packet in question)",
    "UDP": "User Datagram Protocol",
    "UDPerror": "User Datagram Protocol (of the packet in question)",
    "SCTP": "Stream Control Transmission Protocol",
    "ICMP": "Internet Control Message Protocol",
    "DNS": "Domain Name System",
    "DNSQR": "Question",
    "HTTPRequest": "Hypertext Transfer Protocol",
    "HTTPResponse": "Hypertext Transfer Protocol",
    "TLS": "Transport Layer Security",
    "NTPHeader": "Network Time Protocol",
    "Raw": "Data",
    "Padding": "After the packet's own end",
}

#: Scapy's field names to words; where a layer differs, its class name stands before a dot.
_FIELDS = {
    "ihl": "header length", "dataofs": "header length", "tos": "traffic class",
    "tc": "traffic class", "fl": "flow label", "len": "length", "plen": "payload length",
    "IP.len": "total length", "IP.id": "identification", "IPerror.id": "identification",
    "IPv6ExtHdrFragment.id": "identification", "DNS.id": "transaction id",
    "frag": "fragment offset", "ttl": "time to live", "hlim": "hop limit",
    "proto": "protocol", "nh": "next header", "chksum": "checksum", "cksum": "checksum",
    "src": "source", "dst": "destination", "sport": "source port", "dport": "destination port",
    "seq": "sequence number", "ack": "acknowledgment number", "urgptr": "urgent pointer",
    "segleft": "segments left", "lastentry": "last entry", "m": "more fragments",
    "hoa": "home address", "otype": "option type", "optlen": "option length",
    "optdata": "option data", "spi": "security parameters index", "icv": "integrity check value",
    "payloadlen": "payload length", "qr": "response", "aa": "authoritative", "ad": "authentic",
    "rd": "recursion desired", "ra": "recursion available", "cd": "checking disabled",
    "rcode": "response code", "DNS.tc": "truncated", "z": "reserved",
    "qdcount": "number of questions",
    "ancount": "number of answers", "nscount": "number of authorities",
    "arcount": "number of additional records",
    "qname": "name", "rrname": "name", "qtype": "type", "qclass": "class", "rclass": "class",
    "rdlen": "data length", "rdata": "data", "load": "data",
    "msgtype": "handshake type", "msglen": "length", "sid": "session id",
    "sidlen": "session id length", "cipherslen": "cipher suites length",
    "ciphers": "cipher suites", "complen": "compression methods length",
    "comp": "compression methods", "extlen": "extensions length", "ext": "extensions",
    "servernames": "server names", "servernameslen": "server names length",
    "nexthopmtu": "next-hop MTU",
}  # fmt: skip

#: Layers whose ``len`` counts bytes; elsewhere it counts options, words or worse.
_LENGTH_IN_BYTES = frozenset(("IP", "IPerror", "IPv6", "IPerror6", "UDP", "UDPerror", "TLS"))

_IP_FLAGS = {"DF": "don't fragment", "MF": "more fragments", "evil": "reserved"}

_HTTP = ("HTTPRequest", "HTTPResponse")

#: Fields of scapy's own making, or told of elsewhere in the pane.
_HIDDEN = frozenset(("autopad", "iv", "mac", "pad", "padlen"))


def layer_name(layer: Any) -> str:
    """Return a layer's name."""
    return escaped(_LAYERS.get(type(layer).__name__, str(layer.name)))


def field_name(layer: Any, name: str) -> str:
    """Return a field's name."""
    own = _FIELDS.get(f"{type(layer).__name__}.{name}") or _FIELDS.get(name)
    if type(layer).__name__ in _HTTP:
        return name.replace("_", "-")
    return escaped(own or name.replace("_", " "))


def is_shown(name: str, value: object) -> bool:
    """Whether a field has anything to say."""
    return name not in _HIDDEN and value not in (None, b"", "", [])


def field_value(layer: Any, field: Any, value: Any) -> str:
    """Return a field's value: what it means first, the number after it."""
    kind, name = type(layer).__name__, field.name
    if name in ("ihl", "dataofs"):
        return f"{value * 4} bytes ({value})"
    if name in ("tos", "tc") and kind != "DNS":
        return _traffic_class(value)
    if name in ("len", "plen") and kind in _LENGTH_IN_BYTES:
        return _counted(value, "byte")
    if name in ("frag", "offset"):
        return f"{value * 8} bytes ({value})"
    if name == "flags" and kind.startswith("TCP"):
        return f"{tcp_flags(int(value))} (0x{int(value):03x})"
    if name == "flags" and kind in ("IP", "IPerror"):
        return ", ".join(word for flag, word in _IP_FLAGS.items() if flag in value) or "none"
    if isinstance(value, bytes):
        return shortened(value.decode("latin-1")) if kind in _HTTP else bytes_text(value)
    if name == "options" and isinstance(value, list):
        return shortened(", ".join(map(_option, value)))
    shown = str(field.i2repr(layer, value))
    if isinstance(value, int) and shown and not shown[0].isdigit() and shown[0] != "-":
        shown = f"{shown} ({value})"
    return shortened(shown)


def _option(option: object) -> str:
    """Return an option of TCP or DHCP: its name and its values."""
    if not isinstance(option, tuple):
        return str(option)
    values: list[object] = []
    for value in option[1:]:
        values += value if isinstance(value, tuple | list) else [value]
    shown = [bytes_text(value) if isinstance(value, bytes) else str(value) for value in values]
    return " ".join([str(option[0]), *(text for text in shown if text not in ("", "None"))])


def _traffic_class(value: int) -> str:
    dscp = next((name for name, code in DSCP.items() if code == value >> 2), str(value >> 2))
    ecn = next(name for name, code in ECN.items() if code == value & 3)
    return f"0x{value:02x} (dscp {dscp}, ecn {ecn})"


def tcp_flags(value: int) -> str:
    """Return the names of TCP flags that are set, as a policy writes them."""
    return ",".join(name for name, bit in TCP_FLAGS.items() if value & bit) or "none"


def bytes_text(data: bytes) -> str:
    """Return bytes as quoted text if they are text, else as hexadecimal, with their number."""
    text = data.decode("ascii", "replace")
    if data and text.isascii() and text.replace("\r\n", "").isprintable():
        return shortened('"' + escaped(text) + '"')
    if len(data) > 8 and not any(data):
        return f"{len(data)} zero bytes"
    if len(data) <= _BYTES_SHOWN:
        return data.hex(" ")
    return f"{len(data)} bytes: {data[:_BYTES_SHOWN].hex(' ')} ..."


def escaped(text: str) -> str:
    """Return text without characters that a terminal obeys."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def shortened(text: str) -> str:
    """Return text that fits a line."""
    text = escaped(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def summary(layer: Any, *, inside: bool = False) -> str:
    """Return what a layer says, in one line; of one inside another scapy says nothing apt."""
    own = _SUMMARIES.get(type(layer).__name__)
    if own is not None:
        try:
            return shortened(own(layer))
        except Exception:
            return "broken"  # its fields are there, and contradict each other
    if inside:
        return ""
    said = layer.mysummary()
    said = str(said[0] if isinstance(said, tuple) else said)
    return shortened(said.removeprefix(layer.name).strip())


def _shown(layer: Any, name: str) -> str:
    return str(layer.get_field(name).i2repr(layer, layer.getfieldval(name)))


def _ip(layer: Any) -> str:
    part = f", fragment at {layer.frag * 8}" if layer.frag or "MF" in layer.flags else ""
    return f"{layer.src} > {layer.dst}, {_shown(layer, 'proto')}{part}"


def _ipv6(layer: Any) -> str:
    return f"{layer.src} > {layer.dst}, {_shown(layer, 'nh')}"


def _fragment(layer: Any) -> str:
    return f"bytes from {layer.offset * 8}, {'more follow' if layer.m else 'the last'}"


def _routing(layer: Any) -> str:
    left = _counted(layer.segleft, "segment")
    return f"type {layer.type}, {left} left, {', '.join(layer.addresses)}"


def _tcp(layer: Any) -> str:
    flags = tcp_flags(int(layer.flags))
    return f"{layer.sport} > {layer.dport}, {flags}, seq {layer.seq}, ack {layer.ack}"


def _udp(layer: Any) -> str:
    return f"{layer.sport} > {layer.dport}, {layer.len} bytes"


def _icmp(layer: Any) -> str:
    return f"{_shown(layer, 'type')}, code {_shown(layer, 'code')}"


def _dns(layer: Any) -> str:
    asked = ", ".join(f"{_name(item.qname)} {_shown(item, 'qtype')}" for item in layer.qd or [])
    if not layer.qr:
        return f"query {layer.id}: {asked}"
    answers = _counted(layer.ancount, "answer")
    return f"response {layer.id}: {asked}: {_shown(layer, 'rcode')}, {answers}"


def _record(layer: Any) -> str:
    data = layer.fields.get("rdata", b"")
    shown = _name(data) if isinstance(data, bytes) else str(data)
    return f"{_name(layer.rrname)} {_shown(layer, 'type')} {shown}"


def _question(layer: Any) -> str:
    return f"{_name(layer.qname)} {_shown(layer, 'qtype')}"


def _name(name: bytes | str) -> str:
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    return text.removesuffix(".") or "."


def _http(*names: str) -> Callable[[Any], str]:
    def line(layer: Any) -> str:
        parts = [layer.getfieldval(name) or b"" for name in names]
        return " ".join(part.decode("latin-1") for part in parts)

    return line


def _tls(layer: Any) -> str:
    said = [_shown(layer, "type")]
    for message in layer.msg:
        said.append(str(message.name).removeprefix("TLS Handshake - "))
        for extension in message.fields.get("ext") or []:
            names = extension.fields.get("servernames") or []
            said += ["for " + _name(name.servername) for name in names]
    return ", ".join(said)


def _data(layer: Any) -> str:
    return _counted(len(layer.load), "byte")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


_SUMMARIES: dict[str, Callable[[Any], str]] = {
    "IP": _ip, "IPerror": _ip, "IPv6": _ipv6, "IPerror6": _ipv6,
    "IPv6ExtHdrFragment": _fragment,
    "IPv6ExtHdrRouting": _routing, "IPv6ExtHdrSegmentRouting": _routing,
    "TCP": _tcp, "TCPerror": _tcp, "UDP": _udp, "UDPerror": _udp, "ICMP": _icmp,
    "DNS": _dns, "DNSQR": _question, "DNSRR": _record,
    "HTTPRequest": _http("Method", "Path", "Http_Version"),
    "HTTPResponse": _http("Http_Version", "Status_Code", "Reason_Phrase"),
    "TLS": _tls, "Raw": _data, "Padding": _data,
}  # fmt: skip
