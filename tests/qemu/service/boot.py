# SPDX-License-Identifier: GPL-2.0
"""What ``tests/qemu/service/run [options] KERNEL`` does."""

import argparse
import shutil
import subprocess
import time
from pathlib import Path

from harness import arguments, packages
from harness.cache import CACHE, QEMU, TREE, lock
from harness.cli import watch
from harness.image import cpio, kernel_modules
from harness.judge import Result
from harness.kernel import META, Kernel, kernel
from harness.machine import Machine
from harness.module import BuildError

from service.disk import disk
from service.guest.names import SCENARIOS

_TOTAL = 1500
"""Seconds that the machine may be on."""
_DISK = ("virtio_pci", "virtio_blk", "ext4")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = arguments.parser("tests/qemu/service/run", tuple(META), SCENARIOS)
    parser.add_argument(
        "--packages", type=Path, default=TREE / "dist", help="folder of the .deb files (make deb)"
    )
    return parser.parse_args(argv)


def _initramfs(target: Kernel, wanted: list[str], out: Path) -> None:
    """Write the first root, which has the scenarios with it: the disk is cached, they are not."""
    top = out.with_suffix(".root")
    shutil.rmtree(top, ignore_errors=True)
    for folder in ("bin", "dev", "disk"):
        (top / folder).mkdir(parents=True)
    busybox = top / "bin/busybox"
    shutil.copy2(packages.program("busybox"), busybox)
    for applet in ("sh", "mount", "insmod", "mkdir", "cp", "switch_root"):
        (top / "bin" / applet).symlink_to("busybox")
    shutil.copy2(QEMU / "service/init", top / "init")
    kernel_modules(target, _DISK, top)
    keep = shutil.ignore_patterns("__pycache__")
    scenarios = top / "scenarios"
    shutil.copytree(TREE / "tests/netns", scenarios / "tests/netns", ignore=keep)
    (scenarios / "tests/__init__.py").touch()
    shutil.copytree(QEMU / "service/guest", scenarios / "guest", ignore=keep)
    gcc = [packages.program("gcc"), "-shared", "-fPIC", "-o", str(scenarios / "poison.so")]
    subprocess.run([*gcc, str(TREE / "tests/netns/poison.c")], check=True)
    (scenarios / "wanted").write_text("\n".join(wanted), encoding="ascii")
    cpio(top, out)
    shutil.rmtree(top)


def _run(name: str, options: argparse.Namespace) -> list[Result]:
    began = time.monotonic()
    target = kernel(name)
    logs = CACHE / "logs" / f"service-{name}"
    with lock(f"logs-{logs.name}"):
        logs.mkdir(parents=True, exist_ok=True)
        image = logs / "image"
        _initramfs(target, options.scenarios, image)
        machine = Machine(
            target,
            image,
            logs / "kernel.log",
            logs / "guest.log",
            disk=disk(target, options.packages.resolve()),
        )
        try:
            results = watch(machine, name, options.scenarios, total=_TOTAL, verbose=options.verbose)
        finally:
            image.unlink()
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
