# SPDX-License-Identifier: GPL-2.0
"""A policy of several files: rules.d, set files, and the tests inside."""

from pathlib import Path

import pytest

from qverdictd.errors import PolicyError
from qverdictd.policy.load import load
from tests.policy.loading import problems

HEAD = "version: 1\n"


def test_a_name_given_twice_is_told_with_both_places(tmp_path: Path) -> None:
    policy = """version: 1
sets: {s: {type: port, values: [1]}}
rules:
  - name: same
  - name: other
  - name: same
"""
    extra = "version: 1\nsets:\n  s: {type: port, values: [2]}\nrules:\n  - {name: other}\n"
    assert problems(tmp_path, policy, rules_d__a_yaml=extra) == [
        f"{tmp_path}/rules.d/a.yaml:3:3: set 's' is here twice: first at {tmp_path}/rules.yaml:2:8",
        f"{tmp_path}/rules.d/a.yaml:5:12: rule 'other' is here twice: "
        f"first at {tmp_path}/rules.yaml:5:11",
        f"6:11: rule 'same' is here twice: first at {tmp_path}/rules.yaml:4:11",
    ]


def test_what_holds_for_all_belongs_into_the_main_file(tmp_path: Path) -> None:
    extra = "version: 1\ndefault: drop\non_error: accept\n"
    assert problems(tmp_path, HEAD, rules_d__a_yaml=extra) == [
        f"{tmp_path}/rules.d/a.yaml:2:1: default belongs into the main file alone",
        f"{tmp_path}/rules.d/a.yaml:3:1: on_error belongs into the main file alone",
    ]


def test_files_are_added_in_lexical_order(tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    for name in ("b", "a", "10", "9", "B"):
        (tmp_path / "rules.d" / f"{name}.yaml").write_text(f"{HEAD}rules:\n  - name: r{name}\n")
    (tmp_path / "rules.yaml").write_text(f"{HEAD}rules:\n  - name: main\n")
    policy = load(tmp_path / "rules.yaml")
    assert [rule.name for rule in policy.rules] == ["main", "r10", "r9", "rB", "ra", "rb"]
    assert [Path(file).name for file in policy.files] == [
        "rules.yaml", "10.yaml", "9.yaml", "B.yaml", "a.yaml", "b.yaml",
    ]  # fmt: skip


def test_a_broken_file_does_not_hide_the_errors_of_another(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        HEAD + 'rules:\n  - {name: r, match: {src: "@perhaps-there", dport: x}}\n',
        rules_d__10_yaml="version: 1\nsets: [\n",
        rules_d__20_yaml="rules:\n  - {nme: s}\n",
    )
    assert [message.removeprefix(f"{tmp_path}/").split(": ")[0] for message in found] == [
        "rules.d/10.yaml:3:1",
        "rules.d/20.yaml:1:1",
        "rules.d/20.yaml:2:5",
        "rules.d/20.yaml:2:6",
        "3:53",
    ]


def test_a_folder_of_rules_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD)
    (tmp_path / "rules.d").symlink_to("rules.d")
    with pytest.raises(PolicyError, match=r"rules\.d:1:1: cannot read the folder: Too many levels"):
        load(tmp_path / "rules.yaml")


