# SPDX-License-Identifier: GPL-2.0
"""Reads what iptables-save and its three siblings print."""

import re

from qverdictd.doctor.ruleset import QueueRule, Ruleset, reached

_TRACKING = re.compile(
    r" -m (?:conntrack|state|connmark|connlimit|connbytes|connlabel|helper|cluster) "
    r"| -j (?:CT|CONNMARK|CONNSECMARK|SNAT|DNAT|MASQUERADE|REDIRECT|NETMAP|TPROXY)(?: |$)"
    r"| -m socket "
)
"""What needs connections tracked, or at least fragments put together."""
_PORTS = re.compile(r" --(?:[ds]ports?|ports) ")
_NFQUEUE = re.compile(r" -j NFQUEUE(?: --queue-num (\d+)| --queue-balance (\d+):(\d+))?")


def read_xtables(tool: str, text: str) -> Ruleset:
    """Return what is in the output of ``tool``-save."""
    found = Ruleset()
    family = "ip6" if tool.startswith("ip6") else "ip"
    for part in re.split(r"^\*", text, flags=re.MULTILINE)[1:]:
        table, *lines = part.splitlines()
        _read_table(found, tool, table, lines)
        if any(_TRACKING.search(line) for line in lines):
            found.tracked.add(family)
    return found


def _read_table(found: Ruleset, tool: str, table: str, lines: list[str]) -> None:
    declared = [line[1:].split() for line in lines if line.startswith(":")]
    names = {chain for chain, *_ in declared}
    bases = [(chain, chain.lower()) for chain, policy, *_ in declared if policy != "-"]
    jumps: dict[str, set[str]] = {}
    rules = [
        line.split(" ", 2)[1:] for line in lines if line.startswith("-A ") and " -" in line[3:]
    ]
    for chain, words in rules:
        if target := re.search(r"(?:^| )-[jg] (\S+)", words):
            if target[1] in names:
                jumps.setdefault(chain, set()).add(target[1])
            if target[1] == "QUEUE" and "legacy" not in tool:
                found.queue_chains.append(f"{tool}: {table} {chain}: {words}")
    hooks = reached(bases, jumps)
    for chain, words in rules:
        queue = _queue(tool, f" {words}")
        if queue is not None:
            first, last, bypass = queue
            hook = hooks.get(chain, "")
            ports = _PORTS.search(f" {words}") is not None
            rule = QueueRule(tool, table, chain, words, hook, first, last, bypass, ports)
            (found.rules if hook else found.unreachable).append(rule)


def _queue(tool: str, words: str) -> tuple[int, int, bool] | None:
    """Return the first and the last queue, and whether an unheld one is bypassed."""
    if match := _NFQUEUE.search(words):
        number = int(match[1] or match[2] or 0)
        return number, int(match[3] or number), "--queue-bypass" in words
    if "legacy" in tool and re.search(r" -j QUEUE$", words):
        return 0, 0, False
    return None
