# SPDX-License-Identifier: GPL-2.0
"""Each thing that is wrong in a policy is said at its place, all of them in one run."""

from pathlib import Path

import pytest

from tests.policy.loading import problems

HEAD = "version: 1\n"
RULE = "version: 1\nrules:\n  - {name: r, "
MATCH = "version: 1\nrules:\n  - name: r\n    match: {"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", "1:1: empty: a policy begins with 'version: 1'"),
        ("# version: 1\n", "1:1: empty: a policy begins with 'version: 1'"),
        ("- 1\n", "1:1: expected a mapping (key: value), not [1]"),
        ("default: drop\n", "1:1: 'version' is missing"),
        ("version: 2\n", "1:10: expected 1, not '2'"),
        ("version: '1'\n", "1:10: expected 1, not '1'"),
        (HEAD + "defualt: drop\n", "2:1: unknown key 'defualt': did you mean 'default'?"),
        (HEAD + "zzz: 1\n", "2:1: unknown key 'zzz': known here are version, default, on_error"),
        (HEAD + "'<mapping>': 1\n", "2:1: unknown key '<mapping>': known here are version"),
        (HEAD + "'[key]': 1\n", "2:1: unknown key '[key]': known here are version"),
        (HEAD + "default: dorp\n", "2:10: expected 'accept' or 'drop', not 'dorp': did you mean"),
        (HEAD + "on_error: repeat\n", "2:11: expected 'accept' or 'drop', not 'repeat'"),
        (HEAD + "rules:\n", "2:1: no value: give it one, or leave the key out"),
        (HEAD + "rules: {}\n", "2:8: expected a list, not {}"),
        (HEAD + "sets: []\n", "2:7: expected a mapping (key: value), not []"),
        (HEAD + "rules:\n  - \n", "3:4: no value: give it one, or leave the key out"),
        (HEAD + "rules:\n  - r\n", "3:5: expected a mapping (key: value), not r"),
        (HEAD + "rules:\n  - {verdict: drop}\n", "3:5: 'name' is missing"),
        (HEAD + "rules:\n  - {name: 5}\n", "3:12: expected text, not 5: quote it"),
        (HEAD + "rules:\n  - {name: a b}\n", "3:12: 'a b': a name is 1 to 64 letters, digits"),
        (HEAD + "rules:\n  - {name: default}\n", "3:12: 'default' is what decisions say where"),
        (HEAD + "rules:\n  - {name: error}\n", "3:12: 'error' is what decisions say where no"),
        (RULE + "match: }\n", "3:15: no value: give it one, or leave the key out"),
        (RULE + "mach: {}}\n", "3:15: unknown key 'mach': did you mean 'match'?"),
        (RULE + "match: 5}\n", "3:22: expected a mapping (key: value), not 5"),
        (
            RULE + "verdict: dropp}\n",
            "3:24: expected 'accept', 'drop', 'repeat' or 'continue', not",
        ),
        (RULE + "verdict: {queue: 65536}}\n", "3:32: expected 65535 or less, not 65536"),
        (RULE + "verdict: {queue: -1}}\n", "3:32: expected 0 or more, not -1"),
        (RULE + "verdict: {queue: '1'}}\n", "3:32: expected a whole number, not 1"),
        (RULE + "verdict: {queue: 1, que: 1}}\n", "3:35: unknown key 'que': did you mean 'queue'?"),
        (RULE + "verdict: {}}\n", "3:24: 'queue' is missing"),
        (RULE + "verdict: true}\n", "3:24: expected 'accept', 'drop', 'repeat' or 'continue', not"),
        (RULE + "mark: 4294967296}\n", "3:21: expected 4294967295 or less, not 4294967296"),
        (RULE + "mark: {mask: 1}}\n", "3:21: 'set' is missing"),
        (RULE + "mark: {set: 1, msk: 1}}\n", "3:30: unknown key 'msk': did you mean 'mask'?"),
        (RULE + "mark: {set: 1.5}}\n", "3:27: expected a whole number, not 1.5"),
        (RULE + "log: info}\n", "3:20: expected true or false, not info"),
        (RULE + "log: {level: inof}}\n", "3:28: expected 'debug', 'info', 'notice', 'warning' or"),
        (RULE + 'log: {prefix: "a\\nb"}}\n', "3:29: 'a\\nb': a prefix is up to 64 characters on"),
        (RULE + "rewrite: {set: {}}}\n", "3:24: expected a list, not {set: {}}"),
        (MATCH + "dprt: 1}\n", "4:13: unknown key 'dprt': did you mean 'dport'?"),
        (MATCH + "any: [{dprt: 1}]}\n", "4:20: unknown key 'dprt': did you mean 'dport'?"),
        (MATCH + "not: {all: [{tpc: 1}]}}\n", "4:26: unknown key 'tpc': known here are any, all"),
        (MATCH + "any: []}\n", "4:18: an empty list: give it a value, or leave the key out"),
        (MATCH + "any: {}}\n", "4:18: expected a list, not {}"),
        (MATCH + "not: []}\n", "4:18: expected a mapping (key: value), not []"),
        (MATCH + "dport: }\n", "4:13: no value: give it one, or leave the key out"),
    ],
)
def test_shape(tmp_path: Path, policy: str, expected: str) -> None:
    found = problems(tmp_path, policy)
    assert [message[: len(expected)] for message in found] == [expected]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("dport: 65536", "20: 65536 is out of range: dport is 0 to 65535"),
        ("dport: -1", "20: -1 is out of range: dport is 0 to 65535"),
        ("dport: 9-1", "20: the range 9-1 runs backwards: 1-9"),
        ("dport: http", "20: expected a number from 0 to 65535, a range, not 'http'"),
        ("dport: true", "20: expected a number from 0 to 65535, a range, not true"),
        ("dport: 1.5", "20: expected a number from 0 to 65535, a range, not 1.5"),
        ("dport: '0x10'", "20: expected a number from 0 to 65535, a range, not '0x10'"),
        ("dport: []", "20: an empty list matches nothing: list a value, or leave the key out"),
        ("dport: [1, 70000]", "24: 70000 is out of range: dport is 0 to 65535"),
        ("dport: {not: 70000}", "26: 70000 is out of range: dport is 0 to 65535"),
        ("dport: {not: 1, lt: 3}", "20: 'not' stands alone in its mapping"),
        ("dport: {lte: 5}", "20: unknown operator 'lte': dport takes lt, le, gt, ge, not"),
        ("dport: {lt: 0}", "20: {lt: 0} can never hold"),
        ("dport: {}", "20: {} can never hold"),
        ("dport: {gt: 5, lt: 6}", "20: {gt: 5, lt: 6} can never hold"),
        ("dport: {lt: a}", "20: lt: expected a number, not a"),
        ("dport: {ge: 65536}", "20: 65536 is out of range: dport is 0 to 65535"),
        ("port: 70000", "19: 70000 is out of range: port is 0 to 65535"),
        ("port: [1, {not: x}]", "29: expected a number from 0 to 65535, a range, not 'x'"),
        (
            "proto: tpc",
            "20: expected a number from 0 to 255, a range or a name, not 'tpc': did you",
        ),
        ("family: ipv4", "21: expected one of ip, ip6, not 'ipv4'"),
        ("family: 4", "21: expected one of ip, ip6, not 4"),
        ("hook: inptu", "19: expected one of prerouting, input, forward, output, postrouting, not"),
        ("src: 10.0.0.1/8", "18: 10.0.0.1/8 has bits set past its prefix: 10.0.0.0/8, or the"),
        ("src: '2001:db8::1/32'", "18: 2001:db8::1/32 has bits set past its prefix: 2001:db8::"),
        ("src: 10.0.0.0/33", "18: expected a prefix length from 0 to 32, not '33'"),
        ("src: 10.0.0.0/", "18: expected a prefix length from 0 to 32, not ''"),
        ("src: 10.0.0.256", "18: expected an IPv4 or IPv6 address, not 10.0.0.256"),
        ("src: 10.0.0", "18: expected an IPv4 or IPv6 address, not 10.0.0"),
        ("src: 10.0", '18: expected an address, a CIDR or an "a-b" range, not 10.0'),
        ("src: 5", '18: expected an address, a CIDR or an "a-b" range, not 5'),
        ("src: localhost", "18: expected an IPv4 or IPv6 address, not localhost"),
        ("src: 10.0.0.9-10.0.0.1", "18: the range 10.0.0.9-10.0.0.1 runs backwards"),
        ("src: '10.0.0.1-::1'", "18: the range 10.0.0.1-::1 begins and ends in different families"),
        ("src: {lt: 10.0.0.1}", '18: expected an address, a CIDR or an "a-b" range, not {lt:'),
        ("fragment: 1", "23: expected true or false, not 1"),
        (
            "tcp.flags: sin",
            "24: unknown flag 'sin': expected fin, syn, rst, psh, ack, urg, ece, cwr",
        ),
        ("tcp.flags: 'syn,!syn'", "24: flag 'syn' is named twice"),
        ("tcp.flags: 2", '24: expected flags such as "syn,!ack", not 2'),
        ("icmp.type: 256", "24: 256 is out of range: icmp.type is 0 to 255"),
        ("icmp.type: echo", "24: expected a number from 0 to 255, a range or a name, not 'echo'"),
        ("payload: 5", "22: expected text, or a mapping with text, hex, regex or length: 5"),
        ("payload: ''", "22: text: expected at least one byte"),
        ("payload: {text: a, hex: '00'}", "22: expected one of text, hex, regex, length"),
        ("payload: {txt: a}", "22: expected one of text, hex, regex, length, not 'txt': did you"),
        ("payload: {hex: abc}", "22: expected bytes as \"dead beef\", not 'abc'"),
        ("payload: {text: a, at: -1}", "22: at: expected an offset in bytes, from 0, not -1"),
        ("payload: {text: a, at: 0, within: [0, 1]}", "22: expected at or within, not both"),
        ("payload: {text: abc, within: [0, 2]}", "22: {text: abc, within: [0, 2]} can never"),
        ("payload: {text: a, within: [2, 2]}", "22: within: expected [from, to] in bytes, from"),
        ("payload: {regex: a, at: 0}", "22: 'at' does not go with regex"),
        ("payload: {length: 5, at: 0}", "22: 'at' does not go with length"),
        ("payload: {length: x}", "22: expected a number from 0 to 4294967295, a range, not 'x'"),
        ("payload: {regex: '('}", "22: not a regular expression that RE2 takes: missing )"),
        ("payload: {regex: '(?=a)'}", "22: not a regular expression that RE2 takes: invalid perl"),
        ("payload: {regex: '(a)\\1'}", "22: not a regular expression that RE2 takes: invalid esc"),
        (
            "payload: {regex: ä}",
            "22: a regular expression is matched over bytes: write a character",
        ),
        ("payload: {regex: ''}", "22: expected a regular expression, not ''"),
        ("payload: {regex: '((a{100}){100}){100}'}", "22: not a regular expression that RE2"),
        ("in: abcdefghijklmnop", "17: 'abcdefghijklmnop': an interface's name has at most 15"),
        ("in: e*h", "17: 'e*h': expected a name, with * at its end alone for a prefix"),
        ("in: 5", "17: expected an interface's name, not 5"),
        ("mark: {value: 2, mask: 1}", "19: {value: 2, mask: 1} can never hold: value has bits"),
        ("mark: {value: 2, msk: 1}", "19: unknown key 'msk': expected value and mask"),
        ("mac.src: '02:00:5e'", '22: expected a hardware address such as "02:00:5e:10:00:01"'),
        ("uid: nobody-has-this-name", "18: no uid is called 'nobody-has-this-name' on this"),
        ("gid: nobody-has-this-name", "18: no gid is called 'nobody-has-this-name' on this"),
        ("src: '@none'", "18: no set is called 'none'"),
        ("src: '@hsots'", "18: no set is called 'hsots': did you mean 'hosts'?"),
        ("dport: '@hosts'", "20: set 'hosts' is of type cidr: dport takes port"),
        ("family: '@hosts'", "21: set 'hosts' is of type cidr: family takes no set"),
        ("ttl: '@ports'", "18: set 'ports' is of type port: ttl takes number"),
    ],
)
def test_values(tmp_path: Path, match: str, expected: str) -> None:
    policy = (
        "version: 1\n"
        "sets: {hosts: {type: cidr, values: [192.0.2.1]}, ports: {type: port, values: [1]}}\n"
        "rules:\n"
        "  - name: r\n"
        f"    match: {{{match}}}\n"
    )
    found = problems(tmp_path, policy)
    expected = f"5:{expected}"
    assert [message[: len(expected)] for message in found] == [expected]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ("{}", "5:9: expected one of set, replace, payload"),
        ("{set: {ttl: 1}, payload: {text: a}}", "5:9: expected one of set, replace, payload"),
        ("{sett: {ttl: 1}}", "5:10: unknown key 'sett': did you mean 'set'?"),
        ("{set: {ttl: 256}}", "5:21: 256 is out of range: ttl is 0 to 255"),
        ("{set: {ttl: 1-2}}", "5:21: expected one number, not 1-2"),
        ("{set: {length: 5}}", "5:16: unknown key 'length': known here are src, dst, sport"),
        ("{set: {src: 10.0.0.0/8}}", "5:21: expected an IPv4 or IPv6 address, not 10.0.0.0/8"),
        ("{set: {src: '@hosts'}}", "5:21: expected an IPv4 or IPv6 address, not @hosts"),
        ("{replace: {text: a}}", "5:19: expected with or with_hex, one of them"),
        ("{replace: {with: a}}", "5:19: expected one of text, hex, regex"),
        ("{replace: {text: '', with: a}}", "5:19: text: expected at least one byte"),
        ("{replace: {text: a, with: a, with_hex: '00'}}", "5:19: expected with or with_hex, one"),
        ("{replace: {text: a, hex: '00', with: a}}", "5:19: expected one of text, hex, regex"),
        ("{replace: {text: a, with: b, count: 0}}", "5:45: expected 1 or more, not 0"),
        ("{replace: {text: a, wiht: b}}", "5:29: unknown key 'wiht': did you mean 'with'?"),
        ("{replace: {regex: '(', with: b}}", "5:19: not a regular expression that RE2 takes"),
        ("{replace: {regex: '(a)', with: '\\2'}}", "5:19: with: \\2, but the regex has 1 groups"),
        ("{replace: {regex: 'a', with: '\\0'}}", "5:19: with: \\0: expected \\1 to \\9, or \\\\"),
        (
            "{replace: {regex: 'a', with: 'x\\'}}",
            "5:19: with: \\: expected \\1 to \\9, or \\\\ for",
        ),
        ("{payload: {}}", "5:19: expected text or hex, one of them"),
        ("{payload: {hex: '0'}}", "5:19: expected bytes as \"dead beef\", not '0'"),
        ("{payload: text}", "5:19: expected a mapping (key: value), not text"),
    ],
)
def test_rewrites(tmp_path: Path, edit: str, expected: str) -> None:
    policy = (
        "version: 1\nrules:\n  - {name: r, match: {proto: udp}, rewrite: [\n"
        f"# an edit a line\n        {edit}]}}\n"
    )
    found = problems(tmp_path, policy)
    assert expected in [message[: len(expected)] for message in found]


def test_all_errors_come_in_one_run_in_their_order(tmp_path: Path) -> None:
    policy = """defualt: drop
sets:
  broken: {type: cidr, values: [1.2.3]}
rules:
  - {name: a, match: {dport: x}, verdict: dorp}
  - {name: b, match: {src: "@broken", tcp.flags: no}}
  - {name: c, match: {dport: 70000}, rewrite: [{set: {ttl: 999}}]}
  - {name: c, mark: -1}
tests:
  - {name: t, packet: {proto: tcp, icmp.type: 8}, expect: {verdict: maybe}}
  - {name: u, packet: {dport: 5}, expect: {verdict: drop}}
"""
    places = [message.split(": ")[0] for message in problems(tmp_path, policy)]
    assert places == [
        "1:1", "1:1", "3:33", "5:30", "5:43", "6:50", "7:30", "7:60", "8:12", "8:21", "10:69",
        "11:23",
    ]  # fmt: skip