def test_a_folder_named_like_a_policy(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(HEAD)
    (tmp_path / "rules.d" / "a.yaml").mkdir(parents=True)
    with pytest.raises(PolicyError, match=r"a\.yaml:1:1: cannot read the policy: Is a directory"):
        load(tmp_path / "rules.yaml")


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot read the policy: No such file or directory"):
        load(tmp_path / "rules.yaml")


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("{type: cidr}", "3:3: a set needs values or a file"),
        ("{type: cidr, values: []}", "3:3: set 's' is empty: it would match nothing"),
        ("{values: [1]}", "3:6: 'type' is missing"),
        ("{type: cird, values: [1]}", "3:13: expected 'cidr', 'port', 'number', 'interface' or"),
        ("{type: port, values: 5}", "3:27: expected a list, not 5"),
        ("{type: port, values: [0, 65536]}", "3:31: 65536 is out of range: dport is 0 to 65535"),
        ("{type: port, values: [http]}", "3:28: expected a number from 0 to 65535, a range, not"),
        ("{type: cidr, values: [10.0.0.1/8]}", "3:28: 10.0.0.1/8 has bits set past its prefix"),
        ("{type: number, values: [-1]}", "3:30: -1 is out of range: a set's number is 0 to 4294"),
        ("{type: number, values: [{value: 1, mask: 1}]}", "3:30: unknown operator 'value': a set"),
        ("{type: interface, values: [a/b]}", "3:33: 'a/b': expected a name, with * at its end"),
        ("{type: mac, values: ['1']}", "3:27: expected a hardware address such as"),
        ("{type: cidr, values: ['@other']}", "3:28: expected an IPv4 or IPv6 address, not @other"),
        ("{type: cidr, file: none.txt}", "3:25: cannot read {folder}/none.txt: No such file or"),
        ("{type: cidr, file: .}", "3:25: cannot read {folder}: Is a directory"),
        ('{type: cidr, file: "a\\0"}', "3:25: cannot read {folder}/a\0: embedded null byte"),
        ("{type: cidr, fiel: a}", "3:19: unknown key 'fiel': did you mean 'file'?"),
    ],
)
def test_sets(tmp_path: Path, shape: str, expected: str) -> None:
    found = problems(tmp_path, f"{HEAD}sets:\n  s: {shape}\n")
    expected = expected.replace("{folder}", str(tmp_path))
    assert [message[: len(expected)] for message in found] == [expected]


def test_a_set_s_name_is_a_name(tmp_path: Path) -> None:
    found = problems(tmp_path, HEAD + "sets:\n  a b: {type: port, values: [1]}\n")
    assert found == ["3:3: 'a b': a set's name is letters, digits, and _ . -"]


