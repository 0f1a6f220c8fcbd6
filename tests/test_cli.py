# SPDX-License-Identifier: GPL-2.0
"""The commands as a user runs them: exit codes, and what is said where."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qverdictd.cli import main, make_parser
from qverdictd.errors import Exit
from qverdictd.policy.schema import schema

ROOT = Path(__file__).parent.parent
RULES = ROOT / "rules" / "rules.yaml"
CAPTURE = ROOT / "tests" / "captures" / "demo.pcap"
QVERDICTD = Path(sys.executable).with_name("qverdictd")

Output = pytest.CaptureFixture[str]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "good.yaml"
    file.write_text("version: 1\nrules:\n  - {name: r, match: {proto: tcp}, verdict: drop}\n")
    return file


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.yaml"
    file.write_text("version: 1\ndefualt: drop\nrules:\n  - {name: r, verdict: dorp}\n")
    return file


def ended(*arguments: str | Path) -> int:
    """Run a command; return its exit code, also where argparse ends it."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else -1


# -- the command line


@pytest.mark.parametrize("command", ["run", "check", "replay", "schema"])
def test_help_ends_with_an_example_that_parses(command: str, capsys: Output) -> None:
    assert ended(command, "--help") == Exit.OK
    example = capsys.readouterr().out.rsplit("example: ", 1)[1].split(" > ")[0]
    program, *arguments = example.split()
    assert program == "qverdictd"
    assert make_parser().parse_args(arguments).command == command


def test_help_names_the_commands_and_exit_codes(capsys: Output) -> None:
    assert ended("--help") == Exit.OK
    shown = capsys.readouterr().out
    assert all(f" {command} " in shown for command in ("run", "check", "replay", "schema"))
    assert all(str(int(code)) in shown for code in Exit)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["chekc"],
        ["check", "--nonsense"],
        ["schema", "too", "much"],
        ["replay"],
        ["replay", "in.pcap"],
        ["run", "--queue", "x"],
        ["run", "--queue", "3-1"],
        ["run", "--queue", "65536"],
        ["run", "--transport", "pigeon"],
    ],
    ids=" ".join,
)
def test_usage(arguments: list[str], capsys: Output) -> None:
    assert ended(*arguments) == Exit.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("qverdictd")
    assert second.startswith("Try 'qverdictd")


# -- check


def test_check_good(good: Path, capsys: Output) -> None:
    assert ended("check", good, RULES) == Exit.OK
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == (
        f"{good}: good: 1 rules, 0 tests passed\n{RULES}: good: 8 rules, 10 tests passed\n"
    )


def test_check_says_all_of_all_files_and_still_what_is_good(
    good: Path, bad: Path, tmp_path: Path, capsys: Output
) -> None:
    assert ended("check", bad, good, tmp_path / "none.yaml") == Exit.CONFIG
    captured = capsys.readouterr()
    assert captured.out == f"{good}: good: 1 rules, 0 tests passed\n"
    assert [line.split(": ")[0] for line in captured.err.splitlines()] == [
        f"{bad}:2:1",
        f"{bad}:4:24",
        f"{tmp_path}/none.yaml:1:1",
    ]


def test_check_as_json(good: Path, bad: Path, capsys: Output) -> None:
    assert ended("check", "--json", good, bad) == Exit.CONFIG
    captured = capsys.readouterr()
    assert captured.err == ""
    found = [json.loads(line) for line in captured.out.splitlines()]
    assert [list(problem) for problem in found] == [["file", "line", "column", "message"]] * 2
    assert found[0] == {
        "file": str(bad),
        "line": 2,
        "column": 1,
        "message": "unknown key 'defualt': did you mean 'default'?",
    }


def test_check_as_json_of_good_is_nothing(good: Path, capsys: Output) -> None:
    assert ended("check", "--json", good) == Exit.OK
    assert capsys.readouterr().out == ""


def test_check_explains(good: Path, capsys: Output) -> None:
    assert ended("check", "--explain", good) == Exit.OK
    assert capsys.readouterr().out == (
        "   0  if the packet cannot be judged: drop, at once\n"
        "   1  r: if proto in tcp\n"
        "        drop, end\n"
        "   2  accept  (default)\n"
    )


def test_a_failing_test_refuses(good: Path, capsys: Output) -> None:
    with good.open("a") as stream:
        stream.write("tests:\n  - {name: t, packet: {proto: tcp}, expect: {verdict: accept}}\n")
    assert ended("check", good) == Exit.CONFIG
    assert f"{good}:5:5: test 't' fails" in capsys.readouterr().err


