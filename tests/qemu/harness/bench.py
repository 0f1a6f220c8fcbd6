# SPDX-License-Identifier: GPL-2.0
"""`tests/qemu/bench [KERNEL]`: instructions a packet for each way to queue it, in one boot.

The emulator counts instructions and derives the guest's clock from the count, one a nanosecond, so
what else the host does changes nothing and a second run gives the same figures within a percent.
"""

import argparse
import sys
from collections.abc import Mapping

from harness import packages
from harness.cache import CACHE, lock
from harness.cli import boot
from harness.kernel import META, kernel
from harness.module import BuildError, module

_WAYS = {
    "nfqueue": "nfnetlink_queue, one verdict a packet",
    "baseline": "nfnetlink_queue, recvmmsg and batch verdicts (the minimal baseline)",
    "classic": "ipqueue, classic messages",
    "list": "ipqueue, batches, lists of verdicts",
    "range": "ipqueue, batches, ranges",
}
_SIZES = (64, 1400)
_BURSTS = (1, 64)


def table(cost: Mapping[tuple[str, int, int], int]) -> str:
    """Lay out as markdown: instructions a packet beyond sending and dropping it, and ratios."""
    columns = [(size, burst) for burst in _BURSTS for size in _SIZES]
    lines = [
        "| instructions a packet, and times the baseline | "
        + " | ".join(f"{size} bytes, {burst} waiting" for size, burst in columns)
        + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for way, title in _WAYS.items():
        cells = []
        for size, burst in columns:
            net = cost[way, size, burst] - cost["none", size, burst]
            base = cost["baseline", size, burst] - cost["none", size, burst]
            cells.append(f"{net:,} ({net / base:.2f})")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append(
        "| *sending and dropping it, not queued: taken off above* | "
        + " | ".join(f"{cost['none', size, burst]:,}" for size, burst in columns)
        + " |"
    )
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Print the table; 0 when batches of ours cost less than the baseline."""
    parser = argparse.ArgumentParser(prog="tests/qemu/bench", description=__doc__)
    parser.add_argument("kernel", nargs="?", choices=sorted(META), default="6.12")
    options = parser.parse_args(argv)
    cost: dict[tuple[str, int, int], int] = {}

    def each(text: str) -> None:
        if text.startswith("@bench "):
            way, size, burst, value = text.split()[1:]
            cost[way, int(size), int(burst)] = int(value)

    try:
        packages.install_missing()
        target = kernel(options.kernel)
        ko = module(target)
        logs = CACHE / "logs" / "bench"
        with lock("logs-bench"):
            results = boot(
                target, ko, ["bench"], logs, limit=900, total=1200, counted=True, also=each
            )
    except (BuildError, packages.PackageError) as error:
        sys.exit(f"bench: {error}")
    if any(result.why for result in results):
        return 1
    print(f"\nDebian {target.release}, QEMU, one processor\n\n{table(cost)}\n")
    worse = [
        f"{way}, {size} bytes, {burst} waiting"
        for way in ("list", "range")
        for size in _SIZES
        for burst in _BURSTS
        if burst > 1 and cost[way, size, burst] >= cost["baseline", size, burst]
    ]
    for case in worse:
        print(f"FAIL {case}: not less than the baseline")
    return 1 if worse else 0
