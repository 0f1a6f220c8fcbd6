# SPDX-License-Identifier: GPL-2.0
"""``qverdictd attach`` and ``detach``: the rules that lead to the queue, on real kernel tables."""

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from qverdictd.attach import tool
from qverdictd.attach.attach import attaching, carry_out, choose, detaching, rule_sets
from qverdictd.attach.nft import Nft
from qverdictd.attach.wanted import Wanted
from qverdictd.attach.xtables import Xtables
from qverdictd.control.config import Config
from qverdictd.control.wiring import AttachShape, Backend
from qverdictd.errors import RulesError
from qverdictd.transport.nfqueue import NfqueueTransport
from tests.netns.daemon import QVERDICTD, Daemon
from tests.netns.datagrams import Datagrams
from tests.netns.lab import SERVER, Family, Lab
from tests.netns.traffic import PORT, Udp, held, readable

IPTABLES: list[Backend] = ["iptables-nft", "iptables-legacy"]
"""nft's own queue is not in every kernel that runs these tests; see test_nft_rules_*."""
FOREIGN = """*mangle
:theirs - [0:0]
-A PREROUTING -j theirs
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1300
-A FORWARD -j theirs
-A theirs -j MARK --set-xmark 0x7/0xff
COMMIT
*filter
-A FORWARD -p tcp -m tcp --dport 7 -j DROP
-A FORWARD -p udp -m udp --dport 9 -j NFQUEUE --queue-num 9
COMMIT
"""


def wanted(config: Config | None = None, **keys: Any) -> Wanted:
    return Wanted.of(config or Config(), AttachShape(**keys))


def do_attach(lab: Lab, name: Backend, what: Wanted) -> int:
    """Attach as the command does; return how many changes that took."""
    among = rule_sets()
    with lab.inside("gateway"):
        steps = attaching(choose(what, name, among), what, among)
        carry_out(steps)
    return len(steps)


def do_detach(lab: Lab) -> int:
    with lab.inside("gateway"):
        steps = detaching(rule_sets())
        carry_out(steps)
    return len(steps)


def saved(lab: Lab, name: Backend, family: Family = 4) -> list[str]:
    """Read all rules of one kind of iptables, without comments and counters."""
    program = f"{'iptables' if family == 4 else 'ip6tables'}-{name.removeprefix('iptables-')}-save"
    lines = lab.run("gateway", [program]).stdout.splitlines()
    return [line.rsplit(" [", 1)[0] for line in lines if not line.startswith("#")]


def ours(lab: Lab, name: Backend, family: Family = 4) -> list[str]:
    return [line for line in saved(lab, name, family) if "qverdictd" in line]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yaml"
    file.write_text(
        "version: 1\ndefault: accept\nrules:\n"
        "  - {name: refuse, match: {proto: udp, payload: {text: refuse me}}, verdict: drop}\n"
    )
    return file


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("name", IPTABLES)
def test_packets_are_judged_while_attached_and_only_then(
    lab: Lab, rules: Path, name: Backend, family: Family
) -> None:
    daemon = Daemon(lab, rules, "--transport", "nfqueue").wait_ready()
    with Udp(lab, family) as udp:
        udp.send(b"refuse me")
        assert udp.arrived(1) == [b"refuse me"]
        lab.run("gateway", [QVERDICTD, "attach", "--backend", name])
        udp.send(b"refuse me", b"yes")
        assert udp.arrived(1) == [b"yes"]
        assert daemon.wait_for_decisions(2)
        lab.run("gateway", [QVERDICTD, "detach"])
        udp.send(b"refuse me")
        assert udp.arrived(1) == [b"refuse me"]
    assert daemon.end() == 0
    assert daemon.summary().received == 2
    assert ours(lab, name, family) == []


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"hooks": ["prerouting", "input", "forward", "output", "postrouting"]},
        {"proto": "tcp", "dport": "80,443,8000-8080", "sport": "1024-65535"},
        {"proto": "udp", "dport": "0-65535"},
        {"proto": "icmp"},
        {"proto": "icmpv6"},
        {"proto": 89, "in": "eth0", "out": "eth1"},
        {"proto": "gre", "in": "eth*"},
        {"proto": "tcp", "defragment": True},
        {"family": "ip6"},
    ],
)
@pytest.mark.parametrize("name", IPTABLES)
def test_the_second_time_changes_nothing(lab: Lab, name: Backend, keys: dict[str, Any]) -> None:
    what = wanted(Config(queues="2-5", overflow="accept"), **keys)
    assert do_attach(lab, name, what) == len(what.families)
    before = [saved(lab, name, family) for family in (4, 6)]
    assert do_attach(lab, name, what) == 0
    assert [saved(lab, name, family) for family in (4, 6)] == before
    assert do_detach(lab) == len(what.families)
    assert do_detach(lab) == 0


