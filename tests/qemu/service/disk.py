# SPDX-License-Identifier: GPL-2.0
"""The machine's disk: a Debian into which apt has installed both packages."""

import subprocess
from functools import partial
from pathlib import Path

from harness import packages
from harness.cache import QEMU, digest, room
from harness.debootstrap import SUITE, debootstrap
from harness.kernel import Kernel
from harness.module import BuildError

_PACKAGES = (
    # what qverdictd and qverdictd-dkms depend on: installing them needs no network then
    "dkms",
    "libnetfilter-queue1",
    "libre2-9",
    "python3",
    "python3-systemd",
    "python3-yaml",
    # what a kernel's headers depend on
    "gcc-12",
    "libelf1",
    "libssl3",
    "pahole",
    # what the scenarios and any bootable system need
    "ethtool",
    "iproute2",
    "iptables",
    "kmod",
    "nftables",
    "procps",
    "systemd",
    "systemd-sysv",
)
_INSTALL = QEMU / "service/install-packages"
_PARTS = (_INSTALL, QEMU / "service/root", QEMU / "service/masked")


def _base(folder: Path) -> None:
    print("making a Debian root with systemd and dkms (some minutes)", flush=True)
    debootstrap(_PACKAGES, folder / "root")


def _install(base: Path, kernel: Kernel, debs: Path, folder: Path) -> None:
    print(f"installing the packages for {kernel.release}", flush=True)
    command = [
        *("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"),
        str(_INSTALL),
        str(base / "root"),
        str(kernel.root),
        kernel.release,
        str(debs),
        str(folder / "disk"),
    ]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"installing the packages:\n{done.stdout[-8000:]}")


def disk(kernel: Kernel, debs: Path) -> Path:
    """Give an image with the packages of folder ``debs``, made when it is not cached.

    Raises `PackageError`, and `BuildError` with all that apt and dkms said.
    """
    if not any(debs.glob("*.deb")):
        raise packages.PackageError(f"no packages in {debs}: make deb makes them")
    root_key = digest([SUITE, *_PACKAGES])
    base = room("service-debian", root_key, _base)
    key = digest([root_key, kernel.release, *sorted(debs.glob("*.deb")), *_PARTS])
    return room(f"service-{kernel.name}", key, partial(_install, base, kernel, debs)) / "disk"
