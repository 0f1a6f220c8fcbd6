# SPDX-License-Identifier: GPL-2.0
"""What ``tests/qemu/daemon/run [options] KERNEL [SCENARIO...]`` does."""

import argparse
import time
from functools import partial
from pathlib import Path

from harness import packages
from harness.cache import CACHE, TREE, lock
from harness.cli import boot
from harness.kernel import META, kernel
from harness.module import BuildError, module

from daemon import root

_SCENARIOS = ("daemon-ipqueue", "daemon-shared", "daemon-restart", "daemon-nfqueue")
_LIMIT = 120
"""Seconds for one scenario: Python starts in some five."""
_TOTAL = 400


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/qemu/daemon/run", description=__doc__)
    parser.add_argument("kernel", choices=META)
    parser.add_argument("scenario", nargs="*", help=f"default: {' '.join(_SCENARIOS)}")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what passing scenarios print too"
    )
    parser.add_argument(
        "--tree", type=Path, default=TREE, help="whose daemon to run, with .venv made (make ready)"
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Run it; 0 when all passed, 1 when something failed."""
    options = _arguments(argv)
    wanted = options.scenario or list(_SCENARIOS)
    began = time.monotonic()
    try:
        packages.install_missing()
        target = kernel(options.kernel)
        logs = CACHE / "logs" / f"daemon-{target.name}"
        with lock(f"logs-{logs.name}"):
            results = boot(
                target,
                module(target),
                wanted,
                logs,
                limit=_LIMIT,
                total=_TOTAL,
                verbose=options.verbose,
                extend=partial(root.append, options.tree.resolve()),
            )
    except (BuildError, packages.PackageError) as error:
        print(f"FAIL {options.kernel} build: {error}")
        return 1
    failed = sum(bool(result.why) for result in results)
    print(f"{target.release}: {time.monotonic() - began:.0f} s, logs in {logs}")
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
