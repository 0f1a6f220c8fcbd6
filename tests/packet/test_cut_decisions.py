# SPDX-License-Identifier: GPL-2.0
"""Decisions on packets that were cut: the whole packet's, or an error that says so."""

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Raw

from qverdictd.action.decision import Reason
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.policy.model import Policy
from qverdictd.policy.reference import evaluate

from ..generators.matches import SETS
from ..generators.packets import raw_packets
from ..generators.policies import loaded, policies


def _cut(raw: RawPacket, at_hand: int) -> RawPacket:
    return RawPacket(
        raw.id,
        raw.data[:at_hand],
        raw.length,
        raw.family,
        raw.hook,
        raw.indev,
        raw.outdev,
        raw.mark,
        raw.mac,
        raw.uid,
        raw.gid,
    )


@given(policies, st.lists(raw_packets, min_size=1, max_size=3), st.data())
def test_a_cut_changes_no_decision_unsaid(
    policy: Policy, packets: list[RawPacket], data: st.DataObject
) -> None:
    for raw in packets:
        whole = evaluate(policy, raw)
        assert whole.reason not in (Reason.TRUNCATED, Reason.MALFORMED, Reason.INTERNAL)
        cuts = data.draw(st.lists(st.integers(0, len(raw.data) - 1), min_size=1, max_size=12))
        for at_hand in {0, 20, 28, 40, 48, *cuts}:
            if at_hand >= len(raw.data):
                continue
            decision = evaluate(policy, _cut(raw, at_hand))
            if decision.reason is Reason.TRUNCATED:
                event("truncated")
                assert decision.verdict is policy.on_error
                assert decision.replacement is None
            else:
                event(f"the same: {decision.reason.value}")
                assert decision == whole


_HTTP = bytes(IP(src="192.0.2.1") / TCP(dport=80) / Raw(b"GET / HTTP/1.1\r\n"))
_OPTIONS = bytes(IP() / TCP(options=[("MSS", 1460)]) / Raw(b"data"))
_PING = bytes(IP() / ICMP() / Raw(b"ping"))
_CHAIN = bytes(IPv6() / IPv6ExtHdrDestOpt() / UDP(dport=53) / Raw(b"query"))

#: Packet, bytes at hand, match, whether the cut decides.
_CASES: dict[str, tuple[bytes, int, dict[str, Any], bool]] = {
    "the port is at hand": (_HTTP, 24, {"dport": 80}, False),
    "the port is cut off": (_HTTP, 22, {"dport": 80}, True),
    "a false part settles all": (_HTTP, 20, {"dport": 80, "src": "10.0.0.0/8"}, False),
    "a true part settles any": (
        _HTTP,
        20,
        {"any": [{"dport": 80}, {"src": "192.0.2.1"}]},
        False,
    ),
    "a true part settles no all": (_HTTP, 20, {"dport": 80, "src": "192.0.2.1"}, True),
    "negated, it is as cut": (_HTTP, 20, {"not": {"dport": 80}}, True),
    "other transports have no ports": (_PING, 20, {"dport": 80}, False),
    "nor has their absence a negation": (_PING, 20, {"dport": {"not": 80}}, False),
    "text at hand": (_HTTP, 44, {"payload": "GET"}, False),
    "text that may follow": (_HTTP, 44, {"payload": "HTTP"}, True),
    "text longer than the payload": (_HTTP, 40, {"payload": "x" * 17}, False),
    "text elsewhere": (_HTTP, 44, {"payload": {"text": "POST", "at": 0}}, False),
    "text that may go on": (_HTTP, 42, {"payload": {"text": "GET", "at": 0}}, True),
    "a window at hand": (_HTTP, 48, {"payload": {"regex": "HTTP", "within": [0, 8]}}, False),
    "a window cut off": (_HTTP, 47, {"payload": {"regex": "HTTP", "within": [0, 8]}}, True),
    "a window past the payload": (_HTTP, 40, {"payload": {"hex": "00", "within": [16, 20]}}, False),
    "the payload's length is known": (_HTTP, 33, {"payload": {"length": 16}}, False),
    "not without the header's": (_HTTP, 32, {"payload": {"length": 16}}, True),
    "UDP has no MSS": (_CHAIN, 56, {"tcp.mss": 1460}, False),
    "an option that may be there": (_OPTIONS, 40, {"tcp.mss": 1460}, True),
    "no room for an option": (_HTTP, 33, {"tcp.mss": 1460}, False),
    "the chain hides the protocol": (_CHAIN, 47, {"proto": "udp"}, True),
    "the chain ends": (_CHAIN, 48, {"proto": "udp"}, False),
    "the family is always known": (_CHAIN, 0, {"family": "ip6"}, False),
    "IPv4 fields are not of IPv6": (_CHAIN, 40, {"src": "0.0.0.0/0"}, False),
    "what the kernel says is known": (_CHAIN, 0, {"mark": 0, "in": "eth0"}, False),
    "the length is in the header": (_HTTP, 20, {"length": {"ge": 56}}, False),
}


@pytest.mark.parametrize("case", _CASES)
def test_truncated_only_where_hidden_bytes_decide(case: str) -> None:
    data, at_hand, match, decides = _CASES[case]
    family = AF_INET if data[0] >> 4 == 4 else AF_INET6
    rule = {"name": "rule", "match": match, "verdict": "drop"}
    policy = loaded({"version": 1, "on_error": "drop", "sets": SETS, "rules": [rule]})
    whole = RawPacket(1, data, len(data), family, indev="eth0")
    decision = evaluate(policy, _cut(whole, at_hand))
    if decides:
        assert decision.reason is Reason.TRUNCATED
    else:
        assert decision == evaluate(policy, whole)


@pytest.mark.parametrize("actions", [{"rewrite": [{"set": {"ttl": 1}}]}, {"mark": 5}])
def test_a_cut_packet_is_marked_but_not_rewritten(actions: dict[str, Any]) -> None:
    policy = loaded(
        {"version": 1, "rules": [{"name": "rule", "verdict": "accept", **actions}]},
    )
    decision = evaluate(policy, RawPacket(1, _HTTP[:40], len(_HTTP), AF_INET))
    if "rewrite" in actions:
        assert decision.reason is Reason.TRUNCATED
    else:
        assert (decision.reason, decision.mark) == (Reason.RULE, 5)
