# SPDX-License-Identifier: GPL-2.0
"""Illnesses that not every machine can be given: from facts as such a machine has them."""

import json

import pytest

from qverdictd.control.config import Config
from qverdictd.doctor.checks import findings
from qverdictd.doctor.facts import Facts
from qverdictd.doctor.finding import Severity
from qverdictd.doctor.read_nft import has_xtables, read_nft
from qverdictd.doctor.read_xtables import read_xtables
from qverdictd.doctor.ruleset import Ruleset
from qverdictd.transport.proc import Process, QueueState

DAEMON = Process(7, "qverdictd", ("/usr/bin/python3", "/usr/bin/qverdictd", "run"))
HELD = {0: QueueState(0, 4711, 0, 0, 0, 9)}

NFT = {
    "nftables": [
        {"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": "f", "handle": 1}},
        {"flowtable": {"family": "inet", "name": "fast", "table": "f", "handle": 3,
                       "hook": "ingress", "prio": 0, "dev": ["eth0", "eth1"]}},
        {"chain": {"family": "inet", "table": "f", "name": "forward", "handle": 2,
                   "type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}},
        {"chain": {"family": "inet", "table": "f", "name": "web", "handle": 4}},
        {"rule": {"family": "inet", "table": "f", "chain": "forward", "handle": 5, "expr": [
            {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}},
            {"flow": {"op": "add", "flowtable": "@fast"}}]}},
        {"rule": {"family": "inet", "table": "f", "chain": "forward", "handle": 6, "expr": [
            {"jump": {"target": "web"}}]}},
        {"rule": {"family": "inet", "table": "f", "chain": "web", "handle": 7, "expr": [
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}},
                       "right": 80}},
            {"queue": {"num": {"range": [0, 3]}, "flags": ["bypass", "fanout"]}}]}},
    ]
}  # fmt: skip
"""A ruleset as libnftables-json(5) prints it."""


def healthy(ruleset: Ruleset) -> Facts:
    return Facts(before=HELD, after=HELD, holders={4711: [DAEMON]}, ruleset=ruleset)


def legacy(*rules: str) -> Ruleset:
    lines = ["*filter", ":FORWARD ACCEPT [0:0]", *(f"-A FORWARD {rule}" for rule in rules)]
    return read_xtables("iptables-legacy", "\n".join([*lines, "COMMIT", ""]))


def names(facts: Facts, config: Config | None = None) -> list[str]:
    return [finding.name for finding in findings(facts, config or Config())]


def test_a_healthy_machine() -> None:
    assert names(healthy(legacy("-j QUEUE"))) == []


def test_a_queue_of_nft_and_its_flowtable() -> None:
    config = Config(queues="0-3", overflow="accept")
    ruleset = read_nft(json.dumps(NFT))
    (rule,) = ruleset.rules
    assert (rule.first, rule.last, rule.bypass, rule.ports, rule.hook) == (
        0,
        3,
        True,
        True,
        "forward",
    )
    assert str(rule) == "nft: inet f: web: queue flags bypass to 0-3 (handle 7)".replace(
        "f: ", "f "
    )
    facts = healthy(ruleset)
    facts.after = {n: QueueState(n, 4711, 0, 0, 0, 0) for n in range(4)}
    (offload,) = findings(facts, config)
    assert (offload.name, offload.severity) == ("offload", Severity.ERROR)
    assert "nft: inet f forward: flow add @fast" in offload.text


