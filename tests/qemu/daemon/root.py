# SPDX-License-Identifier: GPL-2.0
"""The guest's second root: Debian with Python and what the daemon depends on, as archives.

It lies in the guest under /debian, beside the first root's busybox, and is entered by chroot. Three
archives, by how often they change: Debian, the packages of PyPI, and our own tree.
"""

import shutil
import subprocess
import tomllib
from pathlib import Path

from harness import packages
from harness.cache import QEMU, digest, room
from harness.image import cpio

from daemon import debian

_SITE = "usr/local/lib/python3.11/dist-packages"
_OURS = "opt/qverdictd"


def _dependencies(tree: Path) -> list[str]:
    """Return what the daemon needs from PyPI, and its tests that run in the guest."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tests = project["optional-dependencies"]["dev"]
    return [*project["dependencies"], *(name for name in tests if name.startswith("pytest"))]


def _python(tree: Path) -> Path:
    python = tree / ".venv/bin/python"
    if not python.exists():
        raise packages.PackageError(f"{python} is not there: run make ready first")
    return python


def _pypi(tree: Path, folder: Path) -> None:
    print("fetching what the daemon depends on", flush=True)
    site = folder / "root/debian" / _SITE
    command = [
        str(_python(tree)),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--target",
        str(site),
        *_dependencies(tree),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise packages.PackageError(f"pip: {done.stderr[-2000:]}")
    (site / "qverdictd.pth").write_text(f"/{_OURS}/daemon\n/{_OURS}\n", encoding="ascii")
    cpio(folder / "root", folder / "pypi.cpio")
    shutil.rmtree(folder / "root")


_COMMAND = """#!/usr/bin/python3.11
# SPDX-License-Identifier: GPL-2.0
import sys

from qverdictd.cli import main

sys.exit(main())
"""


def _ours(tree: Path, work: Path) -> Path:
    """Pack the tree as it is now, compiled, since the emulated machine compiles slowly."""
    shutil.rmtree(work, ignore_errors=True)
    ours = work / "debian" / _OURS
    keep = shutil.ignore_patterns("__pycache__")
    shutil.copytree(tree / "daemon", ours / "daemon", ignore=keep)
    shutil.copytree(tree / "rules", ours / "rules", ignore=keep)
    for part in ("netns", "transport"):  # the latter has what the former's tests import
        shutil.copytree(tree / "tests" / part, ours / "tests" / part, ignore=keep)
    (ours / "tests/__init__.py").touch()
    shutil.copytree(QEMU / "daemon/guest", ours / "guest", ignore=keep)
    subprocess.run(
        [
            str(_python(tree)),
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
            str(ours),
        ],
        check=True,
    )
    command = work / "debian/usr/bin/qverdictd"
    command.parent.mkdir(parents=True)
    command.write_text(_COMMAND, encoding="ascii")
    command.chmod(0o755)
    scenarios = work / "scenario"
    scenarios.mkdir()
    for script in sorted((QEMU / "daemon/scenario").glob("*.sh")):
        shutil.copyfile(script, scenarios / script.name)
        (scenarios / script.name).chmod(0o755)
    (work / "lib").mkdir()
    shutil.copyfile(QEMU / "daemon/debian.sh", work / "lib/debian.sh")
    archive = work.with_suffix(".cpio")
    cpio(work, archive)
    shutil.rmtree(work)
    return archive


def append(tree: Path, image: Path) -> None:
    """Append the second root, with the daemon of ``tree``, to the image of the first."""
    key = digest([*_dependencies(tree), _SITE])
    pypi = room("daemon-pypi", key, lambda folder: _pypi(tree, folder)) / "pypi.cpio"
    ours = _ours(tree, image.with_suffix(".ours"))
    with image.open("ab") as whole:
        for part in (debian.archive(), pypi, ours):
            whole.write(part.read_bytes())
            whole.write(b"\0" * (-whole.tell() % 512))
    ours.unlink()
