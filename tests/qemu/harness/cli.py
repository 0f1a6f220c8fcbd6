# SPDX-License-Identifier: GPL-2.0
"""`tests/qemu/run [options] KERNEL[,KERNEL...] [SCENARIO...]`."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import arguments, packages
from harness.cache import CACHE, QEMU, lock
from harness.image import initramfs
from harness.judge import Result, Run, reports
from harness.kernel import NAMES, Kernel, kernel
from harness.machine import Machine
from harness.module import BuildError, module

# The debug kernel checks every memory access and every lock: all takes longer, and it is where the
# fuzzer is to find something.
_LIMIT = {False: 120, True: 600}
_FUZZ = {False: 20_000, True: 1_000_000}


def catalogue() -> list[str]:
    """Names of all scenarios, in the order in which they run."""
    lines = (QEMU / "scenario/ORDER").read_text(encoding="ascii").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = arguments.parser("tests/qemu/run", NAMES, catalogue())
    parser.add_argument("--no-module", action="store_true", help="boot without the module")
    parser.add_argument(
        "--logs",
        help="name of the folder for logs (default: the kernel's); one run at a time in each",
    )
    parser.add_argument(
        "--limit", type=int, help="seconds that one scenario may take (the fuzzer: six times)"
    )
    parser.add_argument("--fuzz", type=int, help="messages and options that the fuzzer sends")
    parser.add_argument(
        "--total", type=int, default=3600, help="seconds that the machine may be on"
    )
    return parser.parse_args(argv)


def _line(kernel_name: str, result: Result) -> str:
    if result.why:
        return f"FAIL {kernel_name} {result.name}: {result.why}"
    return f"ok {kernel_name} {result.name} ({result.seconds:.1f} s)"


def boot(
    target: Kernel,
    ko: Path | None,
    wanted: list[str],
    logs: Path,
    *,
    limit: int | None = None,
    fuzz: int | None = None,
    total: int = 1200,
    verbose: bool = False,
    counted: bool = False,
    also: Callable[[str], None] | None = None,
    extend: Callable[[Path], None] | None = None,
) -> list[Result]:
    """Run scenarios in one boot, printing each result as it comes; the results.

    `limit` and `total` are seconds, for one scenario and for all; `fuzz` is a number of messages;
    `also` is given each line that the guest says; `extend` may append archives to the image.
    """
    logs.mkdir(parents=True, exist_ok=True)
    image = logs / "image"
    initramfs(
        target,
        ko,
        {
            "scenarios": "\n".join(wanted),
            "limit": str(limit or _LIMIT[target.is_debug]),
            "fuzz": str(fuzz or _FUZZ[target.is_debug]),
        },
        image,
    )
    if extend is not None:
        extend(image)
    machine = Machine(target, image, logs / "kernel.log", logs / "guest.log", counted=counted)
    try:
        return watch(machine, target.name, wanted, total=total, verbose=verbose, also=also)
    finally:
        image.unlink()


def watch(
    machine: Machine,
    name: str,
    wanted: list[str],
    *,
    total: int,
    verbose: bool = False,
    also: Callable[[str], None] | None = None,
) -> list[Result]:
    """Print each result of a machine as it comes, until it is off; the results. See `boot`."""
    run = Run(wanted)

    def each(text: str) -> None:
        if also is not None:
            also(text)
        result = run.line(text)
        if result is not None:
            said = run.transcript.get(result.name, []) if result.why or verbose else []
            # In one piece: another machine may speak at the same time.
            print("".join(f"    {line}\n" for line in said) + _line(name, result), flush=True)

    try:
        if not machine.wait(total, each):
            print(f"    the machine was still on after {total} s")
    finally:
        machine.end()
    late = run.missing() + reports(machine.log.read_text(encoding="utf-8", errors="replace"))
    for result in late:
        print(_line(name, result), flush=True)
    return [*run.results.values(), *late]


def _run(
    target: Kernel, ko: Path | None, wanted: list[str], options: argparse.Namespace
) -> list[Result]:
    began = time.monotonic()
    logs = CACHE / "logs" / (options.logs or target.name)
    with lock(f"logs-{logs.name}"):
        results = boot(
            target,
            ko,
            wanted,
            logs,
            limit=options.limit,
            fuzz=options.fuzz,
            total=options.total,
            verbose=options.verbose,
        )
    print(f"{target.release}: {time.monotonic() - began:.0f} s, logs in {logs}", flush=True)
    return results


def main(argv: list[str]) -> int:
    """Run it; 0 when all passed, 1 when something failed, 2 when it could not be run."""
    options = _arguments(argv)
    if options.logs and len(options.kernels) > 1:
        print("--logs is for one kernel", file=sys.stderr)
        return 2
    try:
        packages.install_missing()
        targets = [kernel(name) for name in options.kernels]
        modules = [None if options.no_module else module(target) for target in targets]
        with ThreadPoolExecutor() as side_by_side:
            runs = [
                side_by_side.submit(_run, target, ko, options.scenarios, options)
                for target, ko in zip(targets, modules, strict=True)
            ]
            try:
                results = [result for run in runs for result in run.result()]
            except KeyboardInterrupt:
                os._exit(130)  # not waiting for the machines, which end with this process
    except (BuildError, packages.PackageError) as error:
        print(f"FAIL build: {error}")
        print("0 passed, 1 failed")
        return 1
    failed = sum(bool(result.why) for result in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
