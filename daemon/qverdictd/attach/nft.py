# SPDX-License-Identifier: GPL-2.0
"""Our rules in the words of nft: a table of our own, ``inet qverdictd``, a base chain a hook.

The chains have mangle's priority, for the reason that `xtables` gives: an accept of ours leaves the
packet to the filters behind.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from qverdictd.attach import tool
from qverdictd.attach.tool import Step
from qverdictd.attach.wanted import FAMILIES, Match, Wanted
from qverdictd.control.wiring import Backend
from qverdictd.packet.names import PROTOCOLS

_TABLE = "inet qverdictd"
_COMMAND = ("nft", "-f", "-")
_NFPROTO = {"ip": "ipv4", "ip6": "ipv6"}

Chains = dict[str, list[str]]
"""The comments of the rules in each chain."""


class Nft:
    """nft with rules of its own."""

    name: Backend = "nft"

    def refuses(self, wanted: Wanted) -> str | None:
        """Say why these rules cannot be had by nft; None if they can."""
        for step in self.steps(wanted):
            refused = tool.refusal(("nft", "-c", "-f", "-"), step.script)
            if refused is not None and "No such file or directory" in refused:
                return "this kernel or its modules lack nft's queue (CONFIG_NFT_QUEUE)"
            if refused is not None:
                return refused
        return None

    def present(self) -> bool:
        """Say whether rules of ours are there."""
        return _chains() is not None

    def steps(self, wanted: Wanted | None) -> list[Step]:
        """Return what to change so that these rules are there, and no others of ours.

        None: no rules. An empty list: nothing is to be changed.
        """
        there = _chains()
        if wanted is None:
            return [] if there is None else [Step(_COMMAND, f"delete table {_TABLE}\n")]
        rules = {
            hook: [_rule(match, wanted) for match in wanted.matches()] for hook in wanted.hooks
        }
        if there == {hook: [_mark(rule) for rule in of] for hook, of in rules.items()}:
            return []
        lines = [f"add table {_TABLE}"]
        # A base chain that goes makes the kernel drop all that waits in any queue: only one that
        # is no longer wanted does.
        lines += [f"delete chain {_TABLE} {hook}" for hook in there or () if hook not in rules]
        for hook, of in rules.items():
            chain = f"{_TABLE} {hook}"
            lines.append(
                f"add chain {chain} {{ type filter hook {hook} priority -150; policy accept; }}"
            )
            lines.append(f"flush chain {chain}")
            lines += [f'add rule {chain} {rule} comment "{_mark(rule)}"' for rule in of]
        return [Step(_COMMAND, "\n".join([*lines, ""]))]


def _rule(match: Match, wanted: Wanted) -> str:
    return " ".join(_words(match, wanted))


def _words(match: Match, wanted: Wanted) -> Iterator[str]:
    if wanted.families != FAMILIES:
        yield f"meta nfproto {_NFPROTO[wanted.families[0]]}"
    for key, name in (("iifname", wanted.in_), ("oifname", wanted.out)):
        if name is not None:
            yield f'{key} "{name}"'
    if wanted.by_ports:
        for key, ports in (("sport", match.sport), ("dport", match.dport)):
            if ports is not None:
                first, last = ports
                text = str(first) if first == last else f"{first}-{last}"
                yield f"{wanted.port_protocol} {key} {text}"
    elif wanted.proto is not None:
        yield f"meta l4proto {_protocol(wanted.proto)}"
    if wanted.defragment:
        # Admits every packet; but it makes the kernel track connections, and so put fragments
        # together before any rule sees them.
        yield "ct state { invalid, new, related, established, untracked }"
    flags = "flags bypass " if wanted.bypass else ""
    yield f"counter queue {flags}to {wanted.queues}"


def _protocol(number: int) -> str:
    """Return the name that nft knows, or the number."""
    names = {PROTOCOLS[name]: name for name in ("tcp", "udp", "icmp", "sctp", "esp", "ah")}
    return names.get(number, str(number))


def _mark(rule: str) -> str:
    """Return a rule's comment, by which it is known again: nft prints rules in words of its own."""
    return f"qverdictd {hashlib.sha256(rule.encode()).hexdigest()[:16]}"


def _chains() -> Chains | None:
    """Return what our table holds; None if it is not there."""
    text = tool.output(("nft", "-j", "list", "table", *_TABLE.split()))
    if text is None:
        return None
    chains: Chains = {}
    items: list[dict[str, Any]] = json.loads(text)["nftables"]
    for item in items:
        if "chain" in item:
            chains.setdefault(item["chain"]["name"], [])
        elif "rule" in item:
            rule = item["rule"]
            chains.setdefault(rule["chain"], []).append(rule.get("comment", ""))
    return chains
