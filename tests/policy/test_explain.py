# SPDX-License-Identifier: GPL-2.0
"""A policy as numbered pseudo-code."""

from pathlib import Path

import pytest

from qverdictd.policy.explain import explain
from qverdictd.policy.load import load
from tests.vectors import FILES, scenario

POLICY = r"""
version: 1
default: drop
on_error: accept
sets:
  ours: {type: cidr, file: ours.txt}
rules:
  - name: telnet
    match: {proto: tcp, dport: [23, 2323], src: {not: "@ours"}}
    verdict: drop
    log: {level: notice, prefix: no}
  - name: nested
    match:
      any:
        - {dport: 53, payload: abc}
        - not: {ttl: {lt: 5}}
        - all: [{payload: {hex: "00 ff", at: 4}}, {payload: {length: 1-9}}]
    mark: {set: 0x1ff, mask: 0xf0}
  - name: edits
    match: {proto: udp}
    rewrite:
      - set: {ttl: 9, dst: "2001:db8::1"}
      - replace: {text: a, with: b, count: 2}
      - replace: {regex: "(x+)", with: "<\\1>"}
      - payload: {hex: "00"}
    verdict: {queue: 7}
  - {name: rest, log: true, verdict: repeat}
"""

EXPLAINED = r"""set @ours: cidr, with FOLDER/ours.txt
   0  if the packet cannot be judged: accept, at once
   1  telnet: if dport in [23, 2323] and proto in tcp and not (src in @ours)
        log at notice: no
        drop, end
   2  nested: if (dport in 53 and payload has b'abc') or not (ttl in 0-4) """ + (
    r"""or (payload has b'\x00\xff' at 4 and payload length in 1-9)
        mark = mark & ~0xf0 | 0xf0
        go on with the next rule
   3  edits: if proto in udp
        set ttl = 9
        set dst = 2001:db8::1
        replace b'a' with b'b', 2 times at most
        replace /(x+)/ with '<\1>'
        set payload = b'\x00'
        to queue 7, end
   4  rest: always
        log at info
        repeat, end
   5  drop  (default)
"""
)


def test_each_part_is_shown(tmp_path: Path) -> None:
    (tmp_path / "ours.txt").write_text("192.0.2.0/24\n")
    (tmp_path / "rules.yaml").write_text(POLICY.replace("prefix: no", "prefix: 'no'"))
    shown = explain(load(tmp_path / "rules.yaml"))
    assert shown.replace(str(tmp_path), "FOLDER") == EXPLAINED


@pytest.mark.parametrize(
    ("match", "shown"),
    [
        ("{}", "always"),
        ("{family: ip6}", "if family in ip6"),
        ("{src: 192.0.2.1}", "if src in 192.0.2.1"),
        ("{src: [192.0.2.0/25, 192.0.2.128/25]}", "if src in 192.0.2.0/24"),
        ("{src: [192.0.2.9-192.0.2.12, '::/0']}", "if src in [192.0.2.9-192.0.2.12, ::/0]"),
        ("{dst: 0.0.0.0/0}", "if dst in 0.0.0.0/0"),
        ("{src: '@ours'}", "if src in @ours"),
        ("{src: ['@ours', 10.0.0.1]}", "if src in [10.0.0.1, 192.0.2.0/24]"),
        ("{port: 53}", "if sport in 53 or dport in 53"),
        ("{port: '@web', ttl: 1}", "if ttl in 1 and (sport in @web or dport in @web)"),
        ("{proto: [tcp, 17, 200, 250-255]}", "if proto in [tcp, udp, 200, 250-255]"),
        ("{dscp: [ef, 0, 63]}", "if dscp in [be, ef, 63]"),
        ("{icmp.type: echo-request}", "if icmp.type in echo-request"),
        ("{icmp.type: [8, 9-11]}", "if icmp.type in 8-11"),
        (
            "{icmp.code: [port-unreachable, no-route]}",
            "if icmp.code in [port-unreachable, no-route]",
        ),
        ("{fragment: false}", "if fragment in false"),
        ("{tcp.flags: 'syn,!ack'}", "if tcp.flags in syn,!ack"),
        ("{tcp.flags: [fin, rst]}", "if tcp.flags in fin or tcp.flags in rst"),
        ("{mark: [1, 16-31]}", "if mark in [0x1, 0x10-0x1f]"),
        ("{mark: {value: 1, mask: 0xf}}", "if mark in {value: 0x1, mask: 0xf}"),
        ("{in: [eth0, 'wg*', '*']}", "if in in [eth0, *, wg*]"),
        ("{mac.src: '02-00-5E-10-00-01'}", "if mac.src in 02:00:5e:10:00:01"),
        ("{hook: [input, forward]}", "if hook in [input, forward]"),
        ("{payload: {hex: 'c3 a9', within: [2, 9]}}", r"if payload has b'\xc3\xa9' within [2, 9]"),
        (r"{payload: {regex: '^\d+$'}}", r"if payload matches /^\d+$/"),
        (r'{payload: {regex: "a\nb", within: [0, 4]}}', r"if payload matches /a\nb/ within [0, 4]"),
        ("{not: {not: {ttl: 1}}}", "if ttl in 1"),
        ("{dport: {not: [1, 2]}}", "if not (dport in 1-2)"),
        (
            "{all: [{ttl: 1}, {all: [{ecn: 1}]}], dport: 5}",
            "if dport in 5 and ttl in 1 and ecn in ect1",
        ),
        (
            f"{{src: [{', '.join(f'10.0.{n}.1' for n in range(25))}]}}",
            f"if src in [{', '.join(f'10.0.{n}.1' for n in range(20))}, and 5 more]",
        ),
    ],
)
def test_conditions_are_readable(tmp_path: Path, match: str, shown: str) -> None:
    (tmp_path / "rules.yaml").write_text(
        "version: 1\nsets: {ours: {type: cidr, values: [192.0.2.0/24]}, "
        f"web: {{type: port, values: [80]}}}}\nrules:\n- {{name: r, match: {match}}}\n"
    )
    line = explain(load(tmp_path / "rules.yaml")).splitlines()[3]
    assert line == f"   1  r: {shown}"


def test_every_rule_has_its_number(tmp_path: Path) -> None:
    for file in FILES:
        folder = tmp_path / file.stem
        policy = load(scenario(file).write_to(folder))
        lines = explain(policy).splitlines()
        for number, rule in enumerate(policy.rules, 1):
            assert any(line.startswith(f"{number:4}  {rule.name}: ") for line in lines)
        assert lines[-1] == f"{len(policy.rules) + 1:4}  {policy.default.value}  (default)"
