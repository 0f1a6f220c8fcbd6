# SPDX-License-Identifier: GPL-2.0
"""Debian with Python, as an archive: it lies in the guest under /debian."""

import shutil
import subprocess
from pathlib import Path

from harness import packages
from harness.cache import digest, room
from harness.image import cpio

_SUITE = "bookworm"
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


def _mirror() -> str:
    """Return where this machine gets its Debian from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        uri, _, release = line.partition(" ")
        if release == _SUITE:
            return uri
    raise packages.PackageError(f"this machine's sources of packages have no {_SUITE}")


def _build(folder: Path) -> None:
    if shutil.which("debootstrap", path=packages.SBIN) is None:
        packages.apt("install", "debootstrap")
    print("making a Debian root for the guest (some minutes)", flush=True)
    root = folder / "root/debian"
    command = [
        *("unshare", "--mount"),  # what it mounts in the root goes with it, however it ends
        packages.program("debootstrap"),
        "--variant=minbase",
        f"--include={','.join(_PACKAGES)}",
        _SUITE,
        str(root),
        _mirror(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise packages.PackageError(f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    for unused in _UNUSED:
        shutil.rmtree(root / unused, ignore_errors=True)
    shutil.rmtree(root / "dev")
    (root / "dev").mkdir()
    cpio(folder / "root", folder / "debian.cpio")
    shutil.rmtree(folder / "root")


def archive() -> Path:
    """Return the archive, made when it is not cached."""
    key = digest([_SUITE, *_PACKAGES, *_UNUSED, Path(__file__)])
    return room("daemon-debian", key, _build) / "debian.cpio"
