# SPDX-License-Identifier: GPL-2.0
"""Three hosts in a row, joined by veth pairs; packets from client to server cross the gateway.

    ┌───────────────────┐      ┌──────────────────────────────┐      ┌───────────────────┐
    │      client       │      │           gateway            │      │      server       │
    │              eth0 ├──────┤ eth0     (FORWARD)      eth1 ├──────┤ eth0              │
    │      192.0.2.2/24 │      │ 192.0.2.1/24                 │      │ 198.51.100.2/24   │
    │                   │      │              198.51.100.1/24 │      │                   │
    │  2001:db8:1::2/64 │      │ 2001:db8:1::1/64             │      │  2001:db8:2::2/64 │
    │                   │      │             2001:db8:2::1/64 │      │                   │
    └───────────────────┘      └──────────────────────────────┘      └───────────────────┘

Nobody speaks unasked: neighbours are permanent entries (no ARP, no neighbour solicitations), there
is no duplicate address detection, no router solicitation, no link-local address, and the multicast
reports that IPv6 insists on are over before the laboratory opens. What a chain sees is what
a test sent. Offloads are left as veth has them, so TCP arrives in packets larger than the MTU.
"""

import contextlib
import ctypes
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from tests.netns import enter

Host = Literal["client", "gateway", "server"]
Family = Literal[4, 6]

CLIENT: dict[Family, str] = {4: "192.0.2.2", 6: "2001:db8:1::2"}
SERVER: dict[Family, str] = {4: "198.51.100.2", 6: "2001:db8:2::2"}
CLIENT_GATEWAY: dict[Family, str] = {4: "192.0.2.1", 6: "2001:db8:1::1"}
"""The gateway as the client sees it."""
SERVER_GATEWAY: dict[Family, str] = {4: "198.51.100.1", 6: "2001:db8:2::1"}
"""The gateway as the server sees it."""

MTU = 1500


@dataclass(frozen=True, slots=True)
class Link:
    """One end of a veth pair."""

    host: Host
    device: str
    mac: str
    addresses: tuple[str, str]


LINKS = (
    (
        Link("client", "eth0", "02:00:00:00:01:02", (CLIENT[4], CLIENT[6])),
        Link("gateway", "eth0", "02:00:00:00:01:01", (CLIENT_GATEWAY[4], CLIENT_GATEWAY[6])),
    ),
    (
        Link("server", "eth0", "02:00:00:00:02:02", (SERVER[4], SERVER[6])),
        Link("gateway", "eth1", "02:00:00:00:02:01", (SERVER_GATEWAY[4], SERVER_GATEWAY[6])),
    ),
)

QUIET = {
    "net/ipv4/conf/{}/rp_filter": "0",
    "net/ipv6/conf/{}/accept_dad": "0",
    "net/ipv6/conf/{}/accept_ra": "0",
    "net/ipv6/conf/{}/addr_gen_mode": "1",  # none: no link-local address
    "net/ipv6/conf/{}/autoconf": "0",
    "net/ipv6/conf/{}/disable_ipv6": "0",
    "net/ipv6/conf/{}/mldv1_unsolicited_report_interval": "1",  # ms
    "net/ipv6/conf/{}/mldv2_unsolicited_report_interval": "1",
    "net/ipv6/conf/{}/router_solicitations": "0",
}
"""Settings of each host, for what exists (``all``) and what will (``default``)."""

CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of an iptables chain, with what the kernel has counted on it."""

    packets: int
    bytes: int
    chain: str
    text: str
    """The rule as iptables-save writes it, after ``-A CHAIN``."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A line of /proc/net/netfilter/nfnetlink_queue."""

    number: int
    portid: int
    waiting: int
    copy_mode: int
    copy_range: int
    dropped_full: int
    """Dropped because the queue was full."""
    dropped_socket: int
    """Dropped because the reader's socket was full."""
    last_id: int


