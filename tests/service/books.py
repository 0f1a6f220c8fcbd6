# SPDX-License-Identifier: GPL-2.0
"""What kernel and daemon have counted of a load, and whether it agrees with what arrived."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qverdictd.control.journal import Event
from tests.service.machine import UNIT, Machine
from tests.service.rig import FIRST_PORT, Figures, Load, socket_losses

QUEUE = 0
MARKED = 1
"""The flow that comes with a mark; it must leave with it."""
CAME_MARKED = 0x11
JUDGED = 2
"""The flow that the policy marks."""
LEFT_MARKED = 0x22
POLICY = f"""version: 1
default: accept
rules:
  - {{name: refuse, match: {{proto: udp, payload: {{text: refuse me}}}}, verdict: drop, log: true}}
  - {{name: mark, match: {{proto: udp, dport: {FIRST_PORT + JUDGED}}},
     mark: {LEFT_MARKED}, verdict: accept}}
"""

_SUM = re.compile(
    r"received (\d+) = accepted (\d+) \+ dropped (\d+) "
    r"\+ repeated (\d+) \+ requeued (\d+) \+ pending (\d+)"
)


@dataclass(frozen=True, slots=True)
class Life:
    """What a daemon said of its life at its end."""

    received: int
    answered: int
    """Accepted, dropped or repeated."""
    pending: int
    """Left to whoever comes next."""
    lost: str
    """The line about what was lost or late, without its name."""

    @property
    def flushed(self) -> int:
        """Packets that the kernel had flushed before their verdict came."""
        found = re.search(r"flushed by the kernel (\d+)", self.lost)
        return int(found[1]) if found else 0


class Books:
    """The kernel's rules and counters on the gateway, and the journal, of one test."""

    def __init__(self, machine: Machine) -> None:
        """Send all that the gateway forwards to the queue, and count what goes in and comes out."""
        self.machine = machine
        self._lab = machine.lab
        queue = ("-j", "NFQUEUE", "--queue-num", str(QUEUE))
        for protocol in ("udp", "tcp"):
            self._add("FORWARD", "filter", "-p", protocol, *queue)
            self._add("POSTROUTING", "mangle", "-p", protocol)
        port = ("-p", "udp", "--dport", str(FIRST_PORT + MARKED))
        self._add("PREROUTING", "mangle", *port, "-j", "MARK", "--set-mark", str(CAME_MARKED))
        self._add("POSTROUTING", "mangle", *port, "-m", "mark", "--mark", str(CAME_MARKED))
        port = ("-p", "udp", "--dport", str(FIRST_PORT + JUDGED))
        self._add("POSTROUTING", "mangle", *port, "-m", "mark", "--mark", str(LEFT_MARKED))

    def _add(self, chain: str, table: str, *rule: str) -> None:
        self._lab.iptables("gateway", "-t", table, "-A", chain, *rule)

    def _counts(self, chain: str, table: str) -> list[int]:
        return [rule.packets for rule in self._lab.rules("gateway", chain, table=table)]

    @property
    def waiting(self) -> int:
        """Packets that have no verdict yet, in our queue and any that stands in for it."""
        return sum(queue.waiting for queue in self._lab.queues("gateway").values())

    def entries(self, event: Event, *options: str) -> list[dict[str, Any]]:
        """Return the entries of the journal about an event, the oldest first."""
        text = self.machine.journal("-o", "json", *options, f"MESSAGE_ID={event.value}")
        return [json.loads(line) for line in text.splitlines()]

    def lives(self) -> list[Life]:
        """Return what each daemon said that came to a good end."""
        self.machine.do("journalctl", "--sync")
        told = [entry["MESSAGE"] for entry in self.entries(Event.STOPPED)]
        sums = [list(map(int, found.groups())) for text in told if (found := _SUM.fullmatch(text))]
        losses = [
            text.removeprefix("lost or late: ")
            for text in told
            if text.startswith("lost or late: ")
        ]
        assert len(sums) == len(losses), self.machine.journal()
        return [
            Life(received, sum(answered), pending, lost)
            for (received, *answered, pending), lost in zip(sums, losses, strict=True)
        ]

    def balance(
        self, load: Load, *, killed: bool = False, flushed: bool = False, dropped: int = 0
    ) -> Sequence[Life]:
        """Stop the daemon, and see that all agree: who sent, the kernel, the daemon, who received.

        ``killed``: lives ended that nobody could count at the end. ``flushed``: the kernel lost
        packets by itself. ``dropped``: as many datagrams were not to arrive.
        """
        figures = load.figures
        assert figures is not None, "the load is not over"
        self._arrived(figures)
        self.machine.wait_for(lambda: self.waiting == 0, 10)
        queue = self._lab.queues("gateway")[QUEUE]
        assert (queue.dropped_full, queue.dropped_socket) == (0, 0), queue
        sent, came = self._counts("FORWARD", "filter"), self._counts("POSTROUTING", "mangle")
        gone = sum(sent) - sum(came[:2])
        assert came[0] == figures.received, (came, figures)
        assert came[2] == figures.flows[MARKED].received, "a mark was lost that a packet came with"
        assert came[3] == figures.flows[JUDGED].received, "a mark was lost that a verdict set"
        if not flushed:
            assert sent[0] == figures.sent, (sent, figures)
            assert gone == dropped == len(figures.missing), (sent, came, figures)
        self.machine.do("systemctl", "stop", UNIT)
        lives = self.lives()
        answered = sum(life.answered for life in lives)
        if killed:
            assert answered <= sum(sent), (lives, sent)
        else:
            assert answered == sum(sent), (lives, sent)
        assert all(life.received == life.answered + life.pending for life in lives), lives
        if flushed:
            assert sum(life.flushed for life in lives) == gone, (lives, sent, came, figures)
        else:
            assert [life.lost for life in lives] == ["nothing"] * len(lives), lives
        return lives

    def _arrived(self, figures: Figures) -> None:
        assert not figures.faults(), "\n".join([*figures.faults(), self.machine.journal()])
        assert socket_losses(self._lab) == 0, "the receiver itself has lost something"
