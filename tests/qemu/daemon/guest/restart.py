# SPDX-License-Identifier: GPL-2.0
"""Killed, restarted and stopped under traffic: nothing is lost, doubled or out of order."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.netns.daemon import Daemon
from tests.netns.demo_live import DOMAIN, wire
from tests.netns.lab import CLIENT, SERVER, Family, Lab

from .common import RULES, check, kmod

_PORT = 53
_INTERVAL = 0.02
"""Seconds between two datagrams of a family."""
_BUFFER = 8 << 20
_NAMES = {4: "ip", 6: "ip6"}


class Stream:
    """Numbered datagrams of both families from the client to the server."""

    def __init__(self, lab: Lab) -> None:
        self.sent: dict[Family, int] = {4: 0, 6: 0}
        self.arrived: dict[Family, list[int]] = {4: [], 6: []}
        self._on = threading.Event()
        self._senders: dict[Family, socket.socket] = {}
        self._receivers: dict[socket.socket, Family] = {}
        for family in CLIENT:
            with lab.inside("client"):
                self._senders[family] = socket.socket(DOMAIN[family], socket.SOCK_DGRAM)
                self._senders[family].bind((CLIENT[family], 0))
            with lab.inside("server"):
                receiver = socket.socket(DOMAIN[family], socket.SOCK_DGRAM)
                receiver.setsockopt(socket.SOL_SOCKET, 33, _BUFFER)  # SO_RCVBUFFORCE
                receiver.bind((SERVER[family], _PORT))
                self._receivers[receiver] = family

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for as long as the block lasts."""
        self._on.set()
        sender = threading.Thread(target=self._send)
        sender.start()
        try:
            yield
        finally:
            self._on.clear()
            sender.join()

    def _send(self) -> None:
        while self._on.is_set():
            for family, sender in self._senders.items():
                sender.sendto(str(self.sent[family]).encode(), (SERVER[family], _PORT))
                self.sent[family] += 1
            time.sleep(_INTERVAL)

    def read(self, patience: float) -> None:
        """Take what arrives, until nothing has for some seconds."""
        while ready := select.select(list(self._receivers), [], [], patience)[0]:
            for receiver in ready:
                self.arrived[self._receivers[receiver]].append(int(receiver.recv(64)))

    def wait(self, sent: int) -> None:
        """Let pass the time in which so many more are sent."""
        until = self.sent[4] + sent
        while self.sent[4] < until:
            time.sleep(_INTERVAL)


def kill(stream: Stream, lab: Lab) -> None:
    """SIGKILL: the next owner gets all that waited, and that came while there was none."""
    kmod(lab, "--set", "linger_ms=90000")
    daemon = Daemon(lab, RULES, json=False).wait_ready()
    with stream.running():
        stream.wait(50)
        daemon.process.kill()
        daemon.wait()
        stream.wait(50)
        queues = kmod(lab)
        for queue in queues.values():
            check(queue["statistics"]["lingering"] and queue["statistics"]["length"] > 20, queue)
        daemon = Daemon(lab, RULES, json=False).wait_ready()
        check("linger 90000 ms" in daemon.said[1], daemon.said)
        stream.wait(50)
    stream.read(2)
    complete(stream, "a kill")
    terminate(stream, lab, daemon)


def terminate(stream: Stream, lab: Lab, daemon: Daemon) -> None:
    """SIGTERM: what the daemon does not answer any more waits for the next one."""
    with stream.running():
        stream.wait(50)
        check(daemon.end() == 0, daemon.said)
        stream.wait(30)
        daemon = Daemon(lab, RULES, json=False).wait_ready()
        stream.wait(20)
    stream.read(2)
    complete(stream, "a stop")
    stop(stream, lab, daemon)


def complete(stream: Stream, after: str) -> None:
    """Check that every datagram arrived, once and in order."""
    print(f"after {after}: sent {stream.sent}")
    for family, arrived in stream.arrived.items():
        wanted = list(range(stream.sent[family]))
        missing = sorted(set(wanted) - set(arrived))
        check(arrived == wanted, f"after {after}: IPv{family}: missing {missing}, or not in order")


def stop(stream: Stream, lab: Lab, daemon: Daemon) -> None:
    """SIGTERM without linger: all that was received is answered, and the rest counted."""
    kmod(lab, "--set", "linger_ms=0")
    before = kmod(lab, "--reset")
    with stream.running():
        stream.wait(30)
        check(daemon.end() == 0, daemon.said)
        after = kmod(lab)
    stream.read(1)
    print("\n".join(daemon.said))
    summary = daemon.summary()
    check(summary.pending == 0, summary)
    check(summary.received == summary.accepted, summary)
    for family, arrived in stream.arrived.items():
        check(arrived == list(range(len(arrived))), f"IPv{family}: not one after the other")
        statistics = after[_NAMES[family]]["statistics"]
        check(before[_NAMES[family]]["statistics"]["length"] == 0, before)
        gone = ("expired", "undeliverable", "overflow_dropped", "dropped", "length", "peer")
        check(not any(statistics[name] for name in gone), statistics)
        check(statistics["queued"] == statistics["accepted"] + statistics["flushed"], statistics)
        print(f"IPv{family}: accepted {statistics['accepted']}, flushed {statistics['flushed']}")


def main() -> None:
    """Run all of it with one stream."""
    with Lab() as lab:
        wire(lab)
        kill(Stream(lab), lab)


if __name__ == "__main__":
    main()
