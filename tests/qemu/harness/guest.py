# SPDX-License-Identifier: GPL-2.0
"""The guest's programs: libipq as the iptables source package has it, and ours."""

import subprocess
from pathlib import Path

from harness import packages
from harness.cache import CACHE, QEMU, lock, room
from harness.module import SOURCE, BuildError


def iptables_source() -> Path:
    """Give the unpacked source package of iptables, whose libipq no binary package has."""
    folder = room(
        "iptables-source", "iptables", lambda into: (packages.source("iptables", into), None)[1]
    )
    return next(path for path in folder.iterdir() if path.is_dir())


def programs() -> list[Path]:
    """Build tests/qemu/client against the sources in use; what there is to copy into the guest."""
    build = CACHE / "client"
    build.mkdir(parents=True, exist_ok=True)
    command = [
        "make",
        "-s",
        "-j2",
        "-C",
        str(QEMU / "client"),
        f"OUT={build}",
        f"IPTABLES={iptables_source()}",
        f"UAPI={SOURCE / 'include/uapi'}",
    ]
    with lock("client"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"the guest's programs:\n{done.stdout}{done.stderr}")
    return sorted(path for path in (build / "bin").iterdir())
