# SPDX-License-Identifier: GPL-2.0
"""kmod-ipqueue, built for one kernel in a copy of its folder: nobody else's build is touched."""

import os
import shutil
import subprocess
from pathlib import Path

from harness.cache import TREE, digest, room
from harness.kernel import Kernel

SOURCE = TREE / "kmod-ipqueue"
_KEPT = ("*.c", "*.h", "Makefile", "Kbuild", "Kconfig")

#: A make above us would share its jobs with ours, which cannot reach them and warns.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")
}


class BuildError(Exception):
    """The module or the guest's programs did not build; the text is the compiler's."""


def _sources() -> list[Path]:
    return sorted(
        path for kept in _KEPT for path in SOURCE.rglob(kept) if not path.name.endswith(".mod.c")
    )


def module(kernel: Kernel) -> Path:
    """Build ipqueue.ko (whatever the module's Makefile names it) for `kernel`; give its path.

    The debug kernel gets the debug build, whose self-tests run when it is loaded.
    """

    def build(folder: Path) -> None:
        for path in _sources():
            copy = folder / path.relative_to(SOURCE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        print(f"building the module for {kernel.release}", flush=True)
        command = ["make", "-C", str(folder), f"KDIR={kernel.build}", "W=1", "CC=gcc-12"]
        done = subprocess.run(
            command + ["DEBUG=1"] * kernel.is_debug,
            capture_output=True,
            text=True,
            check=False,
            env=ENVIRONMENT,
        )
        output = done.stdout + done.stderr
        if done.returncode or "warning:" in output:
            raise BuildError(f"kmod-ipqueue for {kernel.release}:\n{output}")

    key = digest([kernel.release, *map(str, _sources()), *_sources(), Path(__file__)])
    folder = room(f"module-{kernel.name}", key, build)
    found = sorted(folder.glob("*.ko"))
    if len(found) != 1:
        raise BuildError(f"{folder}: {len(found)} modules instead of one")
    return found[0]
