# SPDX-License-Identifier: GPL-2.0
"""A small Debian in a folder: what a guest's root is made from."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from harness import packages

SUITE = "bookworm"


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
        if release == SUITE:
            return uri
    raise packages.PackageError(f"this machine's sources of packages have no {SUITE}")


def debootstrap(included: Iterable[str], root: Path) -> None:
    """Make a minimal system in ``root``, with the packages ``included`` and what these need.

    Raises `PackageError`.
    """
    if shutil.which("debootstrap", path=packages.SBIN) is None:
        packages.apt("install", "debootstrap")
    command = [
        *("unshare", "--mount"),  # what it mounts in the root goes with it, however it ends
        packages.program("debootstrap"),
        "--variant=minbase",
        f"--include={','.join(included)}",
        SUITE,
        str(root),
        _mirror(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise packages.PackageError(f"debootstrap: {done.stdout[-2000:]}{done.stderr[-2000:]}")
