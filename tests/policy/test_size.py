# SPDX-License-Identifier: GPL-2.0
"""A rule that could change the size of a TCP, SCTP or DCCP payload does not load."""

from pathlib import Path

import pytest

from tests.policy.loading import problems

GROWS = "{replace: {text: a, with: bb}}"
SAME = "{replace: {text: a, with: b}}"


def found(folder: Path, match: str, edit: str) -> list[str]:
    rule = f"{{name: r, match: {match}, rewrite: [\n{edit}]}}"
    return problems(folder, f"version: 1\nrules:\n- {rule}\n")


@pytest.mark.parametrize(
    ("match", "protocols"),
    [
        ("{}", "DCCP, SCTP, TCP"),
        ("{proto: tcp}", "TCP"),
        ("{proto: 6}", "TCP"),
        ("{proto: sctp}", "SCTP"),
        ("{proto: [udp, dccp]}", "DCCP"),
        ("{proto: 0-20}", "TCP"),
        ("{proto: {not: udp}}", "DCCP, SCTP, TCP"),
        ("{proto: {not: [tcp, sctp]}}", "DCCP"),
        ("{dport: 53}", "DCCP, SCTP, TCP"),
        ("{port: 53, proto: {not: tcp}}", "DCCP, SCTP"),
        ("{tcp.flags: syn}", "TCP"),
        ("{payload: a}", "DCCP, SCTP, TCP"),
        ("{any: [{proto: udp}, {proto: tcp}]}", "TCP"),
        ("{any: [{proto: udp}, {ttl: 1}]}", "DCCP, SCTP, TCP"),
        ("{all: [{proto: [udp, tcp]}, {ttl: 1}]}", "TCP"),
        ("{not: {proto: udp}}", "DCCP, SCTP, TCP"),
        ("{not: {proto: tcp, dport: 5}}", "DCCP, SCTP, TCP"),
        ("{not: {not: {proto: tcp}}}", "TCP"),
        ("{not: {any: [{proto: [sctp, dccp]}, {ttl: 5}]}}", "TCP"),
    ],
)
def test_refused(tmp_path: Path, match: str, protocols: str) -> None:
    (message,) = found(tmp_path, match, GROWS)
    assert message == (
        "4:11: this changes the payload's size, and the rule can match "
        f"{protocols}, whose payload must keep its size: "
        "replace text or hex by as many bytes, or match proto: udp or icmp"
    )
    assert not found(tmp_path, match, SAME)


@pytest.mark.parametrize(
    "match",
    [
        "{proto: udp}",
        "{proto: [udp, udplite, icmp, icmpv6]}",
        "{proto: 17-20}",
        "{proto: {not: [tcp, sctp, dccp]}}",
        "{not: {proto: [tcp, sctp, dccp]}}",
        "{not: {any: [{proto: tcp}, {proto: sctp}, {proto: dccp}]}}",
        "{not: {not: {proto: udp}}}",
        "{icmp.type: echo-request}",
        "{icmp.code: {not: 0}}",
        "{not: {icmp.type: 3}}",
        "{all: [{dport: 53}, {proto: udp}]}",
        "{any: [{proto: udp, dport: 53}, {icmp.type: 8}]}",
        "{dport: 53, not: {proto: [tcp, sctp, dccp]}}",
        "{proto: esp}",
        "{proto: udp, tcp.flags: syn}",
    ],
)
def test_loaded(tmp_path: Path, match: str) -> None:
    assert not found(tmp_path, match, GROWS)


@pytest.mark.parametrize(
    ("edit", "refused"),
    [
        ("{replace: {hex: '00', with_hex: '0000'}}", True),
        ("{replace: {hex: '00', with: a}}", False),
        ("{replace: {text: ä, with: ab}}", False),
        ("{replace: {text: ä, with: a}}", True),
        ("{replace: {regex: a, with: b}}", True),
        ("{payload: {text: a}}", True),
        ("{set: {ttl: 1, sport: 5}}", False),
    ],
)
def test_which_edits_change_it(tmp_path: Path, edit: str, refused: bool) -> None:
    assert bool(found(tmp_path, "{proto: tcp}", edit)) is refused
    assert not found(tmp_path, "{proto: udp}", edit)