def test_a_set_file_s_errors_have_its_own_places(tmp_path: Path) -> None:
    text = "\ufeff192.0.2.1  # first\n\n# none\n\t 192.0.2.256\n\x0cx\n10.0.0.1/8 # bits\n"
    policy = (
        HEAD + 'sets:\n  s: {type: cidr, file: s.txt}\nrules:\n  - {name: r, match: {src: "@s"}}\n'
    )
    assert problems(tmp_path, policy, s_txt=text) == [
        f"{tmp_path}/s.txt:4:3: expected an IPv4 or IPv6 address, not 192.0.2.256",
        f"{tmp_path}/s.txt:5:2: expected an IPv4 or IPv6 address, not x",
        f"{tmp_path}/s.txt:6:1: 10.0.0.1/8 has bits set past its prefix: "
        "10.0.0.0/8, or the address alone?",
    ]


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "s.txt").write_text("192.0.2.1\n")
    (tmp_path / "rules.d" / "a.yaml").write_text(HEAD + "sets: {s: {type: cidr, file: s.txt}}\n")
    (tmp_path / "rules.yaml").write_text(HEAD)
    assert load(tmp_path / "rules.yaml").files[-1] == str(tmp_path / "rules.d" / "s.txt")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("{packet: {}, expect: {verdict: drop}}", "5:5: 'name' is missing"),
        ("{name: t, expect: {verdict: drop}}", "5:5: 'packet' is missing"),
        ("{name: t, packet: {}}", "5:5: 'expect' is missing"),
        ("{name: t, packet: {}, expect: {}}", "5:35: 'verdict' is missing"),
        ("{name: t, packet: {}, expect: {verdict: continue}}", "5:45: expected 'accept', 'drop'"),
        ("{name: t, packet: {dprt: 1}, expect: {verdict: drop}}", "5:24: unknown key 'dprt'"),
        ("{name: t, packet: {port: 1}, expect: {verdict: drop}}", "5:24: unknown key 'port'"),
        ("{name: t, packet: {dport: 1}, expect: {verdict: drop}}", "5:23: dport needs a proto"),
        ("{name: t, packet: {ttl: 256}, expect: {verdict: drop}}", "5:29: 256 is out of range"),
        ("{name: t, packet: {ttl: 1-2}, expect: {verdict: drop}}", "5:29: expected one number"),
        ("{name: t, packet: {proto: [6]}, expect: {verdict: drop}}", "5:31: expected a number"),
        ("{name: t, packet: {in: e*}, expect: {verdict: drop}}", "5:28: expected one interface's"),
        ("{name: t, packet: {src: 1.2.3.0/24}, expect: {verdict: drop}}", "5:29: expected an IPv4"),
        ("{name: t, packet: {icmp.type: nope}, expect: {verdict: drop}}", "5:35: expected a numb"),
        ("{name: t, packet: {hex: zz}, expect: {verdict: drop}}", "5:23: expected bytes as"),
        ("{name: t, packet: {hex: '45', ttl: 1}, expect: {verdict: drop}}", "5:23: hex is the wh"),
        ("{name: t, packet: {hex: '45', payload: a}, expect: {verdict: drop}}", "5:23: hex is"),
        ("{name: t, packet: {payload: {}}, expect: {verdict: drop}}", "5:23: expected text or hex"),
        ("{name: t, packet: {src: 1.2.3.4, dst: '::1'}, expect: {verdict: drop}}", "5:23: src and"),
        ("{name: t, packet: {proto: udp, tcp.mss: 1}, expect: {verdict: drop}}", "5:23: a packet"),
        (
            "{name: t, packet: {}, expect: {verdict: drop, reason: x}}",
            "5:59: expected 'rule', 'def",
        ),
        (
            "{name: t, packet: {}, expect: {verdict: drop, payload: {hex: x}}}",
            "5:60: expected byte",
        ),
        ('{name: "a\\nb", packet: {}, expect: {verdict: accept}}', "5:12: 'a\\nb': a test's name"),
    ],
)
def test_tests_have_a_shape_too(tmp_path: Path, test: str, expected: str) -> None:
    found = problems(tmp_path, f"{HEAD}rules:\n  - {{name: r}}\ntests:\n  - {test}\n")
    assert expected in [message[: len(expected)] for message in found]


def test_a_failing_test_tells_the_rules_that_were_followed(tmp_path: Path) -> None:
    policy = """version: 1
rules:
  - {name: a, match: {proto: tcp}, verdict: drop}
  - {name: b, match: {proto: udp}, mark: 3, rewrite: [{payload: {text: new}}]}
  - {name: c, match: {dport: 7}, verdict: {queue: 5}}
  - {name: d, verdict: drop}
tests:
  - name: first
    packet: {proto: udp, dport: 7, payload: old}
    expect: {verdict: accept, rule: d, reason: default, mark: 4, replaced: false, payload: old}
  - {name: good, packet: {proto: tcp}, expect: {verdict: drop, rule: a}}
  - {name: second, packet: {proto: gre}, expect: {verdict: drop, rule: null}}
"""
    assert problems(tmp_path, policy) == [
        "8:5: test 'first' fails: verdict expected accept, got {queue: 5}; rule expected d, got c; "
        "reason expected default, got rule; mark expected 0x4, got 0x3; "
        "replaced expected False, got True; payload expected b'old', got b'new'; "
        "rules followed: a (no) > b (matches) > c (matches) > rule",
        "12:5: test 'second' fails: rule expected none, got d; "
        "rules followed: a (no) > b (no) > c (no) > d (matches) > rule",
    ]


def test_a_long_trace_is_shortened(tmp_path: Path) -> None:
    rules = "".join(f"  - {{name: r{number}, match: {{ttl: 1}}}}\n" for number in range(100))
    tests = "  - {name: t, packet: {}, expect: {verdict: drop}}\n"
    (found,) = problems(tmp_path, f"{HEAD}rules:\n{rules}tests:\n{tests}")
    assert "r2 (no) > ... 87 more > r90 (no)" in found
