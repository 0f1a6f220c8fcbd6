# SPDX-License-Identifier: GPL-2.0
"""What kernel and daemon have counted of a load, and whether it agrees with what arrived."""

import dataclasses
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
        return self._entries(event, options=options)

    def _entries(self, *events: Event, options: Sequence[str] = ()) -> list[dict[str, Any]]:
        about = [f"MESSAGE_ID={event.value}" for event in events]
        text = self.machine.journal("-o", "json", *options, *about)
        return [json.loads(line) for line in text.splitlines()]

    def told(self) -> tuple[list[Life], int]:
        """Return what each daemon said that came to a good end, and what all answered.

        Whoever takes a queue over says what was answered since it was first held: by those who said
        so themselves, and by those who were killed.
        """
        self.machine.do("journalctl", "--sync")
        lives: list[Life] = []
        done = since_held = 0
        for entry in self._entries(Event.STOPPED, Event.TAKEN_OVER):
            text = entry["MESSAGE"]
            if entry["MESSAGE_ID"] == Event.TAKEN_OVER.value:
                answered = int(entry["QVERDICT_ANSWERED"])
                if not answered:  # who ended before us gave the queue, or its books, back
                    done, since_held = done + since_held, 0
                assert answered >= since_held, self.machine.journal()
                since_held = answered
            elif found := _SUM.fullmatch(text):
                received, *answers, pending = map(int, found.groups())
                lives.append(Life(received, sum(answers), pending, ""))
                since_held += sum(answers)
            elif text.startswith("lost or late: "):
                lives[-1] = dataclasses.replace(lives[-1], lost=text.removeprefix("lost or late: "))
        return lives, done + since_held

    def balance(self, load: Load, *, dropped: int = 0) -> Sequence[Life]:
        """Stop the daemon, and see that all agree: who sent, the kernel, the daemon, who received.

        ``dropped``: as many datagrams were not to arrive.
        """
        figures = load.figures
        assert figures is not None, "the load is not over"
        went, came = self._crossed(figures)
        assert went[0] == figures.sent, (went, figures)
        assert sum(went) - sum(came) == dropped == len(figures.missing), (went, came, figures)
        lives = self._told(sum(went))
        assert [life.lost for life in lives] == ["nothing"] * len(lives), lives
        return lives

    def balance_flushed(self, load: Load) -> tuple[int, int]:
        """Do the same where the kernel itself lost packets.

        Return how many these were, and of how many the daemon told.
        """
        figures = load.figures
        assert figures is not None, "the load is not over"
        went, came = self._crossed(figures)
        gone = sum(went) - sum(came)
        # Others never came to the queue: a link was down.
        assert went[0] - came[0] <= len(figures.missing), (went, came, figures)
        told = sum(life.flushed for life in self._told(sum(went)))
        return gone, told

    def _crossed(self, figures: Figures) -> tuple[list[int], list[int]]:
        """Return the packets, of UDP and of TCP, that went into the queue and that came out."""
        wrong = figures.faults()
        assert not wrong, "\n".join([*wrong, self.machine.journal()])
        assert socket_losses(self._lab) == 0, "the receiver itself has lost something"
        self.machine.wait_for(lambda: self.waiting == 0, 10)
        for queue in self._lab.queues("gateway").values():
            assert (queue.dropped_full, queue.dropped_socket) == (0, 0), queue
        came = self._counts("POSTROUTING", "mangle")
        assert came[0] == figures.received, (came, figures)
        for number, flow in ((2, MARKED), (3, JUDGED)):
            assert came[number] == figures.flows[flow].received, f"flow {flow} has lost marks"
        return self._counts("FORWARD", "filter"), came[:2]

    def _told(self, queued: int) -> Sequence[Life]:
        """Stop the daemon; see that all lives together have answered what was queued."""
        self.machine.do("systemctl", "stop", UNIT)
        lives, answered = self.told()
        assert answered == queued, (answered - queued, lives)
        assert all(life.received == life.answered + life.pending for life in lives), lives
        return lives
