# SPDX-License-Identifier: GPL-2.0
"""What ``tests/qemu/daemon/run [options] KERNEL [SCENARIO...]`` does."""

import argparse
import time
from functools import partial
from pathlib import Path

from harness import packages
from harness.cache import CACHE, TREE, lock
from harness.cli import boot
from harness.judge import Result
from harness.kernel import META, kernel
from harness.module import BuildError, module

from daemon import root

_SCENARIOS = ("daemon-ipqueue", "daemon-shared", "daemon-restart", "daemon-nfqueue")
_ALL = ", ".join(_SCENARIOS)
_LIMIT = 300
"""Seconds for one scenario: Python starts in some five, and in many more on a loaded machine."""
_TOTAL = 900


def _kernels(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in META:
            raise argparse.ArgumentTypeError(f"no kernel {name}; there are: {', '.join(META)}")
    return names


def _scenario(text: str) -> str:
    if text not in _SCENARIOS:
        raise argparse.ArgumentTypeError(f"no scenario {text}; there are: {_ALL}")
    return text


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/qemu/daemon/run", description=__doc__)
    parser.add_argument(
        "kernels",
        metavar="KERNEL",
        type=_kernels,
        help=f"{', '.join(META)}, or both with a comma between, one after the other",
    )
    parser.add_argument("scenario", nargs="*", type=_scenario, help=f"default: {_ALL}")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what passing scenarios print too"
    )
    parser.add_argument(
        "--tree", type=Path, default=TREE, help="whose daemon to run, with .venv made (make ready)"
    )
    return parser.parse_args(argv)


def _run(name: str, options: argparse.Namespace) -> list[Result]:
    began = time.monotonic()
    target = kernel(name)
    logs = CACHE / "logs" / f"daemon-{name}"
    with lock(f"logs-{logs.name}"):
        results = boot(
            target,
            module(target),
            options.scenario or list(_SCENARIOS),
            logs,
            limit=_LIMIT,
            total=_TOTAL,
            verbose=options.verbose,
            extend=partial(root.append, options.tree.resolve()),
        )
    print(f"{target.release}: {time.monotonic() - began:.0f} s, logs in {logs}", flush=True)
    return results


def main(argv: list[str]) -> int:
    """Run it; 0 when all passed, 1 when something failed."""
    options = _arguments(argv)
    try:
        packages.install_missing()
        results = [result for name in options.kernels for result in _run(name, options)]
    except (BuildError, packages.PackageError) as error:
        print(f"FAIL build: {error}")
        print("0 passed, 1 failed")
        return 1
    failed = sum(bool(result.why) for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
