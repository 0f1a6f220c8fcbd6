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


def eventually(what: Callable[[], bool]) -> None:
    """Wait until ``what`` is so: what was sent may still be on its way through the kernel."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it did not come so"
        time.sleep(0.005)


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
        """Send from client to server."""
        for datagram in datagrams:
            self.client.sendto(datagram, self.to)

    def arrived(self, count: int) -> list[bytes]:
        """Wait for ``count`` datagrams at the server."""
        return [self.server.recv(1 << 16) for _ in range(count)]

    def waiting(self) -> list[bytes]:
        """Return the datagrams that are at the server now."""
        found = []
        while readable(self.server, 0):
            found.append(self.server.recv(1 << 16))
        return found


def transfer(lab: Lab, family: Family, data: bytes) -> bytes:
    """Send ``data`` from client to server over TCP; return what arrived."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    to = (SERVER[family], PORT)
    with lab.inside("server"):
        listener = socket.create_server(to, family=kind)
    with lab.inside("client"):
        client = socket.socket(kind, socket.SOCK_STREAM)
    got = bytearray()

    def receive() -> None:
        connection, _address = listener.accept()
        connection.settimeout(PATIENCE)
        with connection:
            while part := connection.recv(1 << 16):
                got.extend(part)

    reader = threading.Thread(target=receive)
    with listener, client:
        client.settimeout(PATIENCE)
        client.connect(to)
        reader.start()
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        reader.join()
    return bytes(got)


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
        eventually(lambda: len(self.packets) >= count)

    def _run(self) -> None:
        try:
            while True:
                ready, _, _ = select.select([self._transport.fileno(), self._quit], [], [])
                if self._transport.fileno() in ready:
                    self.serve()
                if self._quit in ready:
                    self._transport.stop()
                    while self.serve():
                        pass
                    return
        except BaseException as error:  # the test's thread tells of it
            self._error = error
