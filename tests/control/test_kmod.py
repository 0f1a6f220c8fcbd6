# SPDX-License-Identifier: GPL-2.0
"""`qverdictd kmod`: what can be set and how, what is shown; over queues in memory."""

import json
from dataclasses import replace

import pytest

from qverdictd import commands
from qverdictd.cli import main
from qverdictd.control.kmod import SETTINGS, changed, parse_setting
from qverdictd.errors import Exit, PermissionMissingError, TransportError
from qverdictd.transport.ipqueue_control import ControlSocket
from qverdictd.transport.ipqueue_family import IPV4, IPV6, Family, refusal
from qverdictd.wire.ipqueue_control import (
    SET_DEADLINE,
    SET_LINGER,
    SET_MAXLEN,
    SET_OVERFLOW,
    Settings,
    Statistics,
)


class Queue:
    """What `ControlSocket` is for a real module."""

    def __init__(self) -> None:
        self.now = Settings(0xF, maxlen=1024, deadline_ms=7)
        self.counters = Statistics(mode=2, peer=4711, features=5, lingering=1, queued=3, accepted=2)
        self.asked: list[Settings] = []
        self.closed = 0

    def settings(self) -> Settings:
        return self.now

    def statistics(self) -> Statistics:
        return self.counters

    def change(self, settings: Settings) -> None:
        self.asked.append(settings)
        self.now = replace(settings, mask=0xF)

    def reset(self) -> None:
        self.counters = Statistics(mode=2)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> dict[Family, Queue]:
    made = {IPV4: Queue(), IPV6: Queue()}
    monkeypatch.setattr(ControlSocket, "open", lambda family: made[family])
    monkeypatch.setattr(commands, "has_family", lambda _family: True)
    return made


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert main(["kmod", *arguments]) == Exit.OK
    output = capsys.readouterr()
    assert output.err == ""
    return output.out.splitlines()


def test_a_table_of_both_queues(
    queues: dict[Family, Queue], capsys: pytest.CaptureFixture[str]
) -> None:
    queues[IPV6].now = Settings(0xF, 65536, 1, 0, 1, 600000)
    rows = {line.split()[0]: line.split()[1:] for line in shown(capsys)}
    assert rows["IPv4"] == ["IPv6"]
    assert rows["maxlen"] == ["1024", "65536"]
    assert rows["overflow_verdict"] == ["drop", "accept"]
    assert rows["linger_ms"] == ["0", "600000"]
    assert rows["mode"] == ["packet", "packet"]
    assert rows["features"] == ["packets+flow", "packets+flow"]
    assert rows["lingering"] == ["yes", "yes"]
    assert rows["queued"] == ["3", "3"]
    assert set(rows) > {"settings", "statistics", *SETTINGS, *Statistics._fields}
    assert [queue.closed for queue in queues.values()] == [1, 1]


