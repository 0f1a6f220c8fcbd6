# SPDX-License-Identifier: GPL-2.0
"""qverdictd.yaml: every key has a default, and every mistake a place."""

from pathlib import Path

import pytest

from qverdictd.control import config as config_module
from qverdictd.control.config import Config, cpu_numbers, memory_size, queue_numbers, read_config
from qverdictd.control.wiring import AttachShape
from qverdictd.errors import Exit, PolicyError


def written(folder: Path, text: str) -> Path:
    file = folder / "qverdictd.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n", "---\n"])
def test_an_empty_file_is_the_defaults(tmp_path: Path, text: str) -> None:
    assert read_config(written(tmp_path, text)) == Config()


def test_defaults_are_those_of_the_manual() -> None:
    assert Config().model_dump() == {
        "transport": "auto",
        "engine": "auto",
        "engine_memory": "1G",
        "queues": 0,
        "cpus": "auto",
        "overflow": "drop",
        "queue_length": 16384,
        "linger": 30,
        "copy_range": 65535,
        "rules": "/etc/qverdictd/rules.yaml",
        "watch_sets": True,
        "attach": None,
    }


def test_every_key(tmp_path: Path) -> None:
    text = (
        "transport: netfilterqueue\nengine: reference\nengine_memory: 2G\nqueues: 4-7\n"
        "cpus: 0,2-3\noverflow: accept\n"
        "queue_length: 1\nlinger: 0\ncopy_range: 1\nrules: r.yaml\nwatch_sets: false\n"
        "attach: {in: eth0}\n"
    )
    config = read_config(written(tmp_path, text))
    assert list(config.model_dump().values()) == [
        "netfilterqueue", "reference", "2G", "4-7", "0,2-3", "accept", 1, 0, 1, "r.yaml", False,
        AttachShape.model_validate({"in": "eth0"}).model_dump(),
    ]  # fmt: skip
    assert queue_numbers(config.queues) == (4, 5, 6, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("transprt: auto\n", "1:1: unknown key 'transprt': did you mean 'transport'?"),
        (
            "transport: nfq\n",
            "1:12: expected 'auto', 'ipqueue', 'nfqueue' or 'netfilterqueue', not",
        ),
        (
            "engine_memory: true\n",
            "1:16: expected memory such as 512M or 2G, at least 64K, not",
        ),
        ("engine: natve\n", "1:9: expected 'auto', 'native' or 'reference', not 'natve': did you"),
        ("overflow: on\n", "1:11: on means different things in YAML 1.1 and 1.2: quote it"),
        ("queue_length: 0\n", "1:15: expected 1 or more, not 0"),
        ("queue_length: big\n", "1:15: expected a whole number, not big"),
        ("copy_range: 65536\n", "1:13: expected 65535 or less, not 65536"),
        ("rules: 5\n", "1:8: expected text, not 5: quote it"),
        ("queues: 65536\n", "1:9: expected a queue's number, 0 to 65535, or a range such as 0-3"),
        ("queues: 3-1\n", "1:9: expected a queue's number, 0 to 65535, or a range such as 0-3"),
        ("queues: -1\n", "1:9: expected a queue's number, 0 to 65535, or a range such as 0-3"),
        ("queues: true\n", "1:9: expected a queue's number, 0 to 65535, or a range such as 0-3"),
        ("queues: [0]\n", "1:9: expected a queue's number, 0 to 65535, or a range such as 0-3"),
        ("cpus: 1-0\n", "1:7: expected auto, none, or processors such as 0-3 or 0,2, not '1-0'"),
        ("cpus: no\n", "1:7: no means different things in YAML 1.1 and 1.2: quote it"),
        ("queues:\n", "1:1: no value: give it one, or leave the key out"),
        ("- a\n", "1:1: expected a mapping (key: value), not [a]"),
        ("rules: [\n", "2:1: broken YAML"),
        ("attach: {hooks: [forwards]}\n", "1:18: expected 'prerouting', 'input', 'forward',"),
        ("attach: {hooks: []}\n", "1:17: an empty list"),
        ("attach: {proto: tpc}\n", "1:17: no protocol 'tpc'"),
        ("attach: {proto: tcp, dport: 80:90}\n", "1:29: expected ports such as"),
        ("attach: {proto: tcp, dport: 90-80}\n", "1:29: expected ports such as 80, 8000-8080"),
        ("attach: {dport: 80}\n", "1:9: sport and dport need proto: tcp or proto: udp"),
        ("attach: {in: 'a b'}\n", "1:14: expected an interface such as eth0"),
        ("attach: {hooks: [output], in: eth0}\n", "1:9: 'in' has no meaning at hook output"),
        ("attach: {proto: icmp, family: ip6}\n", "1:9: proto icmp is not in family ip6"),
        ("attach: {on_stop: away}\n", "1:19: expected 'keep' or 'detach', not 'away'"),
        ("attach: {backend: nftables}\n", "1:19: expected 'auto', 'nft', 'iptables-nft'"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(PolicyError) as caught:
        read_config(file)
    found = [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]
    assert [message[: len(expected)] for message in found] == [expected]
    assert caught.value.exit_code == Exit.CONFIG


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read_config(written(tmp_path, "engin: x\nqueues: x\ncopy_range: x\n"))
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read the configuration: No such file"):
        read_config(tmp_path / "none.yaml")


def test_the_usual_file_need_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_module, "CONFIG_FILE", tmp_path / "qverdictd.yaml")
    assert read_config(None) == Config()
    written(tmp_path, "copy_range: 100\n")
    assert read_config(None).copy_range == 100


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "1-2-3", "0-256", "99999", "0x1", "1 - 2"])
def test_what_is_no_queue(text: str) -> None:
    with pytest.raises(ValueError, match="expected a queue's number"):
        queue_numbers(text)


def test_amounts_of_memory() -> None:
    amounts = [memory_size(text) for text in ("1G", "512M", "64K", 65536, "65536")]
    assert amounts == [1 << 30, 512 << 20, 1 << 16, 1 << 16, 1 << 16]
    for text in ("", "G", "1T", "1 G", "1.5G", "-1G", "1g", 65535, "63K", "9" * 12 + "G"):
        with pytest.raises(ValueError, match="expected memory such as 512M or 2G, at least 64K"):
            memory_size(text)


def test_processors() -> None:
    assert [cpu_numbers(text) for text in ("auto", "none", 2, "0-2", "5,0-1")] == [
        "auto", "none", (2,), (0, 1, 2), (5, 0, 1),
    ]  # fmt: skip
    for text in ("", "all", "1,", "1-", "-1", "99999", "0 1"):
        with pytest.raises(ValueError, match="expected auto, none, or processors"):
            cpu_numbers(text)
