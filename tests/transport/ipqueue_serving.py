# SPDX-License-Identifier: GPL-2.0
"""An ip_queue transport over the module in memory, as the tests want it."""

import os

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.transport.handed import Handed, NoStore, Store
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.transport.ipqueue_family import IPV4, Family
from qverdictd.transport.ipqueue_terms import Terms

from .ipqueue_module import Link, Module, ModuleControl


class Shelf(NoStore):
    """Keeps descriptors as a service manager does; each process gets its own of them."""

    def __init__(self) -> None:
        self.kept: dict[str, int] = {}

    def offered(self) -> tuple[Handed, ...]:
        return tuple(Handed(name, os.dup(kept), lasting=False) for name, kept in self.kept.items())

    def keep(self, name: str, descriptor: int) -> None:
        self.kept[name] = os.dup(descriptor)

    def forget(self, name: str) -> None:
        os.close(self.kept.pop(name))


def take(
    module: Module,
    link: Link,
    *,
    family: Family = IPV4,
    queue_length: int = 16384,
    copy_range: int = 65535,
    fail_open: bool = False,
    linger_ms: int = 0,
    store: Store | None = None,
) -> IpqueueTransport:
    terms = Terms(queue_length, copy_range, fail_open, linger_ms)
    return IpqueueTransport.over(family, link, ModuleControl(module), terms, store or NoStore())


def decide(verdict: Verdict = Verdict.ACCEPT, **more: object) -> Decision:
    return Decision(verdict, Reason.RULE, **more)  # type: ignore[arg-type]


def serve(transport: IpqueueTransport) -> list[int]:
    """Accept one batch; return its ids."""
    packets = transport.receive()
    transport.answer([(raw, decide(mark=raw.mark)) for raw in packets])
    return [raw.id for raw in packets]
