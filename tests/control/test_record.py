# SPDX-License-Identifier: GPL-2.0
"""A decision as JSON and as a line: the same keys everywhere, in the same order."""

import json

import pytest

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.control.record import as_json, as_text, record
from qverdictd.packet.build import build
from qverdictd.packet.raw import RawPacket

DROPPED = Decision(Verdict.DROP, Reason.RULE, "no-telnet")
NOW = 1795253400.123456


def telnet() -> RawPacket:
    raw = build({"proto": 6, "sport": 40112, "dport": 23, "hook": 2, "in": "eth0"}, b"")
    raw.id, raw.outdev = 7, "eth1"
    return raw


def test_keys_and_their_order() -> None:
    shown = as_json(record(telnet(), DROPPED, NOW))
    assert "\n" not in shown
    assert list(json.loads(shown).items()) == [
        ("packet", 7),
        ("time", "2026-11-21T09:30:00.123456Z"),
        ("verdict", "drop"),
        ("rule", "no-telnet"),
        ("reason", "rule"),
        ("mark", 0),
        ("replaced", False),
        ("generation", 1),
        ("family", "ip"),
        ("proto", "tcp"),
        ("src", "192.0.2.1"),
        ("sport", 40112),
        ("dst", "198.51.100.1"),
        ("dport", 23),
        ("length", 40),
        ("hook", "forward"),
        ("in", "eth0"),
        ("out", "eth1"),
    ]


def test_the_packet_s_own_time_comes_first() -> None:
    raw = telnet()
    raw.time = 0.0
    assert record(raw, DROPPED, NOW)["time"] == "1970-01-01T00:00:00.000000Z"


def test_a_requeue_says_where_to() -> None:
    shown = record(telnet(), Decision(Verdict.QUEUE, Reason.RULE, "r", 3), NOW)
    assert list(shown)[2:4] == ["verdict", "queue"]
    assert shown["queue"] == 3


def test_no_rule_is_null() -> None:
    shown = record(telnet(), Decision(Verdict.ACCEPT, Reason.DEFAULT, mark=5), NOW)
    assert (shown["rule"], shown["reason"], shown["mark"]) == (None, "default", 5)


def test_an_empty_replacement_is_a_replacement() -> None:
    assert record(telnet(), DROPPED._replace(replacement=b""), NOW)["replaced"] is True


def test_what_the_packet_lacks_is_left_out() -> None:
    raw = build({"proto": 253, "src": bytes(15) + b"\1", "dst": bytes(15) + b"\2"}, b"")
    shown = record(raw, DROPPED, NOW)
    assert list(shown)[8:] == ["family", "proto", "src", "dst", "length"]
    assert (shown["family"], shown["proto"], shown["src"]) == ("ip6", "253", "::1")


@pytest.mark.parametrize(
    ("cut", "keys"),
    [
        (40, ["family", "proto", "src", "sport", "dst", "dport", "length"]),
        (22, ["family", "proto", "src", "sport", "dst", "length"]),
        (20, ["family", "proto", "src", "dst", "length"]),
        (16, ["family", "src", "length"]),
        (0, ["family", "length"]),
    ],
)
def test_what_was_cut_off_is_left_out(cut: int, keys: list[str]) -> None:
    raw = build({"proto": 6}, b"")
    raw.data = raw.data[:cut]
    shown = record(raw, DROPPED, NOW)
    assert list(shown)[8:] == keys
    assert "drop" in as_text(shown)


def test_a_malformed_packet_has_its_length_alone() -> None:
    raw = RawPacket(1, b"\x45", 1, 2, hook=9)
    shown = record(raw, Decision(Verdict.DROP, Reason.MALFORMED), NOW)
    assert list(shown.items())[8:] == [("length", 1), ("hook", "9")]
    assert as_text(shown) == "1 drop by malformed 1 bytes hook 9"


def test_a_line_for_a_person() -> None:
    shown = record(telnet(), DROPPED._replace(mark=16, replacement=b"x"), NOW)
    assert as_text(shown) == (
        "7 drop by no-telnet tcp 192.0.2.1:40112 > 198.51.100.1:23 40 bytes mark 0x10 rewritten "
        "hook forward in eth0 out eth1"
    )
    assert as_text(shown, colour=True).startswith("7 \033[31mdrop\033[0m by ")


def test_ports_beside_an_ipv6_address() -> None:
    raw = build({"family": 6, "proto": 17, "sport": 1, "dport": 2}, b"")
    shown = record(raw, Decision(Verdict.QUEUE, Reason.RULE, "r", 3), NOW)
    assert (
        as_text(shown) == "1 queue to queue 3 by r udp [2001:db8::1]:1 > [2001:db8::2]:2 48 bytes"
    )