@pytest.mark.parametrize("flags", [[], "bypass", ["bypass"], ["fanout"]])
@pytest.mark.parametrize(
    ("number", "first", "last"), [(5, 5, 5), ({"range": [1, 2]}, 1, 2), ({"jhash": {}}, 0, 65535)]
)
def test_each_form_of_a_queue_statement(
    flags: object, number: object, first: int, last: int
) -> None:
    rule = {"family": "ip", "table": "t", "chain": "c", "handle": 1,
            "expr": [{"queue": {"num": number, "flags": flags}}]}  # fmt: skip
    (read,) = read_nft(json.dumps({"nftables": [{"rule": rule}]})).unreachable
    assert (read.first, read.last) == (first, last)
    assert read.bypass == ("bypass" in flags)  # type: ignore[operator]
    bare = {**rule, "expr": [{"queue": None}]}
    (read,) = read_nft(json.dumps({"nftables": [{"rule": bare}]})).unreachable
    assert (read.first, read.last, read.bypass) == (0, 0, False)


def test_two_handlers() -> None:
    facts = healthy(legacy("-j QUEUE"))
    facts.ipqueue = True
    assert names(facts) == ["handlers-compete"]


def test_a_module_that_is_asked_for_but_not_there() -> None:
    config = Config(transport="ipqueue")
    facts = healthy(legacy("-j QUEUE"))
    (finding,) = findings(facts, config)
    assert finding.name == "no-ipqueue"
    assert "nfnetlink_queue, which is there, keeps it out" in finding.text
    facts.nfqueue, facts.after = False, {}
    assert "keeps it out" not in findings(facts, config)[0].text
    facts.ipqueue = True
    assert names(facts, config) == []


def test_a_kernel_without_queues() -> None:
    facts = Facts(nfqueue=False, ruleset=legacy("-j QUEUE"))
    assert names(facts) == ["no-queue"]


def test_a_holder_that_is_not_seen_is_a_note() -> None:
    facts = healthy(legacy("-j QUEUE"))
    facts.holders = {}
    (finding,) = findings(facts, Config())
    assert (finding.name, finding.severity) == ("holder-unknown", Severity.NOTE)


def test_a_queue_that_changed_hands_did_not_drop() -> None:
    facts = healthy(legacy("-j QUEUE"))
    facts.before = {0: QueueState(0, 1, 0, 900, 900, 9)}
    assert names(facts) == []


def test_our_socket_drops() -> None:
    facts = healthy(legacy("-j QUEUE"))
    facts.after = {0: QueueState(0, 4711, 0, 0, 17, 9)}
    facts.interval = 2
    (finding,) = findings(facts, Config())
    assert finding.name == "dropping"
    assert "dropped 17 packets within 2 s, as our socket's buffer was full" in finding.text


@pytest.mark.parametrize(
    "line",
    [
        "-m conntrack --ctstate NEW -j ACCEPT",
        "-m state --state NEW",
        "-j CT --zone 1",
        "-j MASQUERADE",
    ],
)
def test_what_tracks_connections(line: str) -> None:
    ports = "-p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 0"
    assert names(healthy(legacy(ports))) == ["fragments"]
    assert names(healthy(legacy(ports, line))) == []


def test_the_service_manager_keeps_the_queue_of_a_daemon_that_does_not_run() -> None:
    facts = healthy(legacy("-j NFQUEUE --queue-num 0"))
    daemon = Process(812, "qverdictd", ("/usr/bin/python3", "/usr/bin/qverdictd", "run"))
    manager = Process(1, "systemd", ("/sbin/init",))
    facts.holders = {4711: [manager, daemon]}
    assert names(facts) == []
    facts.holders = {4711: [manager]}
    assert names(facts) == ["kept"]


def test_the_worst_comes_first() -> None:
    facts = healthy(legacy("-p tcp -m tcp --dport 80 -j NFQUEUE --queue-num 0 --queue-bypass"))
    facts.holders = {4711: [Process(9, "other", ("other",))]}
    assert names(facts) == ["held", "bypass-differs", "fragments"]


def test_rules_of_iptables_in_the_ruleset_of_nft() -> None:
    xt = {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 1,
                   "expr": [{"xt": {"type": "target", "name": "NFQUEUE"}}]}}  # fmt: skip
    assert has_xtables(json.dumps({"nftables": [xt]}))
    assert not has_xtables(json.dumps(NFT))