@pytest.mark.parametrize("name", IPTABLES)
def test_the_rules_of_others_stay_as_they_are(lab: Lab, name: Backend) -> None:
    restore = f"{name}-restore"
    lab.run("gateway", [restore], input=FOREIGN)
    before = saved(lab, name)
    do_attach(lab, name, wanted(hooks=["prerouting", "forward"]))
    do_attach(lab, name, wanted(hooks=["forward", "postrouting"], proto="tcp", dport=80))
    kept = [line for line in saved(lab, name) if "qverdictd" not in line]
    assert kept == before
    assert ours(lab, name)
    do_detach(lab)
    assert saved(lab, name) == before


@pytest.mark.parametrize("name", IPTABLES)
def test_our_accept_leaves_the_packet_to_the_filter(lab: Lab, rules: Path, name: Backend) -> None:
    drop = ["-A", "FORWARD", "-p", "udp", "--dport", str(PORT), "-j", "DROP"]
    lab.run("gateway", [name, *drop])
    do_attach(lab, name, wanted())
    daemon = Daemon(lab, rules, "--transport", "nfqueue").wait_ready()
    with Udp(lab) as udp:
        udp.send(b"accepted, then dropped")
        assert daemon.wait_for_decisions(1)
        assert daemon.records[0]["verdict"] == "accept"
        assert not readable(udp.server, 0.2)
    assert daemon.end() == 0


@pytest.mark.parametrize("overflow", ["accept", "drop"])
@pytest.mark.parametrize("name", IPTABLES)
def test_overflow_says_what_happens_while_nobody_holds_the_queue(
    lab: Lab, name: Backend, overflow: str
) -> None:
    do_attach(lab, name, wanted(Config.model_validate({"overflow": overflow})))
    with Udp(lab) as udp:
        udp.send(b"is anybody there?")
        assert readable(udp.server, 0.3) == (overflow == "accept")


@pytest.mark.parametrize("name", IPTABLES)
def test_flows_are_spread_over_the_queues(lab: Lab, name: Backend) -> None:
    do_attach(lab, name, wanted(Config(queues="4-7")))
    sources = [f"192.0.2.{number}" for number in range(100, 140)]
    for source in sources:
        lab.run("client", ["ip", "address", "add", f"{source}/32", "dev", "eth0"])
    with (
        held(lab, NfqueueTransport, 4) as first,
        held(lab, NfqueueTransport, 5) as second,
        held(lab, NfqueueTransport, 6) as third,
        held(lab, NfqueueTransport, 7) as fourth,
        Datagrams(lab, ()) as datagrams,
    ):
        for source in sources:
            for _ in range(3):
                datagrams.send_from(source, PORT, b"x")
        counts = [len(one.receive()) for one in (first, second, third, fourth)]
    assert sum(counts) == 3 * len(sources)
    assert all(count and count % 3 == 0 for count in counts)  # a flow stays on its queue


@pytest.mark.parametrize("name", IPTABLES)
def test_a_change_under_traffic_loses_no_packet(lab: Lab, rules: Path, name: Backend) -> None:
    daemon = Daemon(lab, rules, "--transport", "nfqueue", json=False).wait_ready()
    do_attach(lab, name, wanted())
    stop = threading.Event()
    sent = 0
    with Datagrams(lab, (PORT,)) as datagrams:

        def send() -> None:
            nonlocal sent
            while not stop.is_set():
                datagrams.send(PORT, sent.to_bytes(4))
                sent += 1
                while sent - datagrams.count > 200 and not stop.is_set():
                    datagrams.read(0.01)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for _ in range(4):
                changed = wanted(proto="udp", dport=PORT, hooks=["forward", "input"])
                assert do_attach(lab, name, changed) > 0
                assert do_attach(lab, name, wanted()) > 0
        finally:
            stop.set()
            sender.join()
        datagrams.read_until(sent)
        assert datagrams.arrived[PORT] == [number.to_bytes(4) for number in range(sent)]
    assert daemon.end() == 0
    assert sent > 500
    assert daemon.summary().received == sent
    assert daemon.summary().lost == "nothing"


