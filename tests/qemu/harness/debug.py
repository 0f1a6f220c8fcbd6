# SPDX-License-Identifier: GPL-2.0
"""The debug kernel: Debian's source of 6.12, a small configuration and the kernel's checkers."""

import subprocess
import tarfile
from pathlib import Path

from harness import packages
from harness.cache import CACHE, QEMU, digest, room
from harness.kernel import Kernel
from harness.module import ENVIRONMENT, BuildError

_SOURCE = "linux-source-6.12"
_CONFIG = QEMU / "debug.config"


def _make(tree: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["make", "-s", "-C", str(tree), "CC=gcc-12", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )
    if done.returncode:
        raise BuildError(f"debug kernel: make {' '.join(arguments)}:\n{done.stderr[-4000:]}")


def _lost(config: str) -> list[str]:
    """Wanted settings that the kernel's own rules took away."""
    wanted = [
        line
        for line in _CONFIG.read_text(encoding="ascii").splitlines()
        if line.startswith("CONFIG_")
    ]
    return [line for line in wanted if line not in config.splitlines()]


def _build(folder: Path) -> None:
    print("building the debug kernel (some minutes)", flush=True)
    packages.unpack([_SOURCE], folder)
    archive = folder / "usr/src" / f"{_SOURCE}.tar.xz"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="tar")
    archive.unlink()
    tree = folder / _SOURCE
    _make(tree, "tinyconfig")
    with (tree / ".config").open("a", encoding="ascii") as config:
        config.write(_CONFIG.read_text(encoding="ascii"))
    _make(tree, "olddefconfig")
    lost = _lost((tree / ".config").read_text(encoding="ascii"))
    if lost:
        raise BuildError(f"debug kernel: not taken from {_CONFIG.name}: {' '.join(lost)}")
    _make(tree, "-j2", "bzImage", "modules")
    _make(tree, f"INSTALL_MOD_PATH={folder}", "modules_install")


def kernel() -> Kernel:
    """Give the debug kernel, built when it is not cached."""
    home = room("kernel-debug", digest([_SOURCE, _CONFIG]), _build)
    tree = CACHE / home.name / _SOURCE
    release = (tree / "include/config/kernel.release").read_text(encoding="ascii").strip()
    return Kernel("debug", release, tree / "arch/x86/boot/bzImage", home, tree)
