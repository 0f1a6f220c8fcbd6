# SPDX-License-Identifier: GPL-2.0
"""What the kernel itself takes out of a queue is lost; it is counted and told, and no other is."""

import os
import signal
from collections.abc import Callable

import pytest

from tests.service.books import Books
from tests.service.machine import Machine
from tests.service.rig import Load

CHAIN = "add chain inet test {} {{ type filter hook forward priority 10; }}"
"""Behind iptables' own, which has 0: what waits while a chain is added before that goes through
iptables' once more."""
FEW = 8
"""Flows of one datagram each under way: each has its own verdict, which 32 together have not."""
RUN = 127
"""Packets that share a verdict, of which the kernel does not tell how many it had flushed."""
TIMES = 5


def flush_ruleset(machine: Machine) -> None:
    machine.do("nft", "flush", "ruleset")


def delete_a_chain(machine: Machine) -> None:
    machine.do("nft", "delete", "chain", "inet", "test", "one")


def flap_the_link(machine: Machine) -> None:
    machine.do("ip", "link", "set", "eth0", "down")
    machine.do("ip", "link", "set", "eth0", "up")


ACTS = pytest.mark.parametrize("act", [flush_ruleset, delete_a_chain, flap_the_link])


@ACTS
def test_each_packet_is_counted(served: Books, act: Callable[[Machine], None]) -> None:
    with Load(served.machine.lab, flows=FEW, streams=0, window=1) as load:
        act_while_packets_wait(served, load, FEW, act)
    gone, told = served.balance_flushed(load)
    assert told == gone >= FEW * TIMES


@ACTS
def test_many_at_once_are_told_of(served: Books, act: Callable[[Machine], None]) -> None:
    with Load(served.machine.lab) as load:
        act_while_packets_wait(served, load, 500, act)
    gone, told = served.balance_flushed(load)
    assert gone >= 500 * TIMES
    assert gone - RUN * TIMES <= told <= gone


def act_while_packets_wait(
    books: Books, load: Load, count: int, act: Callable[[Machine], None]
) -> None:
    """Have the kernel flush what waits, again and again, while at least so many packets do."""
    machine = books.machine
    for _ in range(TIMES):
        machine.do("nft", "add", "table", "inet", "test")
        for name in ("one", "other"):
            machine.do("nft", CHAIN.format(name))
        load.moving(500)
        pid = machine.daemon()
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        machine.wait_for(lambda: books.waiting >= count)
        act(machine)
        os.kill(pid, signal.SIGCONT)
        load.moving(500)
