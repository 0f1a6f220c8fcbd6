# SPDX-License-Identifier: GPL-2.0
"""Packets built from a description: right by scapy's recomputation, with the values asked for."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.packet.build import BuildError, build, known_to_kernel_only
from qverdictd.packet.decode import decode
from qverdictd.packet.fields import FIELDS, ICMPV6_SPACE, TRANSPORTS, Layer
from qverdictd.packet.raw import AF_INET, AF_INET6
from qverdictd.packet.value import Missing, Payload

from ..action.validator import assert_network_right, assert_scapy_rebuilds, assert_transport_right
from ..generators import pools
from ..generators.packets import Made
from .seen import seen

_PROTOS = st.one_of(st.sampled_from(sorted(TRANSPORTS)), st.sampled_from((4, 47, 50, 253)))
_PACKED = {4: st.binary(min_size=4, max_size=4), 6: st.binary(min_size=16, max_size=16)}
_RANGES = {
    name: st.integers(0, field.maximum)
    for name, field in FIELDS.items()
    if field.maximum and name not in ("length", "port", "payload", "family", "proto", "fragment")
}


@st.composite
def _descriptions(draw: st.DrawFn) -> tuple[dict[str, int | bytes | str], bytes]:
    """Make values that do not contradict each other, and a payload."""
    family = draw(st.sampled_from((4, 6)))
    proto = draw(_PROTOS.filter(lambda proto: proto != (58 if family == 4 else 1)))
    values: dict[str, int | bytes | str] = {"family": family, "proto": proto}
    for name in ("src", "dst"):
        if draw(st.booleans()):
            values[name] = draw(_PACKED[family])
    for name, numbers in _RANGES.items():
        protocols = FIELDS[name].protocols
        if (protocols is None or proto in protocols) and draw(st.integers(0, 2)) == 0:
            values[name] = draw(numbers)
    if draw(st.integers(0, 4)) == 0:
        values["fragment"] = draw(st.integers(0, 1))
    payload = draw(st.one_of(st.sampled_from(pools.PAYLOADS), st.binary(max_size=40)))
    return values, payload


@given(_descriptions())
def test_built_packets_are_right(described: tuple[dict[str, int | bytes | str], bytes]) -> None:
    values, payload = described
    raw = build(values, payload)
    assert raw.length == len(raw.data)
    family, proto = values["family"], int(values["proto"])
    assert raw.family == (AF_INET if family == 4 else AF_INET6)
    packet = decode(raw)
    made = Made(
        raw.data,
        raw.family,
        proto,
        packet.transport_at or None,
        0,
        raw.length,
        bool(values.get("fragment")),
        None,
        None,
        pseudo_known=True,
    )
    assert_network_right(made, raw.data)
    if proto in TRANSPORTS:
        assert_transport_right(made, raw.data, raw.data[packet.transport_at :])
        assert_scapy_rebuilds(made, raw.data)
    found = seen(raw.data, raw.family)
    for name, value in values.items():
        if FIELDS[name].layer is Layer.KERNEL:
            assert packet[name] == value
        elif FIELDS[name].icmp_spaces:
            assert found[name] == value + (ICMPV6_SPACE if proto == 58 else 0)  # type: ignore[operator]
        else:
            assert found[name] == value
    if proto in TRANSPORTS:
        assert found["payload"] == Payload(payload, len(payload))
    else:
        assert raw.data.endswith(payload)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"family": 4, "proto": 6, "tcp.flags": 2}),
        ({"src": bytes(16)}, {"family": 6, "proto": 6}),
        ({"tcp.window": 5}, {"proto": 6, "tcp.window": 5}),
        ({"icmp.code": 5}, {"proto": 1, "icmp.type": 8, "icmp.code": 5}),
        (
            {"icmp.code": 5, "family": 6},
            {"proto": 58, "icmp.type": 128 + ICMPV6_SPACE, "icmp.code": 5 + ICMPV6_SPACE},
        ),
        ({"proto": 17}, {"proto": 17, "tcp.flags": Missing.ABSENT}),
        ({"tcp.mss": 1400}, {"tcp.mss": 1400}),
        ({"fragment": 1}, {"fragment": 1, "sport": 49152}),
        ({"fragment": 1, "family": 6}, {"fragment": 1, "sport": 49152}),
    ],
)
def test_what_is_not_said_is_filled_in(
    values: Mapping[str, int | bytes | str], expected: Mapping[str, object]
) -> None:
    packet = decode(build(values, b""))
    assert {name: packet[name] for name in expected} == expected


def test_a_segment_with_data_is_not_a_syn() -> None:
    assert decode(build({}, b"data"))["tcp.flags"] == 0x018


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"src": bytes(4), "dst": bytes(16)}, "src and dst are of different families"),
        ({"family": 4, "src": bytes(16)}, "family and src are of different families"),
        ({"sport": 1}, "sport needs a proto, such as tcp or udp"),
        ({"proto": 1, "dport": 1}, "a packet of protocol 1 has no dport"),
        ({"proto": 17, "tcp.mss": 1}, "a packet of protocol 17 has no tcp.mss"),
        ({"proto": 47, "icmp.type": 1}, "a packet of protocol 47 has no icmp.type"),
    ],
)
def test_contradictions_are_refused(values: dict[str, int | bytes | str], why: str) -> None:
    with pytest.raises(BuildError, match=why):
        build(values, b"")


@pytest.mark.parametrize("family", [4, 6])
def test_a_packet_is_at_most_65535_bytes(family: int) -> None:
    headers = (20 if family == 4 else 40) + 8
    values = {"family": family, "proto": 17}
    assert build(values, bytes(65535 - headers)).length == 65535
    with pytest.raises(BuildError, match="longer than 65535"):
        build(values, bytes(65536 - headers))


def test_given_bytes_are_kept_as_they_are() -> None:
    for data, family in ((b"", AF_INET), (b"\x45", AF_INET), (b"\x60\0", AF_INET6)):
        raw = known_to_kernel_only({"mark": 5, "in": "eth0"}, data)
        assert (raw.data, raw.length, raw.family) == (data, len(data), family)
        assert (raw.mark, raw.indev) == (5, "eth0")
