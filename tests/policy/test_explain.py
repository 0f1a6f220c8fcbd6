# SPDX-License-Identifier: GPL-2.0
"""A policy as numbered pseudo-code."""

from pathlib import Path

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
   2  nested: if (dport in 53 and payload abc) or not (ttl in {lt: 5}) """ + (
    r"""or (payload {hex: 00 ff, at: 4} and payload {length: 1-9})
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


def test_every_rule_has_its_number(tmp_path: Path) -> None:
    for file in FILES:
        folder = tmp_path / file.stem
        policy = load(scenario(file).write_to(folder))
        lines = explain(policy).splitlines()
        for number, rule in enumerate(policy.rules, 1):
            assert any(line.startswith(f"{number:4}  {rule.name}: ") for line in lines)
        assert lines[-1] == f"{len(policy.rules) + 1:4}  {policy.default.value}  (default)"
