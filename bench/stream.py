# SPDX-License-Identifier: GPL-2.0
"""TCP through the queue, with segmentation offload: iperf3 from the client to the server.

Both directions are queued in the gateway's FORWARD chain. The ways take turns: unqueued, through
the baseline, through our daemon; a round's ratio is between turns that follow each other.
"""

import json
from contextlib import ExitStack
from statistics import median

from tests.netns.lab import SERVER, Lab

from bench import contestants, gateway, policies
from bench.figure import Figure, Findings, Goal, Table
from bench.measure import processors
from bench.tools import Options, compiled, configuration, needs, policy, say

_LARGE = 66_048  # bytes of a message with a packet of 64 KiB
_PORT = 5201
_UNQUEUED = "unqueued"
_PROTECTED = 1  # seconds at the start that do not count, in which TCP finds its speed


def _through(lab: Lab, queue: int | None) -> None:
    """Let TCP go through a queue, or none."""
    lab.iptables("gateway", "-F", "FORWARD")
    if queue is not None:
        rule = ("FORWARD", "-p", "tcp", "-j", "NFQUEUE", "--queue-num", str(queue))
        lab.iptables("gateway", "-A", *rule)


def _transfer(lab: Lab, seconds: float, cpus: tuple[int, int]) -> float:
    """Return the gigabits a second that a transfer reaches at the receiver."""
    program = needs("iperf3")
    server = lab.start(
        "server", ["taskset", "-c", str(cpus[1]), program, "-s", "-1", "--forceflush"],
        stdout=-1,
    )  # fmt: skip
    assert server.stdout is not None
    while "listening" not in server.stdout.readline():
        pass
    words = ["-c", SERVER[4], "-t", str(seconds), "-O", str(_PROTECTED), "--json"]
    done = lab.run("client", ["taskset", "-c", str(cpus[0]), program, *words])
    server.wait(10)
    server.stdout.close()
    return float(json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]) / 1e9


def run(options: Options) -> Findings:
    """Measure all ways in turn."""
    seconds = 1 if options.quick else max(2, round(options.seconds * 16))
    own, traffic = processors()
    binary, config = compiled("baseline"), configuration(options.engine)
    sizes = {"1 rule": 1, "10,000 rules": 10_000}
    ways: dict[str, int | None] = {_UNQUEUED: None}
    with Lab() as lab, ExitStack() as stack:
        programs = [contestants.baseline(binary, _LARGE)]
        for name, size in sizes.items():
            rules = [*policies.last(size)[:-1], policies.EVERYTHING]
            programs.append(
                contestants.daemon(f"qverdictd, {name}", policy(f"tcp-{size}", rules), config)
            )
        for number, one in enumerate(programs):
            stack.enter_context(gateway.standing(lab, one, [own, traffic], number))
            ways[one.name] = number
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(1, options.rounds + 1):
            for name, queue in ways.items():
                _through(lab, queue)
                rates[name].append(_transfer(lab, seconds, (traffic, own)))
            say(f"tcp: round {number}/{options.rounds}")
    found = Findings(tables=[Table(("TCP, iperf3", "Gbit/s", "x unqueued", "x baseline"))])
    unqueued, least = rates[_UNQUEUED], rates[contestants.BASELINE]
    for name, own_rates in rates.items():
        ratios = [_ratio(own_rates, unqueued), _ratio(own_rates, least)]
        row = (name, f"{median(own_rates):.2f}", *(f"{ratio:.2f}" for ratio in ratios))
        found.tables[0].rows.append(row)
        if name.startswith("qverdictd"):
            what = f"TCP through the queue, {name.removeprefix('qverdictd, ')}: of unqueued"
            found.figures.append(Figure(what, ratios[0], "x", Goal(0.9, 1.0, at_least=True)))
    found.notes.append(
        f"The sender is pinned to processor {traffic}, the receiver to {own}; the program in the "
        "queue may run on both, as there is no third one: unqueued, sender and receiver have all "
        "of the machine, and what the program needs it takes from them."
    )
    return found


def _ratio(rates: list[float], others: list[float]) -> float:
    return median(one / other for one, other in zip(rates, others, strict=True))
