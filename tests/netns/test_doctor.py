# SPDX-License-Identifier: GPL-2.0
"""``qverdictd doctor`` on a gateway that has been given each illness."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qverdictd.attach import tool
from qverdictd.control.config import Config
from qverdictd.doctor.checks import findings
from qverdictd.doctor.facts import Facts, gather
from qverdictd.transport.nfqueue import NfqueueTransport
from tests.netns.daemon import QVERDICTD, Daemon
from tests.netns.lab import Host, Lab
from tests.netns.traffic import Udp, held, queue_rule

TO_QUEUE = ["-j", "NFQUEUE", "--queue-num", "0"]


def look(lab: Lab, config: Config | None = None, interval: float = 0) -> dict[str, str]:
    """Return what is found at the gateway: names and texts."""
    return {
        f.name: f"{f.severity}: {f.text}"
        for f in findings(facts(lab, interval), config or Config())
    }


def facts(lab: Lab, interval: float = 0) -> Facts:
    with lab.inside("gateway"):
        return gather(interval)


def iptables(lab: Lab, *words: str, program: str = "iptables-nft", host: Host = "gateway") -> None:
    lab.run(host, [program, *words])


@pytest.fixture
def daemon(lab: Lab, tmp_path: Path) -> Iterator[Daemon]:
    file = tmp_path / "rules.yaml"
    file.write_text("version: 1\ndefault: accept\n")
    running = Daemon(lab, file, "--transport", "nfqueue").wait_ready()
    yield running
    assert running.end() == 0


def run(lab: Lab, *words: str) -> tuple[int, list[dict[str, Any]]]:
    done = lab.run(
        "gateway", [QVERDICTD, "doctor", "--interval", "0", "--json", *words], check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_of_what_attach_makes_nothing_is_wrong(lab: Lab, daemon: Daemon) -> None:
    for backend in ("iptables-nft", "iptables-legacy"):
        lab.run("gateway", [QVERDICTD, "attach", "--backend", backend])
        assert look(lab) == {}
    assert run(lab) == (0, [])
    text = lab.run("gateway", [QVERDICTD, "doctor", "--interval", "0"]).stdout
    assert text == "nothing is wrong with queue 0: rules to queues seen: 2\n"
    assert daemon.process.poll() is None


def test_no_rule(lab: Lab, daemon: Daemon) -> None:
    assert "no rule sends packets to queue 0" in look(lab)["no-rule"]
    code, (record,) = run(lab)
    assert code == 1
    assert record.keys() == {"name", "severity", "text", "cure"}
    assert (record["name"], record["severity"]) == ("no-rule", "error")
    assert "qverdictd attach" in record["cure"]
    # One to another queue, and one that nothing leads to, are named.
    iptables(lab, "-A", "FORWARD", "-j", "NFQUEUE", "--queue-num", "3")
    assert "one to queue 3: iptables-nft: filter FORWARD: -j NFQUEUE" in look(lab)["no-rule"]
    iptables(lab, "-N", "nowhere")
    iptables(lab, "-A", "nowhere", *TO_QUEUE)
    assert "nothing leads to it: iptables-nft: filter nowhere" in look(lab)["no-rule"]
    iptables(lab, "-A", "INPUT", "-g", "nowhere")
    assert look(lab) == {}
    assert daemon.process.poll() is None


@pytest.mark.parametrize("words", [["-j", "QUEUE"], TO_QUEUE])
def test_rules_of_iptables_legacy_are_seen(lab: Lab, daemon: Daemon, words: list[str]) -> None:
    lab.iptables("gateway", "-A", "FORWARD", *words)
    assert look(lab) == {}
    assert daemon.process.poll() is None


def test_the_queue_is_held_by_another(lab: Lab) -> None:
    queue_rule(lab)
    assert "nobody holds queue 0: packets sent there are dropped" in look(lab)["not-held"]
    with held(lab, NfqueueTransport):
        found = look(lab)
        # The holder is this very process, which is no qverdictd.
        assert "queue 0 is held by another process: 'p" in found["held"]
    assert "not-held" in look(lab)


def test_queue_as_the_name_of_a_chain(lab: Lab, daemon: Daemon) -> None:
    iptables(lab, "-A", "FORWARD", "-p", "udp", *TO_QUEUE)
    done = lab.run("gateway", ["iptables-nft", "-A", "FORWARD", "-j", "QUEUE"], check=False)
    assert done.returncode != 0
    lab.run("gateway", ["nft", "add chain ip filter QUEUE; add rule ip filter FORWARD jump QUEUE"])
    found = look(lab)
    assert list(found) == ["queue-is-a-chain"]
    assert "iptables-nft: filter FORWARD: -j QUEUE" in found["queue-is-a-chain"]
    assert daemon.process.poll() is None


def test_ports_without_reassembly(lab: Lab, daemon: Daemon) -> None:
    iptables(lab, "-A", "FORWARD", "-p", "udp", "--dport", "53", *TO_QUEUE)
    found = look(lab)
    assert list(found) == ["fragments"]
    assert "iptables-nft: filter FORWARD: -p udp" in found["fragments"]
    # Connections tracked in IPv6 do not help IPv4.
    iptables(lab, "-A", "INPUT", "-m", "state", "--state", "NEW", program="ip6tables-legacy")
    assert list(look(lab)) == ["fragments"]
    iptables(lab, "-A", "INPUT", "-m", "state", "--state", "NEW", program="iptables-legacy")
    assert look(lab) == {}
    iptables(lab, "-F", program="iptables-legacy")
    assert list(look(lab)) == ["fragments"]
    lab.run("gateway", ["nft", "add table ip t; add chain ip t c; add rule ip t c ct state new"])
    assert look(lab) == {}
    assert daemon.process.poll() is None


def test_bypass_and_queues_that_the_configuration_does_not_have(lab: Lab, daemon: Daemon) -> None:
    queue_rule(lab, number=0)
    accept = Config.model_validate({"overflow": "accept"})
    assert "the kernel drops packets while nobody" in look(lab, accept)["bypass-differs"]
    balance = ["-j", "NFQUEUE", "--queue-balance", "0:2", "--queue-bypass"]
    iptables(lab, "-A", "INPUT", *balance)
    found = look(lab)
    assert "the kernel accepts unseen packets" in found["bypass-differs"]
    assert "queues that we do not serve, such as 2" in found["queues-differ"]
    four = look(lab, Config(queues="0-3"))
    assert "no rule sends packets to queue 3" in four["queues-idle"]
    assert daemon.process.poll() is None


def test_the_kernel_drops(lab: Lab) -> None:
    queue_rule(lab)
    with held(lab, NfqueueTransport, queue_length=2), Udp(lab) as udp:
        udp.send(*[b"x"] * 5)
        found = look(lab)
        assert (
            "dropped 3 packets since the queue is held, as the queue was full" in found["dropped"]
        )
        assert found["dropped"].startswith("note")
        later = threading.Timer(0.2, udp.send, [b"x"])
        later.start()
        found = look(lab, interval=1)
        later.join()
    assert "the kernel dropped 1 packets within 1 s, as the queue was full" in found["dropping"]
    assert found["dropping"].startswith("error")


def test_a_receive_buffer_that_could_not_be_raised(lab: Lab) -> None:
    queue_rule(lab)
    words = [sys.executable, "-c", HOLDER, "qverdictd", "run"]
    process = lab.start("gateway", words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    found = look(lab)
    assert list(found) == ["receive-buffer"]
    assert "too little for queue_length: 16384 packets" in found["receive-buffer"]
    assert look(lab, Config(queue_length=3)) == {}


#: Holds queue 0 with the buffer that a socket has by default.
HOLDER = """
import sys
from qverdictd.transport.netlink import NetlinkSocket
from qverdictd.transport.queue import Queue
from qverdictd.wire.nfnetlink_queue import Config
socket = NetlinkSocket.open()
assert Queue(socket, 0).configure(Config(bind=True, copy_range=100)) == 0
print("held", flush=True)
sys.stdin.read()
"""


def test_what_cannot_be_read_is_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.iptables("gateway", "-A", "FORWARD", "-j", "QUEUE")
    real = tool.find
    monkeypatch.setattr(tool, "find", lambda name: None if "legacy" in name else real(name))
    assert "not looked at: rules of iptables-legacy" in look(lab)["unread"]


def test_without_rights(lab: Lab) -> None:
    bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"]
    done = lab.run("gateway", [*bare, QVERDICTD, "doctor", "--json"], check=False)
    assert done.returncode == 77
    assert json.loads(done.stdout)["name"] == "no-rights"


def test_the_buffer_of_a_socket_is_what_the_kernel_has(lab: Lab) -> None:
    with lab.inside("gateway"):
        one = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    with one:
        one.bind((0, 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
        portid = one.getsockname()[0]
        assert facts(lab).sockets[portid].receive_buffer == 100_000
