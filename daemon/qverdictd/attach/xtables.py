# SPDX-License-Identifier: GPL-2.0
"""Our rules in the words of iptables, of either kind.

They stand in chains of their own, ``qverdictd-forward`` and so on, to each of which one jump leads
from the table mangle. A packet that we accept goes on to the next table, so filter's rules decide
about it as before; in filter itself our accept would be the last word.

``-j NFQUEUE`` is used for the module ip_queue too: the kernel has one handler for all queues. It
works in both kinds of iptables and can bypass, while ``-j QUEUE`` is queue 0 in iptables-legacy,
without bypass.
"""

import re
import socket
from pathlib import Path

from qverdictd.attach import tool
from qverdictd.attach.tool import Step
from qverdictd.attach.wanted import FAMILIES, Family, Match, Wanted
from qverdictd.control.wiring import HOOKS, Backend, Hook
from qverdictd.errors import RulesError
from qverdictd.packet.names import PROTOCOLS

_TABLE = "mangle"
_PREFIX = "qverdictd-"
_PROGRAMS: dict[Family, str] = {"ip": "iptables", "ip6": "ip6tables"}
_LEGACY_TABLES: dict[Family, Path] = {
    "ip": Path("/proc/thread-self/net/ip_tables_names"),
    "ip6": Path("/proc/thread-self/net/ip6_tables_names"),
}
_ALL_PORTS = (0, 65535)
_ALL_STATES = "INVALID,NEW,RELATED,ESTABLISHED,UNTRACKED"
"""As iptables-save orders them. The match admits every packet; but a rule that has it makes the
kernel track connections, and so put fragments together before any rule sees them."""


class Xtables:
    """One kind of iptables, both its programs."""

    def __init__(self, name: Backend) -> None:
        self.name = name
        self._kind = name.removeprefix("iptables-")

    def refuses(self, wanted: Wanted) -> str | None:
        """Say why these rules cannot be had by this kind of iptables; None if they can."""
        for family in wanted.families:
            step = self._step(family, wanted)
            if step is not None:
                refused = tool.refusal((*step.command, "--test"), step.script)
                if refused is not None:
                    return refused
        return None

    def present(self) -> bool:
        """Say whether rules of ours are there."""
        return any(_chains(self._saved(family)) for family in FAMILIES)

    def steps(self, wanted: Wanted | None) -> list[Step]:
        """Return what to change so that these rules are there, and no others of ours.

        None: no rules. An empty list: nothing is to be changed. Raises `RulesError` if a rule of
        somebody else leads into a chain of ours that is to go.
        """
        steps = (self._step(family, wanted) for family in FAMILIES)
        return [step for step in steps if step is not None]

    def _saved(self, family: Family) -> list[str]:
        """Return mangle's rules as iptables-save has them."""
        # iptables-legacy would make a table that is not there, only to show it.
        if self._kind == "legacy" and _TABLE not in tool.kernel_names(_LEGACY_TABLES[family]):
            return []
        text = tool.output((f"{_PROGRAMS[family]}-{self._kind}-save", "-t", _TABLE))
        return [_numbered(line) for line in (text or "").splitlines()]

    def _step(self, family: Family, wanted: Wanted | None) -> Step | None:
        saved = self._saved(family)
        hooks: tuple[Hook, ...] = ()
        if wanted is not None and family in wanted.families:
            hooks = wanted.hooks
        lines = []
        for hook in HOOKS:
            if wanted is not None and hook in hooks:
                lines += _made(saved, hook, wanted)
            else:
                lines += _removed(saved, hook)
        if not lines:
            return None
        command = (f"{_PROGRAMS[family]}-{self._kind}-restore", "--noflush", "--wait")
        # Declarations of chains come first: ``:`` makes one, or empties it.
        lines.sort(key=lambda line: not line.startswith(":"))
        return Step(command, "\n".join([f"*{_TABLE}", *lines, "COMMIT", ""]))


def _made(saved: list[str], hook: Hook, wanted: Wanted) -> list[str]:
    """Return what to change so that a hook's rules are there, and one jump leads to them."""
    chain = _PREFIX + hook
    rules = [f"-A {chain} {_rule(match, wanted)}" for match in wanted.matches()]
    lines = []
    if f":{chain} " not in _declared(saved) or rules != _of(saved, chain):
        lines += [f":{chain} - [0:0]", *rules]
    jump = f"{hook.upper()} -j {chain}"
    jumps = saved.count(f"-A {jump}")
    return lines + [f"-A {jump}"] * (jumps == 0) + [f"-D {jump}"] * (jumps - 1)


def _removed(saved: list[str], hook: Hook) -> list[str]:
    """Return what to change so that a hook's chain is not there."""
    chain = _PREFIX + hook
    if f":{chain} " not in _declared(saved):
        return []
    jump = f"{hook.upper()} -j {chain}"
    for line in saved:
        if line != f"-A {jump}" and re.search(rf" -[jg] {chain}$", line):
            raise RulesError(
                f"a rule that is not ours leads to our chain: {line}: remove it, then try again"
            )
    return [*[f"-D {jump}"] * saved.count(f"-A {jump}"), f"-F {chain}", f"-X {chain}"]


def _rule(match: Match, wanted: Wanted) -> str:
    """Return a rule in the very words of iptables-save, so that the two can be compared."""
    words = []
    for flag, name in (("-i", wanted.in_), ("-o", wanted.out)):
        if name is not None:
            words += [flag, re.sub(r"\*$", "+", name)]
    if wanted.proto is not None:
        words += ["-p", str(wanted.proto)]
    if wanted.by_ports:
        words += ["-m", wanted.port_protocol]
        for flag, ports in (("--sport", match.sport), ("--dport", match.dport)):
            if ports is not None and ports != _ALL_PORTS:  # which iptables-save leaves out
                first, last = ports
                words += [flag, str(first) if first == last else f"{first}:{last}"]
    if wanted.defragment:
        words += ["-m", "conntrack", "--ctstate", _ALL_STATES]
    words += ["-j", "NFQUEUE"]
    if wanted.first == wanted.last:
        words += ["--queue-num", str(wanted.first)]
    else:
        words += ["--queue-balance", f"{wanted.first}:{wanted.last}"]
    if wanted.bypass:
        words.append("--queue-bypass")
    return " ".join(words)


def _numbered(line: str) -> str:
    """Return a saved rule with its protocol as a number: names depend on the system."""
    found = re.search(r" -p ([a-z][a-z0-9.-]*) ", line)
    if found is None:
        return line
    name = "icmpv6" if found[1] == "ipv6-icmp" else found[1]
    try:
        number = PROTOCOLS[name] if name in PROTOCOLS else socket.getprotobyname(name)
    except OSError:
        return line
    return f"{line[: found.start(1)]}{number}{line[found.end(1) :]}"


def _chains(saved: list[str]) -> list[str]:
    return [line for line in _declared(saved) if line.startswith(f":{_PREFIX}")]


def _declared(saved: list[str]) -> list[str]:
    """Return the declarations of chains without policy and counters: ``:name ``."""
    return [line[: line.index(" ") + 1] for line in saved if line.startswith(":")]


def _of(saved: list[str], chain: str) -> list[str]:
    return [line for line in saved if line.startswith(f"-A {chain} ")]
