# SPDX-License-Identifier: GPL-2.0
"""Debian with Python, as an archive: it lies in the guest under /debian."""

import shutil
from pathlib import Path

from harness.cache import digest, room
from harness.debootstrap import SUITE, debootstrap
from harness.image import cpio

_PACKAGES = (
    "iproute2",
    "iptables",
    "kmod",
    "libnetfilter-queue1",
    "libre2-9",
    "libstdc++6",
    "mount",
    "python3.11",
    "util-linux",
)
_UNUSED = (
    "boot",
    "usr/include",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/perl-base",
    "usr/share/bash-completion",
    "usr/share/doc",
    "usr/share/i18n",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
    "usr/share/zoneinfo",
    "usr/share/common-licenses",
    "usr/lib/apt",
    "usr/lib/systemd",
    "usr/lib/udev",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
)


def _build(folder: Path) -> None:
    print("making a Debian root for the guest (some minutes)", flush=True)
    root = folder / "root/debian"
    debootstrap(_PACKAGES, root)
    for unused in _UNUSED:
        shutil.rmtree(root / unused, ignore_errors=True)
    shutil.rmtree(root / "dev")
    (root / "dev").mkdir()
    cpio(folder / "root", folder / "debian.cpio")
    shutil.rmtree(folder / "root")


def archive() -> Path:
    """Return the archive, made when it is not cached."""
    key = digest([SUITE, *_PACKAGES, *_UNUSED, Path(__file__)])
    return room("daemon-debian", key, _build) / "debian.cpio"
