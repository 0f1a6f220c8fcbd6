# SPDX-License-Identifier: GPL-2.0
"""An ip_queue transport over the module in memory, as the tests want it."""

from typing import Any

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.transport.ipqueue_family import IPV4, Family

from .ipqueue_module import Link, Module, ModuleControl


def take(
    module: Module, link: Link, *, family: Family = IPV4, fail_open: bool = False, **more: int
) -> IpqueueTransport:
    terms: dict[str, Any] = {"queue_length": 16384, "copy_range": 65535, **more}
    control = ModuleControl(module)
    return IpqueueTransport.over(family, link, control, fail_open=fail_open, **terms)


def decide(verdict: Verdict = Verdict.ACCEPT, **more: object) -> Decision:
    return Decision(verdict, Reason.RULE, **more)  # type: ignore[arg-type]


def serve(transport: IpqueueTransport) -> list[int]:
    """Accept one batch; return its ids."""
    packets = transport.receive()
    transport.answer([(raw, decide(mark=raw.mark)) for raw in packets])
    return [raw.id for raw in packets]