@dataclass
class Lab:
    """The three hosts, for as long as the ``with`` block lasts."""

    gateway: int | None = None
    """The process whose network is to be the gateway's; None: a network is made."""

    def __post_init__(self) -> None:
        self._started: list[subprocess.Popen[Any]] = []
        self._name = f"{os.getpid()}-{id(self):x}"

    def __enter__(self) -> "Lab":
        if not enter.inside():
            raise RuntimeError(enter.HOW)
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what was started, newest first, and take the hosts away."""
        for process in reversed(self._started):
            stop(process)
        self._started.clear()
        for host in ("client", "gateway", "server"):
            if self.path(host).exists():
                ip("netns", "delete", self.path(host).name)

    def path(self, host: Host) -> Path:
        """Return the file that names a host's network namespace."""
        return Path("/run/netns", f"{self._name}-{host}")

    # -- acting on a host

    def command(self, host: Host, argv: Sequence[str | Path]) -> list[str]:
        """Return the command that runs ``argv`` on a host; it ends as the same process."""
        return ["nsenter", f"--net={self.path(host)}", "--", *map(str, argv)]

    def run(
        self, host: Host, argv: Sequence[str | Path], *, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host to its end, its output captured as text.

        With ``check`` a failure raises with all that the command wrote.
        """
        options = {"timeout": 60, "capture_output": True, "text": True, **options}
        done = subprocess.run(self.command(host, argv), check=False, **options)
        if check and done.returncode != 0:
            words = " ".join(map(str, argv))
            raise RuntimeError(
                f"{host}: {words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def start(
        self, host: Host, argv: Sequence[str | Path], **options: Any
    ) -> subprocess.Popen[str]:
        """Start a command on a host; its pipes are text. It ends with the laboratory at last."""
        process = subprocess.Popen(self.command(host, argv), **{"text": True, **options})
        self._started.append(process)
        return process

    @contextlib.contextmanager
    def inside(self, host: Host) -> Iterator[None]:
        """Let the calling thread be on a host: sockets that it opens stay there.

        /proc/net shows the main thread's host; another thread reads /proc/thread-self/net.
        """
        with Path("/proc/thread-self/ns/net").open("rb") as before:
            with self.path(host).open("rb") as there:
                setns(there.fileno())
            try:
                yield
            finally:
                setns(before.fileno())

    # -- the kernel's rules and counters

    def iptables(
        self, host: Host, *arguments: str, family: Family = 4
    ) -> subprocess.CompletedProcess[str]:
        """Run iptables-legacy, or ip6tables-legacy; iptables-nft has no ``-j QUEUE``."""
        program = "iptables-legacy" if family == 4 else "ip6tables-legacy"
        return self.run(host, [program, "--wait", *arguments])

    def rules(
        self, host: Host, chain: str, *, table: str = "filter", family: Family = 4
    ) -> list[Rule]:
        """Read the rules of a chain in their order, each with its counters."""
        program = "iptables-legacy-save" if family == 4 else "ip6tables-legacy-save"
        saved = self.run(host, [program, "--counters", "--table", table]).stdout
        found = re.findall(rf"^\[(\d+):(\d+)\] -A {re.escape(chain)} ?(.*)$", saved, re.MULTILINE)
        return [Rule(int(packets), int(size), chain, text) for packets, size, text in found]

    def queues(self, host: Host) -> dict[int, Queue]:
        """Read what the kernel says of the bound queues, by number; without NFQUEUE, none."""
        table = Path("/proc/thread-self/net/netfilter/nfnetlink_queue")
        with self.inside(host):
            text = table.read_text() if table.exists() else ""
        rows = (list(map(int, line.split())) for line in text.splitlines())
        return {row[0]: Queue(*row[:8]) for row in rows}

    def offload(self, host: Host, device: str, on: bool) -> None:
        """Switch segmentation and checksum offload of a link; off, a packet is as on the wire."""
        state = "on" if on else "off"
        words = [word for name in ("tx", "tso", "gso", "gro") for word in (name, state)]
        self.run(host, ["ethtool", "-K", device, *words])

    # -- building

    def _build(self) -> None:
        hosts: tuple[Host, ...] = ("client", "gateway", "server")
        for host in hosts:
            if host == "gateway" and self.gateway is not None:
                ip("netns", "attach", self.path(host).name, str(self.gateway))
            else:
                ip("netns", "add", self.path(host).name)
            with self.inside(host):
                for name, value in QUIET.items():
                    for scope in ("all", "default"):
                        Path("/proc/sys", name.format(scope)).write_text(value)
                forward = "1" if host == "gateway" else "0"
                Path("/proc/sys/net/ipv4/ip_forward").write_text(forward)
                Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text(forward)
            ip("-n", self.path(host).name, "link", "set", "lo", "up")
        for near, far in LINKS:
            ip(
                *("-n", self.path(near.host).name, "link", "add", near.device),
                *("mtu", str(MTU), "address", near.mac, "type", "veth"),
                *("peer", "name", far.device, "netns", self.path(far.host).name),
                *("mtu", str(MTU), "address", far.mac),
            )
        for near, far in LINKS:
            for us, other in ((near, far), (far, near)):
                self._address(us, other)
        for host, gateway in (("client", CLIENT_GATEWAY), ("server", SERVER_GATEWAY)):
            for address in gateway.values():
                ip("-n", self.path(host).name, "route", "add", "default", "via", address)
        self._wait_for_links()

    def _address(self, us: Link, other: Link) -> None:
        four, six = us.addresses
        device = ("dev", us.device)
        neighbours = (
            f"neighbour add {address} lladdr {other.mac} nud permanent dev {us.device}\n"
            for address in other.addresses
        )
        subprocess.run(
            ["ip", "-n", self.path(us.host).name, "-batch", "-"],
            input=f"address add {four}/24 {' '.join(device)}\n"
            f"address add {six}/64 nodad {' '.join(device)}\n"
            f"link set {us.device} up\n" + "".join(neighbours),
            text=True,
            check=True,
        )

    def _wait_for_links(self) -> None:
        """Wait until every link is up and the last multicast report was sent."""
        deadline = time.monotonic() + 10
        while True:
            texts = [
                ip("-n", self.path(link.host).name, "-oneline", "link", "show", link.device)
                for pair in LINKS
                for link in pair
            ]
            if all(" state UP " in text for text in texts):
                break
            if time.monotonic() > deadline:
                raise RuntimeError("the links did not come up:\n" + "".join(texts))
            time.sleep(0.01)
        time.sleep(0.05)  # the reports follow within milliseconds (QUIET)


def ip(*arguments: str) -> str:
    """Run the ip command; return what it printed."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def setns(descriptor: int) -> None:
    """Move the calling thread into a network namespace; os.setns comes with Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


def stop(process: "subprocess.Popen[Any]", patience: float = 10) -> int:
    """End a process that we started: SIGTERM, and SIGKILL if that is not enough."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    code = process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    return code
