# SPDX-License-Identifier: GPL-2.0
"""`qverdictd tap`: a record as people and programs see it, and the stream until it is ended."""

import json
import os
import signal
import socket
from typing import Any

import pytest

from qverdictd.cli import main
from qverdictd.control.tap import tap_record, tap_text
from qverdictd.control.wiring import protocol_number
from qverdictd.errors import Exit
from qverdictd.transport import ipqueue_tap
from qverdictd.transport.ipqueue_family import IPV4, IPV6, Family
from qverdictd.wire.ipqueue_tap import TAP_FRAGMENT, TAP_ICMP, TAP_PORTS, TAP_REPLACED, TapRecord

SOURCE = bytes([192, 0, 2, 1]) + bytes(12)
DESTINATION = bytes([198, 51, 100, 2]) + bytes(12)
TCP = TapRecord(
    *(1_700_000_000_500_000_000, 1500, 7, 60, 5, 1, 2, SOURCE, DESTINATION, 40112, 23, 2, 6, 2, 0),
    *(0, TAP_PORTS, 0, 0),
)
TCP_SHOWN = {
    "packet": 7,
    "time": "2023-11-14T22:13:20.500000Z",
    "verdict": "drop",
    "reason": "peer",
    "mark": 5,
    "replaced": False,
    "family": "ip",
    "proto": "tcp",
    "src": "192.0.2.1",
    "sport": 40112,
    "dst": "198.51.100.2",
    "dport": 23,
    "length": 60,
    "hook": "forward",
    "in": "eth0",
    "out": "eth1",
    "waited_us": 1.5,
}
NAMES = {1: "eth0", 2: "eth1"}


def shown(**changes: Any) -> dict[str, object]:
    return tap_record(TCP._replace(**changes), NAMES.get)


def test_the_keys_are_a_decisions_in_its_order() -> None:
    assert list(shown().items()) == list(TCP_SHOWN.items())
    assert tap_text(shown()) == (
        "7 drop by peer tcp 192.0.2.1:40112 > 198.51.100.2:23 60 bytes mark 0x5 hook forward "
        "in eth0 out eth1 waited 1.5 us"
    )


def test_icmp_over_ipv6() -> None:
    record = shown(
        family=10, source=b"\x20\x01\x0d\xb8" + bytes(11) + b"\1", destination=bytes(15) + b"\1",
        protocol=58, flags=TAP_ICMP | TAP_REPLACED, icmp_type=128, verdict=1, indev=0,
    )  # fmt: skip
    assert not {"sport", "dport", "in"} & record.keys()
    assert (record["src"], record["dst"], record["family"]) == ("2001:db8::1", "::1", "ip6")
    assert (record["icmp_type"], record["icmp_code"], record["replaced"]) == (128, 0, True)
    assert "icmpv6 2001:db8::1 > ::1 60 bytes" in tap_text(record)
    assert "rewritten" in tap_text(record)
    assert tap_text(record).endswith("type 128 code 0 waited 1.5 us")


def test_a_later_fragment_has_no_ports() -> None:
    assert not {"sport", "dport", "icmp_type"} & shown(flags=TAP_FRAGMENT).keys()


@pytest.mark.parametrize(
    ("verdict", "name"),
    [(0, "drop"), (1, "accept"), (3, "queue"), (4, "repeat"), (5, "stop"), (9, "9")],
)
def test_verdicts(verdict: int, name: str) -> None:
    record = shown(verdict=verdict)
    assert record["verdict"] == name
    assert name in tap_text(record, colour=True)


@pytest.mark.parametrize(
    ("reason", "name"), [(1, "deadline"), (2, "overflow"), (5, "peer-gone"), (77, "77")]
)
def test_reasons(reason: int, name: str) -> None:
    assert shown(reason=reason)["reason"] == name


def test_a_hook_or_protocol_without_a_name_is_its_number() -> None:
    record = shown(hook=9, protocol=254, indev=99)
    assert (record["hook"], record["proto"], record["in"]) == ("9", "254", None)


@pytest.mark.parametrize(("text", "number"), [("icmp", 1), ("icmpv6", 58), ("0", 0), ("255", 255)])
def test_protocols_to_choose(text: str, number: int) -> None:
    assert protocol_number(text) == number


@pytest.mark.parametrize("text", ["ICMP", "256", "-1", "", "\N{SUPERSCRIPT TWO}"])
def test_what_is_no_protocol(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as told:
        main(["tap", f"--proto={text}"])
    assert told.value.code == Exit.USAGE
    assert "no protocol" in capsys.readouterr().err


class Tap:
    """What a joined tap is: readable for ever; it ends us when it has told all."""

    def __init__(self, told: list[tuple[int, list[TapRecord]]], end: signal.Signals) -> None:
        self.names = NAMES
        self._told = list(told)
        self._end = end
        self._near, self._far = socket.socketpair()
        self._far.send(b"x")

    def fileno(self) -> int:
        return self._near.fileno()

    def read(self) -> tuple[int, list[TapRecord]]:
        if self._told:
            return self._told.pop(0)
        os.kill(os.getpid(), self._end)
        return 0, []

    def close(self) -> None:
        self._near.close()
        self._far.close()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_stream_until_it_is_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: signal.Signals
) -> None:
    udp = TCP._replace(protocol=17, packet_id=8)
    opened: list[Family] = []

    def join(family: Family) -> Tap:
        opened.append(family)
        return Tap([(0, [TCP]), (3, [udp, TCP])], end)

    monkeypatch.setattr(ipqueue_tap.Tap, "open", join)
    handler = signal.getsignal(signal.SIGTERM)
    assert main(["tap", "--json", "-4", "--proto", "tcp"]) == Exit.OK
    output = capsys.readouterr()
    lines = [json.loads(line) for line in output.out.splitlines()]
    assert lines == [TCP_SHOWN, {"lost": 3, "family": "ip"}, TCP_SHOWN]
    assert "2 records shown, 3 lost" in output.err
    assert opened == [IPV4]
    assert signal.getsignal(signal.SIGTERM) is handler
    assert main(["tap", "-6"]) == Exit.OK
    output = capsys.readouterr()
    assert output.out.splitlines()[1] == "3 records of ip6 lost"
    assert "3 records shown, 3 lost" in output.err
    assert opened == [IPV4, IPV6]
