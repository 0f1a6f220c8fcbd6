# SPDX-License-Identifier: GPL-2.0
"""Packets of which the copy range or the capture kept a part only."""

import pytest
from hypothesis import given
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Raw

from qverdictd.packet.decode import decode
from qverdictd.packet.fields import FIELDS, Layer
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.packet.readers import READERS
from qverdictd.packet.value import Missing, Payload, Value
from qverdictd.packet.view import Packet

from ..generators.packets import Made, packets

_OF_PACKET = [name for name in READERS if FIELDS[name].layer is not Layer.KERNEL]


def _cut(data: bytes, at_hand: int) -> Packet:
    family = AF_INET6 if data[0] >> 4 == 6 else AF_INET
    return decode(RawPacket(1, data[:at_hand], len(data), family))


@given(packets)
def test_a_cut_field_is_the_uncut_one_or_missing(made: Made) -> None:
    uncut = decode(made.raw())
    for at_hand in range(len(made.data)):
        packet = _cut(made.data, at_hand)
        assert packet.cut
        for name in _OF_PACKET:
            value, true = packet[name], uncut[name]
            if name == "payload" and isinstance(value, Payload):
                assert isinstance(true, Payload)
                assert value.length == true.length
                assert value.data == true.data[: len(value.data)]
            elif value is Missing.ABSENT or not isinstance(value, Missing):
                assert value == true, f"{name} with {at_hand} bytes"
            elif value is Missing.CUT:
                # A field that is said to be there is there.
                assert true is not Missing.ABSENT, f"{name} with {at_hand} bytes"


@given(packets)
def test_more_bytes_never_hide_a_field(made: Made) -> None:
    """What is known of a shorter part stays known of a longer one."""
    known: set[str] = set()
    for at_hand in range(len(made.data) + 1):
        packet = _cut(made.data, at_hand)
        now = {name for name in _OF_PACKET if packet[name] not in (Missing.CUT, Missing.UNKNOWN)}
        assert known <= now
        known = now
    assert known == set(_OF_PACKET)


_TCP = bytes(IP() / TCP(options=[("NOP", None), ("MSS", 1460)]) / Raw(b"payload"))
_CHAIN = bytes(IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(m=1) / UDP() / Raw(b"payload"))

CASES: dict[str, tuple[bytes, int, dict[str, Value]]] = {
    "nothing at hand": (_TCP, 0, {"family": 4, "length": Missing.CUT, "sport": Missing.UNKNOWN}),
    "the fixed header": (_TCP, 20, {"proto": 6, "length": 55, "sport": Missing.CUT}),
    "one byte of the port": (_TCP, 21, {"sport": Missing.CUT, "tcp.mss": Missing.UNKNOWN}),
    "the ports": (_TCP, 24, {"sport": 20, "dport": 80, "tcp.flags": Missing.CUT}),
    "up to the data offset": (_TCP, 33, {"tcp.flags": Missing.CUT, "tcp.mss": Missing.UNKNOWN}),
    "up to the options": (_TCP, 40, {"tcp.window": 8192, "tcp.mss": Missing.UNKNOWN}),
    "in the option's length": (_TCP, 42, {"tcp.mss": Missing.UNKNOWN}),
    "in the option's value": (_TCP, 44, {"tcp.mss": Missing.CUT}),
    "past the option": (_TCP, 45, {"tcp.mss": 1460, "payload": Payload(b"", 7)}),
    "with no room for an option in what is hidden": (_TCP, 46, {"tcp.mss": 1460}),
    "in the payload": (_TCP, 50, {"payload": Payload(b"pa", 7)}),
    "before the extension headers": (
        _CHAIN,
        40,
        {"ttl": 64, "proto": Missing.UNKNOWN, "fragment": Missing.CUT, "dport": Missing.UNKNOWN},
    ),
    "between the extension headers": (_CHAIN, 48, {"proto": Missing.UNKNOWN, "length": 71}),
    "past the fragment header": (
        _CHAIN,
        56,
        {"proto": 17, "fragment": 1, "dport": Missing.CUT, "payload": Missing.CUT},
    ),
    "past the UDP length": (_CHAIN, 62, {"payload": Payload(b"", 7), "icmp.type": Missing.ABSENT}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_known_of_a_part(case: str) -> None:
    data, at_hand, expected = CASES[case]
    packet = _cut(data, at_hand)
    assert {name: packet[name] for name in expected} == expected


@pytest.mark.parametrize("hidden", [1, 2, 3])
def test_too_few_hidden_option_bytes_hide_no_mss(hidden: int) -> None:
    """An MSS option is four bytes long: fewer cannot hold one."""
    data = bytes(IP() / TCP(options=[("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)]))
    assert len(data) == 52
    assert _cut(data, 52 - hidden)["tcp.mss"] is Missing.ABSENT


def test_a_whole_packet_is_not_cut() -> None:
    assert not _cut(_TCP, len(_TCP)).cut
