# SPDX-License-Identifier: GPL-2.0
"""Traffic through the gateway's queue, and somebody who judges it."""

import contextlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from qverdictd.action.decision import Decision, Reason, Verdict
from qverdictd.packet.raw import RawPacket
from qverdictd.transport.base import Transport
from qverdictd.transport.netfilterqueue import NetfilterQueueTransport
from qverdictd.transport.nfqueue import NfqueueTransport
from tests.netns.lab import SERVER, Family, Host, Lab

PORT = 4000
PATIENCE = 10.0
"""Seconds until what should happen has not."""

Kind = type[NfqueueTransport] | type[NetfilterQueueTransport]
Judge = Callable[[RawPacket], Decision]


def decide(verdict: Verdict = Verdict.ACCEPT, **more: object) -> Decision:
    """Return a decision that a rule made."""
    return Decision(verdict, Reason.RULE, **more)  # type: ignore[arg-type]


def accept(raw: RawPacket) -> Decision:
    """Let a packet go as it came."""
    return decide(mark=raw.mark)


@contextlib.contextmanager
def held(
    lab: Lab,
    kind: Kind,
    number: int = 0,
    *,
    host: Host = "gateway",
    queue_length: int = 16384,
    copy_range: int = 65535,
    fail_open: bool = False,
) -> Iterator[Transport]:
    """Hold a queue on a host."""
    with lab.inside(host):
        transport = kind.open(
            number, queue_length=queue_length, copy_range=copy_range, fail_open=fail_open
        )
    try:
        yield transport
    finally:
        transport.close()


def queue_rule(lab: Lab, *match: str, number: int = 0, family: Family = 4) -> None:
    """Send what the gateway forwards, and matches, to a queue."""
    target = ("-j", "NFQUEUE", "--queue-num", str(number))
    lab.iptables("gateway", "-A", "FORWARD", *match, *target, family=family)


def readable(transport: Transport | socket.socket, patience: float = PATIENCE) -> bool:
    """Wait until there is something to read."""
    return bool(select.select([transport], [], [], patience)[0])


def take(transport: Transport, count: int) -> list[RawPacket]:
    """Receive until there are ``count`` packets."""
    packets: list[RawPacket] = []
    while len(packets) < count:
        assert readable(transport), f"{len(packets)} of {count} packets came"
        packets += transport.receive()
    assert len(packets) == count
    return packets


def settle(transport: Transport) -> None:
    """Read the kernel's errors, which come before the next packet."""
    assert transport.receive() == []


class Udp:
    """A client that sends datagrams to a server, both ours."""

    def __init__(self, lab: Lab, family: Family = 4) -> None:
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        self.to = (SERVER[family], PORT)
        with lab.inside("client"):
            self.client = socket.socket(kind, socket.SOCK_DGRAM)
        with lab.inside("server"):
            self.server = socket.socket(kind, socket.SOCK_DGRAM)
            self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            self.server.bind(self.to)
        self.server.settimeout(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.close()

    def send(self, *datagrams: bytes) -> None:
        """Send from client to server. What the gateway queues is queued when this returns."""
        for datagram in datagrams:
            self.client.sendto(datagram, self.to)

    def arrived(self, count: int) -> list[bytes]:
        """Wait for ``count`` datagrams at the server."""
        return [self.server.recv(1 << 16) for _ in range(count)]

    def waiting(self) -> list[bytes]:
        """Return the datagrams that are at the server now."""
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self.server.recv(1 << 16, socket.MSG_DONTWAIT))
        return found


class Pump:
    """Judges a transport's packets in a thread until the ``with`` block ends."""

    def __init__(self, transport: Transport, judge: Judge = accept) -> None:
        self._transport = transport
        self._judge = judge
        self._thread = threading.Thread(target=self._run)
        self._quit, self._quitting = os.pipe()
        self._error: BaseException | None = None
        self.packets: list[RawPacket] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._quitting, b"\0")
        self._thread.join()
        os.close(self._quit)
        os.close(self._quitting)
        if self._error is not None:
            raise self._error

    def serve(self) -> bool:
        """Carry one batch through; return whether there was one."""
        packets = self._transport.receive()
        self._transport.answer([(raw, self._judge(raw)) for raw in packets])
        self.packets += packets
        return bool(packets)

    def wait_for(self, count: int) -> None:
        """Wait until ``count`` packets were answered."""
        deadline = time.monotonic() + PATIENCE
        while len(self.packets) < count:
            assert time.monotonic() < deadline, f"{len(self.packets)} of {count} packets came"
            time.sleep(0.005)

    def _run(self) -> None:
        try:
            while True:
                ready, _, _ = select.select([self._transport, self._quit], [], [])
                if self._transport in ready:
                    self.serve()
                if self._quit in ready:
                    self._transport.stop()
                    while self.serve():
                        pass
                    return
        except BaseException as error:  # noqa: BLE001 - the test's thread tells of it
            self._error = error
