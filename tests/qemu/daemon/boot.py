# SPDX-License-Identifier: GPL-2.0
"""What ``tests/qemu/daemon/run [options] KERNEL [SCENARIO...]`` does."""

import argparse
import time
from functools import partial
from pathlib import Path

from harness import arguments, packages
from harness.cache import CACHE, TREE, lock
from harness.cli import boot
from harness.judge import Result
from harness.kernel import META, kernel
from harness.module import BuildError, module

from daemon import root

_SCENARIOS = ("daemon-ipqueue", "daemon-shared", "daemon-restart", "daemon-nfqueue")
_LIMIT = 480
"""Seconds for one scenario: Python starts in some five, and in many more on a loaded machine."""
_TOTAL = 1500


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = arguments.parser("tests/qemu/daemon/run", tuple(META), _SCENARIOS)
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
            options.scenarios,
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