def test_another_backend_takes_over(lab: Lab) -> None:
    do_attach(lab, "iptables-legacy", wanted())
    assert do_attach(lab, "iptables-nft", wanted()) == 4
    assert ours(lab, "iptables-legacy") == []
    assert ours(lab, "iptables-nft")
    # "auto" stays where rules of ours are.
    with lab.inside("gateway"):
        assert choose(wanted(), "auto", rule_sets()).name == "iptables-nft"


@pytest.mark.parametrize("name", IPTABLES)
def test_what_somebody_did_to_our_rules_is_mended(lab: Lab, name: Backend) -> None:
    do_attach(lab, name, wanted())
    before = saved(lab, name)
    program: list[str | Path] = [name, "-t", "mangle"]
    lab.run("gateway", [*program, "-A", "FORWARD", "-j", "qverdictd-forward"])
    lab.run("gateway", [*program, "-A", "qverdictd-forward", "-j", "DROP"])
    assert do_attach(lab, name, wanted()) == 1
    assert saved(lab, name) == before
    lab.run("gateway", [*program, "-D", "FORWARD", "-j", "qverdictd-forward"])
    assert do_attach(lab, name, wanted()) == 1
    assert saved(lab, name) == before


@pytest.mark.parametrize("name", IPTABLES)
def test_a_foreign_rule_into_our_chain_is_not_cut(lab: Lab, name: Backend) -> None:
    do_attach(lab, name, wanted())
    lab.run(
        "gateway", [name, "-t", "mangle", "-A", "INPUT", "-i", "eth0", "-j", "qverdictd-forward"]
    )
    before = saved(lab, name)
    with pytest.raises(RulesError, match="-A INPUT -i eth0 -j qverdictd-forward"):
        do_detach(lab)
    assert saved(lab, name) == before


@pytest.mark.parametrize(("defragment", "seen"), [(False, 1), (True, 1)])
def test_fragments_and_ports(lab: Lab, defragment: bool, seen: int) -> None:
    """Without reassembly only the first fragment has ports; with it the packet comes whole."""
    do_attach(
        lab, "iptables-nft", wanted(proto="udp", dport=PORT, defragment=defragment, family="ip")
    )
    with held(lab, NfqueueTransport) as queue, Udp(lab) as udp:
        udp.send(b"x" * 8000)
        assert readable(queue)
        packets = queue.receive()
    assert len(packets) == seen
    assert (len(packets[0].data) > 8000) == defragment


def test_what_a_dry_run_prints_is_what_is_done(lab: Lab) -> None:
    arguments = ("--backend", "iptables-nft", "--proto", "tcp", "--dport", "80", "--queue", "0-3")
    printed = lab.run("gateway", [QVERDICTD, "attach", *arguments, "--dry-run"]).stdout
    assert ours(lab, "iptables-nft") == []
    lab.run("gateway", ["sh", "-e"], input=printed)
    done = lab.run("gateway", [QVERDICTD, "attach", *arguments, "--json"]).stdout
    assert json.loads(done) == {
        "attached": True, "changed": False, "backend": "iptables-nft", "queues": "0-3",
    }  # fmt: skip
    printed = lab.run("gateway", [QVERDICTD, "detach", "--dry-run"]).stdout
    assert ours(lab, "iptables-nft") != []
    lab.run("gateway", ["sh", "-e"], input=printed)
    assert ours(lab, "iptables-nft") == []


