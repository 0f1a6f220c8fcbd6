# SPDX-License-Identifier: GPL-2.0
"""Tests that hold of every transport (tests/netns), here of ipqueue.

They share one laboratory, since a new one takes seconds here; its rules are removed between them.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import TracebackException
from typing import Any, cast

from tests.netns import test_queue, test_run, test_run_end
from tests.netns.daemon import WAYS
from tests.netns.lab import Family, Lab
from tests.netns.traffic import Kind

from qverdictd.transport.base import Transport
from qverdictd.transport.ipqueue import IpqueueTransport
from qverdictd.transport.ipqueue_family import IPV4, IPV6

FAMILIES: tuple[Family, Family] = (4, 6)


class Ipqueue4:
    """The IPv4 queue, opened as the tests open queues."""

    name = "ipqueue"

    @staticmethod
    def open(number: int, **terms: Any) -> Transport:
        """Take the queue."""
        assert number == 0
        return IpqueueTransport.open(IPV4, **terms)


class Ipqueue6:
    """The IPv6 queue, likewise."""

    name = "ipqueue"

    @staticmethod
    def open(number: int, **terms: Any) -> Transport:
        """Take the queue."""
        assert number == 0
        return IpqueueTransport.open(IPV6, **terms)


#: The tests look up here what the daemon's command line says.
WAYS["ipqueue"] = ("--transport", "ipqueue", "--engine", "native")
WAYS["ipqueue in Python"] = ("--transport", "ipqueue", "--engine", "reference")

KIND = {4: cast(Kind, Ipqueue4), 6: cast(Kind, Ipqueue6)}
Test = Callable[..., None]


def of_a_queue() -> Iterator[tuple[Test, tuple[object, ...]]]:
    """Yield tests of the transport with their arguments; the first is about the first packet."""
    for family in FAMILIES:
        yield test_queue.test_what_is_told_of_a_packet, (KIND[family], family)
    for family in FAMILIES:
        kind = KIND[family]
        yield test_queue.test_accepted_packets_go_on_and_dropped_ones_do_not, (kind, family)
        for payload in (b"ABCDE", b"", b"longer than before"):
            yield test_queue.test_new_bytes_replace_the_packet, (kind, family, payload)
    for test in (
        test_queue.test_a_mark_is_set_changed_cleared_or_left,
        test_queue.test_a_repeated_packet_runs_the_chain_again,
        test_queue.test_a_cut_packet_says_so_and_goes_on_whole,
        test_queue.test_what_was_not_answered_is_dropped_on_close,
    ):
        yield test, (KIND[4],)


def of_the_daemon(folder: Path) -> Iterator[tuple[Test, tuple[object, ...]]]:
    """Yield tests of ``qverdictd run`` with their arguments; the last one takes a link away."""
    rules = folder / "accept.yaml"
    rules.write_text(test_run_end.ACCEPT)
    for way in ("ipqueue", "ipqueue in Python"):
        yield test_run.test_every_verdict, (folder, ("QUEUE",), way)
        yield test_run_end.test_sigterm_under_traffic_answers_every_packet, (rules, way)
    yield test_run_end.test_its_link_may_go_away, (rules, "ipqueue")


def clean(lab: Lab) -> None:
    """Remove what a test has put on the gateway."""
    for family in FAMILIES:
        for table in ("filter", "mangle"):
            lab.iptables("gateway", "-t", table, "-F", family=family)


def main() -> None:
    """Run all of them; the first that fails ends it."""
    with Lab() as lab, TemporaryDirectory() as folder:
        for test, arguments in [*of_a_queue(), *of_the_daemon(Path(folder))]:
            began = time.monotonic()
            try:
                test(lab, *arguments)
            except Exception as error:
                told = TracebackException.from_exception(error, capture_locals=True)
                print("".join(told.format()))
                raise
            print(f"{test.__name__} {arguments[1:]}: {time.monotonic() - began:.1f} s")
            clean(lab)


if __name__ == "__main__":
    main()
