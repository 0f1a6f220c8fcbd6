# SPDX-License-Identifier: GPL-2.0
"""Kernels to boot: Debian's, unpacked beside each other, and the debug kernel built here."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import packages
from harness.cache import room

# Series -> the metapackage whose dependency is the newest release of it in this Debian.
META = {"6.1": "linux-image-amd64", "6.12": "linux-image-6.12-amd64"}
NAMES = (*META, "debug")


@dataclass(frozen=True)
class Kernel:
    """A kernel that boots, with what out-of-tree modules are built against."""

    name: str
    release: str
    vmlinuz: Path
    root: Path
    """Holds lib/modules/RELEASE."""
    build: Path
    """What a module's Makefile calls KDIR."""

    @property
    def is_debug(self) -> bool:
        """Whether it checks itself (KASAN, lockdep, kmemleak), and so is slow."""
        return self.name == "debug"


def _fetch(name: str, root: Path, home: Path) -> None:
    image = packages.dependency(META[name], "linux-image-")
    release = image.removeprefix("linux-image-")
    headers = f"linux-headers-{release}"
    common = packages.dependency(headers, "linux-headers-")
    kbuild = packages.dependency(headers, "linux-kbuild-")
    print(f"fetching {image}", flush=True)
    packages.unpack([image, headers, common, kbuild], root)
    subprocess.run([packages.program("depmod"), "-b", str(root), release], check=True)
    # Debian's header packages name each other by absolute path; everything else is relative.
    makefile = root / "usr/src" / headers / "Makefile"
    makefile.write_text(
        makefile.read_text(encoding="utf-8").replace("/usr/src", f"{home}/usr/src"),
        encoding="utf-8",
    )
    (root / "release").write_text(release, encoding="ascii")


def kernel(name: str) -> Kernel:
    """Give the kernel of that name, fetched from Debian or built when it is not cached."""
    if name == "debug":
        from harness import debug  # its configuration is needed by no other kernel

        return debug.kernel()
    from harness.cache import CACHE

    folder = f"kernel-{name}"
    home = CACHE / folder
    room(folder, f"{META[name]} at {home}", lambda root: _fetch(name, root, home))
    release = (home / "release").read_text(encoding="ascii")
    return Kernel(
        name,
        release,
        home / "boot" / f"vmlinuz-{release}",
        home,
        home / "usr/src" / f"linux-headers-{release}",
    )