# -- schema


def test_schema(capsys: Output) -> None:
    assert ended("schema") == Exit.OK
    assert json.loads(capsys.readouterr().out) == schema()


# -- replay


def test_replay_as_json(tmp_path: Path, capsys: Output) -> None:
    out = tmp_path / "out.pcap"
    assert ended("replay", "--json", "--rules", RULES, CAPTURE, "-w", out) == Exit.OK
    captured = capsys.readouterr()
    shown = [json.loads(line) for line in captured.out.splitlines()]
    assert [line["packet"] for line in shown] == sorted(line["packet"] for line in shown)
    assert {"drop", "accept"} == {line["verdict"] for line in shown}
    assert f"received {len(shown)} = " in captured.err
    assert out.stat().st_size > 24


def test_replay_as_text_shows_what_rules_log(capsys: Output) -> None:
    assert ended("replay", "--rules", RULES, CAPTURE) == Exit.OK
    captured = capsys.readouterr()
    assert "info: no-telnet: " in captured.err
    assert "received " in captured.out


def test_replay_dissects(capsys: Output) -> None:
    assert ended("replay", "--dissect", "--rules", RULES, CAPTURE) == Exit.OK
    plain = len(capsys.readouterr().out.splitlines())
    assert ended("replay", "--rules", RULES, CAPTURE) == Exit.OK
    assert plain > 3 * len(capsys.readouterr().out.splitlines())


def test_replay_of_a_cut_capture_shows_what_came_before(tmp_path: Path, capsys: Output) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(CAPTURE.read_bytes()[:-1])
    assert ended("replay", "--json", "--rules", RULES, cut) == Exit.DATA
    captured = capsys.readouterr()
    assert captured.out
    assert "received " in captured.err
    assert captured.err.splitlines()[-1].startswith("qverdictd: ")
    assert str(cut) in captured.err.splitlines()[-1]


@pytest.mark.parametrize("snapped", [16, 30, 34])
def test_replay_of_snapped_packets(tmp_path: Path, capsys: Output, snapped: int) -> None:
    """A capture with a snap length hides most of each packet; each still has its decision."""
    frame = bytes(12) + b"\x08\x00" + bytes.fromhex("45000028000000004006") + bytes(30)
    header = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
    sizes = snapped.to_bytes(4, "little") + len(frame).to_bytes(4, "little")
    capture = tmp_path / "snapped.pcap"
    capture.write_bytes(header + bytes(8) + sizes + frame[:snapped])
    for form in ([], ["--json"], ["--dissect"]):
        assert ended("replay", *form, "--rules", RULES, capture) == Exit.OK
        assert "truncated" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no capture at all, but text that is long enough"])
def test_replay_of_what_is_no_capture(tmp_path: Path, capsys: Output, content: bytes) -> None:
    file = tmp_path / "in.pcap"
    file.write_bytes(content)
    assert ended("replay", "--rules", RULES, file) == Exit.DATA
    assert str(file) in capsys.readouterr().err


def test_replay_needs_a_good_policy(bad: Path, capsys: Output) -> None:
    assert ended("replay", "--rules", bad, CAPTURE) == Exit.CONFIG
    assert f"{bad}:2:1: " in capsys.readouterr().err


# -- run, as far as it goes without a queue


def test_run_needs_a_good_policy_before_any_queue(bad: Path, capsys: Output) -> None:
    assert ended("run", "--rules", bad) == Exit.CONFIG
    assert f"{bad}:2:1: " in capsys.readouterr().err


def test_run_needs_a_good_configuration(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "qverdictd.yaml"
    file.write_text("engin: native\n")
    assert ended("run", "--config", file) == Exit.CONFIG
    assert f"{file}:1:1: unknown key 'engin'" in capsys.readouterr().err


def test_run_refuses_to_send_packets_round_for_ever(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\nrules:\n  - {name: r, verdict: {queue: 3}}\n")
    assert ended("run", "--rules", file, "--queue", "2-4") == Exit.CONFIG
    assert f"{file}:3:5: rule 'r' sends packets to queue 3" in capsys.readouterr().err


# -- the world outside


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "--explain", RULES],
        ["schema"],
        ["replay", "--dissect", "--rules", RULES, CAPTURE],
        ["replay", "--json", "--rules", RULES, CAPTURE],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str | Path]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [QVERDICTD, *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_no_colour_where_there_is_no_terminal(capsys: Output) -> None:
    assert ended("replay", "--rules", RULES, CAPTURE) == Exit.OK
    assert "\033" not in capsys.readouterr().out
