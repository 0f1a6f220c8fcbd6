# SPDX-License-Identifier: GPL-2.0
"""What the doctor looks at, taken down once, so that the findings are about one moment."""

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from qverdictd.attach import tool
from qverdictd.doctor.read_nft import has_xtables, read_nft
from qverdictd.doctor.read_xtables import read_xtables
from qverdictd.doctor.ruleset import Ruleset
from qverdictd.errors import TransportError
from qverdictd.transport.proc import Process, QueueState, QueueTable, has_net_admin, holders
from qverdictd.transport.sockets import netlink_sockets
from qverdictd.wire.netlink import NETLINK_NETFILTER
from qverdictd.wire.sock_diag import SocketState

_NET = Path("/proc/thread-self/net")
_LEGACY_NAMES = {"iptables": "ip_tables_names", "ip6tables": "ip6_tables_names"}


@dataclass(slots=True)
class Facts:
    """One look at the machine, in the thread's network namespace."""

    net_admin: bool = True
    """Whether we may look at, and change, rules and queues."""
    nfqueue: bool = True
    """Whether the kernel's own handler, nfnetlink_queue, is there."""
    ipqueue: bool = False
    """Whether the module ip_queue is there."""
    iptables: Literal["nft", "legacy"] | None = None
    """What the command ``iptables`` is; None: not installed."""
    before: dict[int, QueueState] = field(default_factory=dict)
    """The held queues, by number."""
    after: dict[int, QueueState] = field(default_factory=dict)
    """The same ``interval`` later."""
    interval: float = 0.0
    """Seconds."""
    holders: dict[int, list[Process]] = field(default_factory=dict)
    """Processes by port id, as far as they can be found."""
    sockets: dict[int, SocketState] = field(default_factory=dict)
    """Sockets by port id."""
    ruleset: Ruleset = field(default_factory=Ruleset)


def gather(interval: float) -> Facts:
    """Look, for ``interval`` seconds."""
    facts = Facts(
        net_admin=has_net_admin(),
        nfqueue=(_NET / "netfilter/nfnetlink_queue").exists(),
        ipqueue=(_NET / "ip_queue").exists(),
        iptables=_iptables(),
        interval=interval,
    )
    facts.before = _queues()
    time.sleep(interval if facts.before else 0)
    facts.after = _queues()
    for state in facts.after.values():
        facts.holders[state.portid] = list(holders(state.portid))
    with contextlib.suppress(TransportError):  # then nothing is said of buffers
        facts.sockets = netlink_sockets(NETLINK_NETFILTER)
    facts.ruleset = _ruleset()
    return facts


def _queues() -> dict[int, QueueState]:
    table = QueueTable.open()
    try:
        return {state.queue: state for state in table.states()}
    finally:
        table.close()


def _iptables() -> Literal["nft", "legacy"] | None:
    text = tool.output(("iptables", "--version"))
    if text is None:
        return None
    return "nft" if "nf_tables" in text else "legacy"


def _ruleset() -> Ruleset:
    found = Ruleset()
    nft = tool.output(("nft", "-j", "list", "ruleset"))
    if nft is not None:
        found.add(read_nft(nft))
        if has_xtables(nft) and tool.find("iptables-nft-save") is None:
            found.unread.append("rules of iptables-nft: install iptables")
    elif tool.find("nft") is None:
        found.unread.append("rules of nft: install nftables")
    for program, names in _LEGACY_NAMES.items():
        if text := tool.output((f"{program}-nft-save",)):
            found.add(read_xtables(f"{program}-nft", text))
        # iptables-legacy would make the tables that it is asked for.
        tables = tool.kernel_names(_NET / names)
        if tables and tool.find(f"{program}-legacy-save") is None:
            found.unread.append(f"rules of {program}-legacy: install iptables")
        for table in sorted(tables):
            if text := tool.output((f"{program}-legacy-save", "-t", table)):
                found.add(read_xtables(f"{program}-legacy", text))
    return found
