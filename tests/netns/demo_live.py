# SPDX-License-Identifier: GPL-2.0
"""The demo's traffic through a real kernel queue: it is sent, and the server is looked at."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.netns.daemon import Daemon, Record
from tests.netns.demo_cases import BLOCKED, CASES, MARK, RESPONSE, Case, shown
from tests.netns.lab import CLIENT, SERVER, Family, Lab

DOMAIN = {4: socket.AF_INET, 6: socket.AF_INET6}
PING = {4: (socket.IPPROTO_ICMP, 8), 6: (socket.IPPROTO_ICMPV6, 128)}
"""Protocol and type of an echo request."""

ANSWERED = 5.0
"""Seconds to wait for what must come."""
SILENT = 0.3
"""Seconds to wait for what must not come."""


class Traffic:
    """Sends a case's packets from the client and sees what arrives at the server."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        with lab.inside("client"):
            # Lets this group of users send echo requests without a raw socket.
            Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0")

    def send(self, case: Case) -> str:
        """Return what arrived, for the table."""
        with ExitStack() as stack:
            match case.kind:
                case "connect":
                    return self._connect(case, stack)
                case "http":
                    return self._http(case, stack)
                case "datagram":
                    return self._datagram(case, stack)
                case "ping":
                    return self._ping(case, stack)

    def _socket(self, host: str, case: Case, kind: int, stack: ExitStack) -> socket.socket:
        with self._lab.inside("client" if host == "client" else "server"):
            proto = PING[case.family][0] if case.kind == "ping" else 0
            made = stack.enter_context(socket.socket(DOMAIN[case.family], kind, proto))
        made.settimeout(ANSWERED if case.verdict == "accept" else SILENT)
        if host == "client":
            made.bind((case.source, 0))
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((SERVER[case.family], case.dport))
        return made

    def _connect(self, case: Case, stack: ExitStack) -> str:
        listener = self._socket("server", case, socket.SOCK_STREAM, stack)
        listener.listen()
        client = self._socket("client", case, socket.SOCK_STREAM, stack)
        try:
            client.connect((SERVER[case.family], case.dport))
        except TimeoutError:
            return "nothing"
        return "a connection"

    def _http(self, case: Case, stack: ExitStack) -> str:
        listener = self._socket("server", case, socket.SOCK_STREAM, stack)
        listener.listen()
        client = self._socket("client", case, socket.SOCK_STREAM, stack)
        client.connect((SERVER[case.family], case.dport))
        server = stack.enter_context(listener.accept()[0])
        server.settimeout(ANSWERED)
        client.sendall(case.payload)
        request = server.recv(4096)
        server.sendall(RESPONSE)
        answered = client.recv(4096) == RESPONSE
        return shown(request) + (", answered" if answered else "")

    def _datagram(self, case: Case, stack: ExitStack) -> str:
        server = self._socket("server", case, socket.SOCK_DGRAM, stack)
        client = self._socket("client", case, socket.SOCK_DGRAM, stack)
        client.sendto(case.payload, (SERVER[case.family], case.dport))
        try:
            data, sender = server.recvfrom(4096)
        except TimeoutError:
            return "nothing"
        server.sendto(b"I heard: " + data, sender)
        answered = client.recv(4096) == b"I heard: " + data
        return data.decode("latin-1") + (", answered" if answered else "")

    def _ping(self, case: Case, stack: ExitStack) -> str:
        client = self._socket("client", case, socket.SOCK_DGRAM, stack)
        before = self._marked(case.family)
        kind = PING[case.family][1]
        client.sendto(
            struct.pack("!BBHHH", kind, 0, 0, 0, 1) + case.payload, (SERVER[case.family], 0)
        )
        answered = client.recv(4096)[8:] == case.payload
        marked = f"mark {MARK:#x}" if self._marked(case.family) == before + 1 else "no mark"
        return marked + (", answered" if answered else "")

    def _marked(self, family: Family) -> int:
        """Read how many marked packets the gateway has sent on."""
        (rule,) = self._lab.rules("gateway", "POSTROUTING", table="mangle", family=family)
        return rule.packets


def wire(lab: Lab) -> None:
    """Have the gateway queue what it forwards, and count what it sends on with the mark."""
    for family in CLIENT:
        lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE", family=family)
        counted = ("-m", "mark", "--mark", f"{MARK:#x}/0xff")
        lab.iptables("gateway", "-t", "mangle", "-A", "POSTROUTING", *counted, family=family)
        width = {4: 32, 6: 128}[family]
        lab.run("client", ["ip", "address", "add", f"{BLOCKED[family]}/{width}", "dev", "lo"])


def decided(daemon: Daemon, case: Case) -> Record | None:
    """Wait for the decision of a case."""
    daemon.wait_until(lambda: any(map(case.concerns, daemon.records)), ANSWERED)
    return next(filter(case.concerns, daemon.records), None)


def live(rules: Path) -> Iterator[tuple[Case, Record | None, str, str]]:
    """Send all cases; yield each with its decision, what should arrive, and what arrived."""
    with Lab() as lab:
        wire(lab)
        daemon = Daemon(lab, rules, "--transport", "nfqueue").wait_ready()
        try:
            traffic = Traffic(lab)
            for case in CASES:
                expected = case.arrives + (", answered" if case.verdict == "accept" else "")
                try:
                    arrived = traffic.send(case)
                except OSError as error:
                    arrived = str(error)
                yield case, decided(daemon, case), expected, arrived
        finally:
            code = daemon.end()
            for line in daemon.said:
                print(line)
        if code != 0:
            raise RuntimeError(f"the daemon ended with exit code {code}")
