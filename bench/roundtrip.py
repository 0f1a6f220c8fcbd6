# SPDX-License-Identifier: GPL-2.0
"""What a queue adds to a round trip, one packet at a time.

Three ways through the gateway take turns within one process (pingpong.c), in each direction through
the queue: unqueued, through the baseline, through our daemon. What a queue adds is the difference
to unqueued, of the medians and of the 99th percentiles.
"""

import socket
import subprocess
from contextlib import ExitStack
from statistics import median

from tests.netns.lab import Lab

from bench import contestants, gateway, policies
from bench.figure import Figure, Findings, Goal, Table
from bench.measure import processors
from bench.tools import Options, compiled, configuration, policy, say

_TRIPS = 5_000  # a round, each way
_PORT = 7000
_GOAL = Goal(1.1, 1.0)


def run(options: Options) -> Findings:
    """Measure all ways in turn, in several rounds."""
    trips = 200 if options.quick else _TRIPS
    own, traffic = processors()
    pingpong, binary = compiled("pingpong"), compiled("baseline")
    config = configuration(options.engine)
    programs = [contestants.baseline(binary)]
    for name, size in (("1 rule", 1), ("10,000 rules", 10_000)):
        rules = [*policies.last(size)[:-1], policies.EVERYTHING]
        programs.append(
            contestants.daemon(f"qverdictd, {name}", policy(f"trip-{size}", rules), config)
        )
    taken: list[list[tuple[float, float]]] = []  # a round: of each way the p50 and p99, in us
    with Lab() as lab, ExitStack() as stack:
        ends: list[socket.socket] = []
        for index in range(len(programs) + 1):
            ends += stack.enter_context(gateway.sockets(lab, _PORT + index))
        for queue, one in enumerate(programs):
            stack.enter_context(gateway.standing(lab, one, [own], queue))
            gateway.queue_udp(lab, _PORT + 1 + queue, queue)
        numbers = [end.fileno() for end in ends]
        for number in range(1, options.rounds + 1):
            done = subprocess.run(
                ["taskset", "-c", str(traffic), pingpong, str(trips), *map(str, numbers)],
                pass_fds=numbers,
                stdout=subprocess.PIPE,
                check=True,
                text=True,
            )
            lines = [line.split() for line in done.stdout.splitlines()]
            taken.append([(int(middle) / 1e3, int(late) / 1e3) for middle, late in lines])
            say(f"round trip: round {number}/{options.rounds}")
    names = ["unqueued", *(one.name for one in programs)]
    return _findings(names, taken, traffic, own)


def _findings(
    names: list[str], taken: list[list[tuple[float, float]]], traffic: int, own: int
) -> Findings:
    columns = ("round trip", "p50, us", "p99, us", "added p50", "added p99", "x baseline", "p99")
    found = Findings(tables=[Table(columns)])
    for way, name in enumerate(names):
        both = [median(row[way][which] for row in taken) for which in (0, 1)]
        row = [name, *(f"{value:.1f}" for value in both)]
        if way > 0:
            added = [[one[way][which] - one[0][which] for one in taken] for which in (0, 1)]
            least = [[one[1][which] - one[0][which] for one in taken] for which in (0, 1)]
            ratios = [
                median(a / b for a, b in zip(added[which], least[which], strict=True))
                for which in (0, 1)
            ]
            row += [f"{median(values):.1f}" for values in added]
            row += [f"{ratio:.2f}" for ratio in ratios]
            for which, share in ((0, "p50"), (1, "p99")):
                if name.startswith("qverdictd"):
                    what = f"added round trip, {share}, {name.removeprefix('qverdictd, ')}"
                    what += ": over the baseline's"
                    found.figures.append(Figure(what, ratios[which], "x", _GOAL))
        found.tables[0].rows.append((*row, *[""] * (len(columns) - len(row))))
    found.notes.append(
        f"Client and server are one process on processor {traffic}, the programs on {own}. Each "
        f"round trip passes the queue twice; {_TRIPS:,} a round and way."
    )
    return found