def test_a_configuration_says_what_and_whether(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "qverdictd.yaml"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return lab.run("gateway", [QVERDICTD, *words, "--config", file])

    file.write_text("queues: 1-2\n")
    assert run("attach", "--configured").stdout == ""
    assert ours(lab, "iptables-nft") == []
    section = "queues: 1-2\nattach: {backend: iptables-nft, hooks: [input], proto: tcp, dport: 22"
    file.write_text(section + "}\n")
    assert "attached: input to queue 1-2, by iptables-nft" in run("attach", "--configured").stdout
    assert run("detach", "--configured").stdout == ""
    assert ours(lab, "iptables-nft") == [
        ":qverdictd-input -",
        "-A INPUT -j qverdictd-input",
        "-A qverdictd-input -p tcp -m tcp --dport 22 -j NFQUEUE --queue-balance 1:2",
    ]
    file.write_text(section + ", on_stop: detach}\n")
    assert "detached" in run("detach", "--configured").stdout
    assert ours(lab, "iptables-nft") == []


def test_without_rights_it_says_so(lab: Lab) -> None:
    bare = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--"]
    for words in (["attach"], ["attach", "--backend", "iptables-nft"]):
        done = lab.run("gateway", [*bare, QVERDICTD, *words], check=False)
        assert done.returncode == 77
        assert "CAP_NET_ADMIN" in done.stderr


# nft. The words are always tried on the kernel; where it lacks nft's queue, without that one.


def without_queue(script: str) -> str:
    """Put a verdict that every kernel has in the place of ``queue ..``."""
    lines = (
        f"{line.split(' queue ')[0]} accept comment{line.split(' comment')[1]}"
        if " queue " in line
        else line
        for line in script.splitlines()
    )
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"hooks": ["prerouting", "input", "forward", "output", "postrouting"]},
        {"proto": "tcp", "dport": "80,8000-8080", "sport": "1024-65535", "defragment": True},
        {"proto": 89, "in": "eth0", "out": "eth*", "family": "ip6"},
        {"proto": "icmp"},
    ],
)
def test_nft_rules_come_stay_and_go(lab: Lab, keys: dict[str, Any]) -> None:
    what = wanted(Config(queues="2-5", overflow="accept"), **keys)
    nft = Nft()
    with lab.inside("gateway"):
        (step,) = nft.steps(what)
        tool.carry_out(tool.Step(step.command, without_queue(step.script)))
        assert nft.present()
        assert nft.steps(what) == []  # known again
        other = wanted(hooks=["output"], out="eth1")
        (step,) = nft.steps(other)
        tool.carry_out(tool.Step(step.command, without_queue(step.script)))
        assert nft.steps(other) == []
        (step,) = nft.steps(None)
        tool.carry_out(step)
        assert not nft.present()
        assert nft.steps(None) == []


def test_nft_reads_our_queue_statement(lab: Lab) -> None:
    # All words have been read when the kernel refuses the one that it lacks.
    nft = Nft()
    for config in (Config(), Config(queues="0-3"), Config(queues=1, overflow="accept")):
        with lab.inside("gateway"):
            why = nft.refuses(wanted(config))
        assert why in (None, "this kernel or its modules lack nft's queue (CONFIG_NFT_QUEUE)")


def test_auto_takes_the_first_that_works(lab: Lab) -> None:
    with lab.inside("gateway"):
        has_queue = Nft().refuses(wanted()) is None
        chosen = choose(wanted(), "auto", rule_sets())
    assert chosen.name == ("nft" if has_queue else "iptables-nft")


def test_nothing_is_made_only_to_be_looked_at(lab: Lab) -> None:
    """iptables-legacy makes a table when it is asked for it."""
    with lab.inside("gateway"):
        assert not Xtables("iptables-legacy").present()
        assert detaching(rule_sets()) == []
        assert Path("/proc/thread-self/net/ip_tables_names").read_text() == ""


def test_the_server_is_where_rules_say(lab: Lab) -> None:
    """An interface's name restricts: what goes out elsewhere is not queued."""
    do_attach(lab, "iptables-nft", wanted(Config(overflow="drop"), **{"in": "eth0", "out": "eth0"}))
    with Udp(lab) as udp:
        udp.send(b"past the queue")
        assert udp.arrived(1) == [b"past the queue"]
        assert udp.to[0] == SERVER[4]