def test_an_object_for_each_queue(
    queues: dict[Family, Queue], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = map(json.loads, shown(capsys, "--json"))
    assert (first["family"], second["family"]) == ("ip", "ip6")
    assert first["settings"] == {
        "maxlen": 1024,
        "overflow_verdict": "drop",
        "deadline_ms": 7,
        "deadline_verdict": "drop",
        "linger_ms": 0,
    }
    assert first["statistics"]["features"] == ["packets", "flow"]
    assert first["statistics"]["lingering"] is True
    assert first["statistics"].keys() == set(Statistics._fields)


@pytest.mark.parametrize(
    ("arguments", "families"), [([], [IPV4, IPV6]), (["-4"], [IPV4]), (["-6"], [IPV6])]
)
def test_settings_are_set_then_shown(
    queues: dict[Family, Queue],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    families: list[Family],
) -> None:
    changes = ["--set", "linger_ms=5000", "overflow_verdict=accept", "--set", "maxlen=9"]
    lines = shown(capsys, *arguments, "--json", *changes)
    assert [json.loads(line)["settings"]["linger_ms"] for line in lines] == [5000] * len(families)
    wanted = Settings(SET_LINGER | SET_OVERFLOW | SET_MAXLEN, 9, 1, 7, 0, 5000)
    for family, queue in queues.items():
        assert queue.asked == ([wanted] if family in families else [])


def test_counters_begin_again(
    queues: dict[Family, Queue], capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = shown(capsys, "--json", "-4", "--reset")
    assert json.loads(line)["statistics"]["queued"] == 0
    assert queues[IPV6].counters.queued == 3


def test_a_deadline_is_told_whole() -> None:
    """The module sets the time and its verdict together: the other one stays as it is."""
    now = Settings(0xF, 10, 0, 250, 1, 30)
    assert changed(now, {"deadline_ms": 9}) == Settings(SET_DEADLINE, 10, 0, 9, 1, 30)
    assert changed(now, {"deadline_verdict": 0}) == Settings(SET_DEADLINE, 10, 0, 250, 0, 30)


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("maxlen=1", ("maxlen", 1)),
        ("maxlen=65536", ("maxlen", 65536)),
        ("overflow_verdict=drop", ("overflow_verdict", 0)),
        ("deadline_verdict=accept", ("deadline_verdict", 1)),
        ("deadline_ms=0", ("deadline_ms", 0)),
        ("linger_ms=600000", ("linger_ms", 600000)),
    ],
)
def test_what_can_be_set(text: str, setting: tuple[str, int]) -> None:
    assert parse_setting(text) == setting


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("maxlen=0", "maxlen is 1 to 65536, not '0'"),
        ("maxlen=65537", "1 to 65536"),
        ("maxlen=-1", "1 to 65536"),
        ("maxlen=1e3", "1 to 65536"),
        ("maxlen=", "1 to 65536"),
        ("maxlen=\N{SUPERSCRIPT TWO}", "1 to 65536"),
        ("linger_ms=600001", "0 to 600000"),
        ("overflow_verdict=1", "overflow_verdict is drop or accept, not '1'"),
        ("maxlen", "no setting 'maxlen': write NAME=VALUE with one of maxlen, overflow_verdict"),
        ("mxlen=3", "no setting 'mxlen=3'"),
        ("", "no setting ''"),
    ],
)
def test_what_cannot_be_set(
    queues: dict[Family, Queue], capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    with pytest.raises(SystemExit) as told:
        main(["kmod", "--set", text])
    assert told.value.code == Exit.USAGE
    assert says in capsys.readouterr().err
    assert queues[IPV4].asked == []


@pytest.mark.parametrize(
    ("code", "exit_code", "says"),
    [
        (92, Exit.UNAVAILABLE, "the ip_queue module is not loaded: load it"),  # ENOPROTOOPT
        (1, Exit.NO_PERMISSION, "needs CAP_NET_ADMIN"),
        (22, Exit.UNAVAILABLE, "another version"),
        (12, Exit.UNAVAILABLE, "the IPv4 queue cannot be had: Cannot allocate memory"),
    ],
)
def test_refusals(
    queues: dict[Family, Queue],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    exit_code: Exit,
    says: str,
) -> None:
    def refuse() -> Statistics:
        raise refusal(IPV4, code)

    monkeypatch.setattr(queues[IPV4], "statistics", refuse)
    assert main(["kmod"]) == exit_code
    output = capsys.readouterr()
    assert output.out == ""
    assert says in output.err
    assert queues[IPV4].closed == 1


def test_a_kernel_without_ipv6(
    queues: dict[Family, Queue],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "has_family", lambda family: family is IPV4)
    assert shown(capsys)[0].split() == ["IPv4"]


@pytest.mark.parametrize("command", ["kmod", "tap"])
def test_help_ends_with_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as told:
        main([command, "--help"])
    assert told.value.code == Exit.OK
    assert f"example: qverdictd {command} " in capsys.readouterr().out


def test_the_holder_is_named() -> None:
    error: TransportError = refusal(IPV6, 16, 2**32 - 4000)
    assert str(error) == (
        f"the IPv6 queue is held by another process (portid {2**32 - 4000}): stop it"
    )
    assert isinstance(refusal(IPV6, 1), PermissionMissingError)
