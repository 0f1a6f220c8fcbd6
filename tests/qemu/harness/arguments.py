# SPDX-License-Identifier: GPL-2.0
"""The arguments that every run in an emulated machine takes: kernels, scenarios, -v."""

import argparse
from collections.abc import Callable, Sequence


def _among(what: str, known: Sequence[str]) -> Callable[[str], str]:
    """Make the reader of one name."""

    def read(name: str) -> str:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no {what} {name}; there are: {', '.join(known)}")
        return name

    return read


def parser(prog: str, kernels: Sequence[str], scenarios: Sequence[str]) -> argparse.ArgumentParser:
    """Make a parser that reads ``kernels`` and ``scenarios``; without a word, all of the latter."""
    kernel = _among("kernel", kernels)
    made = argparse.ArgumentParser(prog=prog)
    made.add_argument(
        "kernels",
        metavar="KERNEL",
        type=lambda text: [kernel(name) for name in text.split(",")],
        help=f"{', '.join(kernels)}, or several with commas between",
    )
    made.add_argument(
        "scenarios",
        metavar="SCENARIO",
        nargs="*",
        type=_among("scenario", scenarios),
        default=list(scenarios),
        help=f"default: {', '.join(scenarios)}",
    )
    made.add_argument(
        "-v", "--verbose", action="store_true", help="show what passing scenarios print too"
    )
    return made
