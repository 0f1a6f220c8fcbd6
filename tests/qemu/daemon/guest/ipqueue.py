# SPDX-License-Identifier: GPL-2.0
"""The daemon as shipped, over ``-j QUEUE`` and the module: each verdict, the commands, the tap."""

import json
import subprocess
from collections import Counter

from tests.netns.daemon import QVERDICTD, Daemon
from tests.netns.demo_cases import CASES
from tests.netns.demo_live import wire
from tests.netns.lab import Lab

from .common import RULES, check, command, kmod, powerless, run_cases


def settings(lab: Lab) -> None:
    """Set what was not set before, for the family that is named; check that it is."""
    queues = kmod(lab)
    check(queues["ip"]["statistics"]["peer"] == 0, queues)
    check(queues["ip"]["settings"]["maxlen"] == 1024, queues)
    kmod(lab, "-6", "--set", "deadline_ms=90000", "deadline_verdict=accept")
    queues = kmod(lab)
    check(queues["ip"]["settings"]["deadline_ms"] == 0, queues)
    check(queues["ip6"]["settings"]["deadline_ms"] == 90000, queues)
    check(queues["ip6"]["settings"]["deadline_verdict"] == "accept", queues)
    kmod(lab, "-6", "--set", "deadline_ms=0")
    check(kmod(lab)["ip6"]["settings"]["deadline_verdict"] == "accept", "not changed with it")


def refused(lab: Lab) -> None:
    """Check that without the right nothing can be had, seen or set, and what is missing is said."""
    before = kmod(lab)
    for arguments in (
        ["run", "--transport", "ipqueue", "--rules", str(RULES)],
        ["kmod"],
        ["kmod", "--set", "maxlen=5", "--reset", "-6"],
        ["tap"],
    ):
        with powerless():
            code, output, errors = command(lab, *arguments)
        check((code, output) == (77, ""), (arguments, code, output, errors))
        check("needs CAP_NET_ADMIN" in errors, (arguments, errors))
    check(kmod(lab) == before, "something was changed")


def owned(lab: Lab, daemon: Daemon) -> None:
    """Check that the daemon says what it runs on, the module who owns it, and nobody else may."""
    check(daemon.said[0].endswith("transport auto: ipqueue, as its module is loaded"), daemon.said)
    check("ready: queue 0 over ipqueue, engine native, " in daemon.said[-1], daemon.said)
    for queue in kmod(lab).values():
        check(queue["settings"]["maxlen"] == 16384, queue)
        check(queue["statistics"]["mode"] == "packet", queue)
        check(queue["statistics"]["features"] == ["packets", "verdicts", "flow", "owner"], queue)
        check(queue["statistics"]["peer"] > 0, queue)
    code, _output, errors = command(lab, "run", "--transport", "ipqueue", "--rules", str(RULES))
    holder = f"process {daemon.process.pid} 'qverdictd'"
    check(code == 69 and "the IPv4 queue is held by another process" in errors, (code, errors))
    check(holder in errors, (holder, errors))
    code, _output, errors = command(
        lab, "run", "--transport", "ipqueue", "--queue", "1", "--rules", str(RULES)
    )
    check(code == 69 and "only queue 0" in errors, (code, errors))


def counted(lab: Lab, daemon: Daemon) -> None:
    """Check that the module counted what the daemon decided, family by family."""
    for family, queue in kmod(lab).items():
        ours = [record for record in daemon.records if record["family"] == family]
        verdicts = Counter(record["verdict"] for record in ours)
        statistics = queue["statistics"]
        wanted = {
            "queued": len(ours),
            "accepted": verdicts["accept"],
            "dropped": verdicts["drop"],
            "replaced": sum(record["replaced"] for record in ours),
            "length": 0,
            "refused": 0,
            "undeliverable": 0,
        }
        check({name: statistics[name] for name in wanted} == wanted, (wanted, statistics))
        check(wanted["replaced"] >= 2 and wanted["dropped"] >= 3, wanted)
    code, output, _errors = command(lab, "kmod")
    check(code == 0 and output.splitlines()[0].split() == ["IPv4", "IPv6"], output)
    print(output)


def tapped(daemon: Daemon, tap: "subprocess.Popen[str]") -> None:
    """Check that the tap told of each packet what the daemon said, and what became of it."""
    tap.terminate()
    output, errors = tap.communicate(timeout=30)
    check(tap.returncode == 0, (tap.returncode, errors))
    told = [json.loads(line) for line in output.splitlines()]
    check(f"{len(told)} records shown, 0 lost" in errors, errors)
    by_packet = {(record["family"], record["packet"]): record for record in told}
    check(len(by_packet) == len(told) == len(daemon.records), (len(told), len(daemon.records)))
    for record in daemon.records:
        tapped = by_packet[record["family"], record["packet"]]
        same = ("verdict", "proto", "src", "dst", "mark", "replaced", "hook", "in", "out")
        for key in (*same, *({"sport", "dport"} & record.keys())):
            check(tapped[key] == record[key], (key, tapped, record))
        if not record["replaced"]:
            check(tapped["length"] == record["length"], (tapped, record))
        check(tapped["reason"] == "peer" and tapped["waited_us"] > 0, tapped)
    echo = [record for record in told if record.get("icmp_type") in (8, 128)]
    check({record["proto"] for record in echo} == {"icmp", "icmpv6"}, echo)
    check({record["mark"] for record in echo} == {0x10}, echo)


def main() -> None:
    """Run all of it with one daemon."""
    with Lab() as lab:
        wire(lab)
        argv = [str(QVERDICTD), "tap", "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        tap = lab.start("gateway", argv, **pipes)
        settings(lab)
        assert tap.stderr is not None
        check("listening" in tap.stderr.readline(), "the tap did not open")
        refused(lab)
        daemon = Daemon(lab, RULES).wait_ready()
        owned(lab, daemon)
        run_cases(lab, daemon, CASES)
        check(daemon.end() == 0, daemon.said)
        print("\n".join(daemon.said))
        summary = daemon.summary()
        check(summary.received == len(daemon.records), summary)
        check(summary.pending == 0 and summary.lost == "nothing", summary)
        counted(lab, daemon)
        tapped(daemon, tap)


if __name__ == "__main__":
    main()
