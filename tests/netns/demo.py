# SPDX-License-Identifier: GPL-2.0
"""Packets through a real kernel queue, decided by rules that you can read.

      client                       gateway                        server
    ┌───────────┐   ┌───────────────────────────────────┐   ┌─────────────┐
    │ sends     │   │  iptables-legacy                  │   │ sees what   │
    │ TCP, HTTP │   │       -A FORWARD -j QUEUE         │   │ arrives,    │
    │ UDP, ICMP ├───┤ ──────────┐         ┌───────────▶ ├───┤ and answers │
    │           │   │           ▼         │ verdict     │   │             │
    └───────────┘   │     qverdictd run, rules.yaml     │   └─────────────┘
     192.0.2.2      └───────────────────────────────────┘    198.51.100.2
     2001:db8:1::2                                           2001:db8:2::2

Three network namespaces that exist for this demo only. Without root the same packets come from a
capture that ships with the project.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.netns import enter
from tests.netns.daemon import Record
from tests.netns.demo_cases import Case
from tests.netns.demo_live import live

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules" / "rules.yaml"
CAPTURE = ROOT / "tests" / "captures" / "demo.pcap"

HEAD = ("", "sent", "expected", "verdict", "rule", "what arrived", "")
WIDTHS = (4, 37, 7, 7, 12, 35, 5)


def line(cells: Iterable[str]) -> str:
    """Return a line of the table."""
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def table(results: Iterable[tuple[Case, Record | None, str, str]]) -> int:
    """Print a line for each result; return how many are not as expected."""
    wrong = []
    print(line(HEAD))
    print(line("-" * width for width in WIDTHS))
    for case, record, expected, arrived in results:
        verdict = str(record["verdict"]) if record else "none"
        rule = str(record["rule"] or record["reason"]) if record else "-"
        wanted = (case.verdict, case.rule or "default", expected)
        good = (verdict, rule, arrived) == wanted
        cells = (case.sent, case.verdict, verdict, rule, arrived, "ok" if good else "WRONG")
        print(line((f"IPv{case.family}", *cells)), flush=True)
        if not good:
            wrong.append(f"IPv{case.family} {case.sent}: expected {', '.join(wanted)}")
    print()
    for one in wrong:
        print(f"WRONG: {one}")
    return len(wrong)


def main() -> int:
    """Run the demo; return 0 only if every line is as expected."""
    real = enter.inside()
    if not real and os.geteuid() == 0:
        reason = enter.why_not()
        if reason is None:
            return enter.enter([sys.executable, "-m", "tests.netns.demo"])
    else:
        reason = "not root"
    print((__doc__ or "").split("\n\n")[1] + "\n")
    if real:
        results = live(RULES)
    else:
        print(
            f"Not the real thing ({reason}): these packets come from a capture,\n"
            f"{CAPTURE.relative_to(ROOT)}, and go through 'qverdictd replay'.\n"
            "Through a kernel queue: sudo make demo\n"
        )
        from tests.netns.demo_replay import replay  # takes a second: scapy

        results = replay(RULES, CAPTURE)
    wrong = table(results)
    print("every line is as expected" if not wrong else f"{wrong} lines are not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
