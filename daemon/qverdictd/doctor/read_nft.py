# SPDX-License-Identifier: GPL-2.0
"""Reads what ``nft -j list ruleset`` prints (libnftables-json(5))."""

import json
from collections.abc import Iterator
from typing import Any

from qverdictd.doctor.ruleset import QueueRule, Ruleset, reached

_TRACKING = {
    "ct", "ct helper", "ct timeout", "ct expectation", "masquerade", "snat", "dnat", "redirect",
    "tproxy", "synproxy", "flow",
}  # fmt: skip
"""Statements and expressions that need connections tracked, or fragments put together."""

Object = dict[str, Any]


def read_nft(text: str) -> Ruleset:
    """Return what is in the ruleset; what iptables-nft made is left to iptables-nft-save."""
    found = Ruleset()
    items: list[Object] = json.loads(text)["nftables"]
    rules = [item["rule"] for item in items if "rule" in item]
    bases, jumps = [], dict[str, set[str]]()
    for item in items:
        if "chain" in item and "hook" in item["chain"]:
            bases.append((_place(item["chain"]), item["chain"]["hook"]))
    for rule in rules:
        place = f"{rule['family']} {rule['table']} {rule['chain']}"
        for key, value in _walk(rule["expr"]):
            if key in ("jump", "goto"):
                target = f"{rule['family']} {rule['table']} {value['target']}"
                jumps.setdefault(place, set()).add(target)
            elif key == "flow":
                found.offloads.append(f"nft: {place}: flow add {value.get('flowtable', '')}")
            if key in _TRACKING:
                found.tracked |= {"ip", "ip6"} if rule["family"] == "inet" else {rule["family"]}
    hooks = reached(bases, jumps)
    for rule in rules:
        place = f"{rule['family']} {rule['table']} {rule['chain']}"
        for key, value in _walk(rule["expr"]):
            if key == "queue":
                queue = _queue_rule(rule, value or {}, hooks.get(place, ""))
                (found.rules if queue.hook else found.unreachable).append(queue)
    return found


def has_xtables(text: str) -> bool:
    """Say whether rules are there that iptables-nft made: nft does not show all of these."""
    items: list[Object] = json.loads(text)["nftables"]
    exprs = (item["rule"]["expr"] for item in items if "rule" in item)
    return any(key == "xt" for expr in exprs for key, _ in _walk(expr))


def _place(chain: Object) -> str:
    return f"{chain['family']} {chain['table']} {chain['name']}"


def _queue_rule(rule: Object, queue: Object, hook: str) -> QueueRule:
    number = queue.get("num", 0)
    # A map or a hash picks the queue: any of them then.
    first, last = 0, 65535
    if isinstance(number, int):
        first = last = number
    elif isinstance(number, dict) and "range" in number:
        first, last = number["range"]
    flags = queue.get("flags", [])
    bypass = "bypass" in ([flags] if isinstance(flags, str) else flags)
    ports = any(
        key == "payload" and value.get("field") in ("sport", "dport")
        for key, value in _walk(rule["expr"])
    )
    table = f"{rule['family']} {rule['table']}"
    numbers = str(first) if first == last else f"{first}-{last}"
    text = f"queue {'flags bypass ' if bypass else ''}to {numbers} (handle {rule['handle']})"
    return QueueRule("nft", table, rule["chain"], text, hook, first, last, bypass, ports)


def _walk(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key with its value, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)
