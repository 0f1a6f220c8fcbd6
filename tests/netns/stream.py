# SPDX-License-Identifier: GPL-2.0
"""Numbered datagrams through the gateway, whose daemon ends and comes back meanwhile."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.netns.demo_live import DOMAIN
from tests.netns.lab import CLIENT, SERVER, Family, Lab

_PORT = 53
_INTERVAL = 0.02
"""Seconds between two datagrams of a family."""
_BUFFER = 8 << 20


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

    def complete(self, after: str) -> None:
        """Read the rest; check that every datagram arrived, once and in order."""
        self.read(2)
        print(f"after {after}: sent {self.sent}")
        for family, arrived in self.arrived.items():
            wanted = list(range(self.sent[family]))
            missing = sorted(set(wanted) - set(arrived))
            if arrived != wanted:
                text = "all there, but doubled or not in order"
                if missing:
                    text = f"{len(missing)} missing, {missing[0]} to {missing[-1]}"
                raise AssertionError(f"after {after}: IPv{family}: {text}")
