# SPDX-License-Identifier: GPL-2.0
"""The cache: folders under `.cache/qemu/` that appear whole or not at all."""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

QEMU = Path(__file__).resolve().parent.parent
TREE = QEMU.parent.parent
CACHE = TREE / ".cache" / "qemu"


def digest(parts: Iterable[str | Path]) -> str:
    """Hash of strings, files (their bytes) and folders (their files' names and bytes)."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            sha.update(part.encode() + b"\0")
            continue
        files = [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file())
        for file in files:
            sha.update(str(file.relative_to(part.parent)).encode() + b"\0" + file.read_bytes())
    return sha.hexdigest()


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Hold off every other run that wants the part of the cache called `name`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def room(name: str, key: str, build: Callable[[Path], None]) -> Path:
    """Give the cached folder `name`, made by `build(new folder)` if it is not there for `key`.

    A build that fails or is interrupted leaves only a temporary folder, which the next one removes;
    the rename at the end is what makes a room valid. A lock a room keeps two runs apart.
    """
    home = CACHE / name
    stamp = home / ".key"
    with lock(name):
        if stamp.is_file() and stamp.read_text(encoding="ascii") == key:
            return home
        fresh = CACHE / f".{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        build(fresh)
        (fresh / ".key").write_text(key, encoding="ascii")
        shutil.rmtree(home, ignore_errors=True)
        fresh.rename(home)
    return home
