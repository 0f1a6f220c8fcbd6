# SPDX-License-Identifier: GPL-2.0
"""Datagrams to many ports of the server, and what arrives at each."""

import select
import socket
import time
from collections.abc import Iterable
from typing import Self

from tests.netns.lab import SERVER, Family, Lab

PATIENCE = 10.0
"""Seconds until what should have come has not."""


class Datagrams:
    """A client's socket, and one of the server's for each port."""

    def __init__(self, lab: Lab, ports: Iterable[int], family: Family = 4) -> None:
        self._lab = lab
        domain = {4: socket.AF_INET, 6: socket.AF_INET6}[family]
        self._address = SERVER[family]
        with lab.inside("client"):
            self._client = socket.socket(domain, socket.SOCK_DGRAM)
        self._poll = select.poll()
        self._servers: dict[int, tuple[int, socket.socket]] = {}
        with lab.inside("server"):
            for port in ports:
                server = socket.socket(domain, socket.SOCK_DGRAM)
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
                server.bind((SERVER[family], port))
                self._servers[server.fileno()] = (port, server)
                self._poll.register(server, select.POLLIN)
        self.arrived: dict[int, list[bytes]] = {port: [] for port, _ in self._servers.values()}
        """What has been read of each port until now, in its order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()
        for _, server in self._servers.values():
            server.close()

    def send(self, port: int, payload: bytes) -> None:
        """Send one datagram; the gateway has queued it, or lost it, when this returns."""
        self._client.sendto(payload, (self._address, port))

    def send_from(self, source: str, port: int, payload: bytes) -> None:
        """Send one datagram from another of the client's addresses."""
        with self._lab.inside("client"):
            client = socket.socket(self._client.family, socket.SOCK_DGRAM)
        with client:
            client.bind((source, 0))
            client.sendto(payload, (self._address, port))

    @property
    def count(self) -> int:
        """How many datagrams have been read."""
        return sum(map(len, self.arrived.values()))

    def read(self, wait: float = 0) -> bool:
        """Read what waits, after waiting for it up to so many seconds; False if nothing came."""
        ready = self._poll.poll(wait * 1000)
        for descriptor, _ in ready:
            port, server = self._servers[descriptor]
            into = self.arrived[port]
            try:
                while True:
                    into.append(server.recv(65536, socket.MSG_DONTWAIT))
            except BlockingIOError:
                pass
        return bool(ready)

    def read_until(self, count: int) -> None:
        """Read until there are so many, and then what has come besides."""
        deadline = time.monotonic() + PATIENCE
        while self.count < count and time.monotonic() < deadline:
            self.read(0.1)
        while self.read():
            pass
