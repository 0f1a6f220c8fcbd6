# SPDX-License-Identifier: GPL-2.0
"""The folders that the kernel goes through on its way to files, all of them watched.

A file is found anew by its path each time it is opened: it changes when it is written, but also
when another is moved into its place, when a link on the way leads elsewhere, or when a folder on
the way is another. So whatever name is looked up on the way is one to be told of.
"""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qverdictd.control.inotify import Happening, Inotify
from qverdictd.control.journal import say

_LINKS_MAX = 40
"""Symbolic links that the kernel follows on one way (path_resolution(7))."""
_GONE = (errno.ENOENT, errno.ENOTDIR)


class Touched(NamedTuple):
    """Something happened on the way to a file."""

    file: str
    what: int
    """Flags of `Happening`."""
    end: Path | None = None
    """What it happened to, if that is the end of the way, as far as it led when it was followed."""


@dataclass(slots=True)
class _Folder:
    """A watched folder."""

    path: Path
    names: dict[str, dict[str, bool]] = field(default_factory=dict)
    """Of each name the files on whose way it is, and whether it is the end of the way."""


class Folders:
    """Watches the ways to files."""

    def __init__(self) -> None:
        """Watch nothing yet. Raises OSError."""
        self._inotify = Inotify()
        self._folders: dict[int, _Folder] = {}
        self._refused: set[Path] = set()

    def fileno(self) -> int:
        """Return what is readable when something happened."""
        return self._inotify.fileno()

    def follow(self, file: str) -> None:
        """Watch the way to a file, or what there is of it; it may be another than before."""
        self._leave(file)
        end: dict[str, bool] | None = None
        for path, name in lookups(Path(file)):
            try:
                number = self._inotify.watch(path)
            except OSError as error:
                self._say_once(path, error)
                end = None
                continue
            folder = self._folders.setdefault(number, _Folder(path))
            end = folder.names.setdefault(name, {})
            end[file] = False
        if end is not None:
            end[file] = True
        self._clear()

    def forget(self, file: str) -> None:
        """Watch the way to a file no longer."""
        self._leave(file)
        self._clear()

    def touched(self) -> Iterator[Touched]:
        """Yield what has happened to the files that are followed."""
        for number, what, name in self._inotify.read():
            if what & Happening.OVERFLOW:
                files = {file for one in self._folders.values() for file in _files(one)}
                yield from (Touched(file, what) for file in files)
            elif what & Happening.IGNORED:
                folder = self._folders.pop(number, None)
                if folder is not None:
                    yield from (Touched(file, what) for file in _files(folder))
            elif (folder := self._folders.get(number)) is not None:
                for file, end in list(folder.names.get(name, {}).items()):
                    yield Touched(file, what, folder.path / name if end else None)

    def close(self) -> None:
        """Watch nothing any more."""
        self._inotify.close()

    def _leave(self, file: str) -> None:
        for folder in self._folders.values():
            for files in folder.names.values():
                files.pop(file, None)

    def _clear(self) -> None:
        """Have folders watched no longer in which no name is on a way."""
        for number, folder in list(self._folders.items()):
            folder.names = {name: files for name, files in folder.names.items() if files}
            if not folder.names:
                del self._folders[number]
                try:
                    self._inotify.forget(number)
                except OSError as error:
                    if error.errno != errno.EINVAL:  # gone, and an event will say so
                        raise

    def _say_once(self, folder: Path, error: OSError) -> None:
        if error.errno not in _GONE and folder not in self._refused:
            self._refused.add(folder)
            message = f"what changes in {folder} is not noticed: {error.strerror}"
            if error.errno == errno.ENOSPC:
                message += " (the limit is in /proc/sys/fs/inotify/max_user_watches)"
            say(f"{message}; reload after a change", level="warning")


def _files(folder: _Folder) -> set[str]:
    """Return the files on whose way a folder is."""
    return {file for files in folder.names.values() for file in files}


def lookups(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield each folder that is looked into on the way to a file, and the name that is looked up.

    The name is looked up only when the next one is asked for: who watches the folder before that
    misses nothing.
    """
    folder, names = Path("/"), _steps(Path.cwd() / path)
    links = 0
    while names:
        name = names.pop()
        if name == "..":
            folder = folder.parent  # no link is in it
            continue
        yield folder, name
        reached = folder / name
        try:
            target = reached.readlink()
        except OSError as error:
            if error.errno != errno.EINVAL:  # it is not there, or may not be looked up
                return
            folder = reached  # no link
            continue
        links += 1
        if links > _LINKS_MAX:
            return
        names += _steps(target)
        if target.is_absolute():
            folder = Path("/")


def _steps(path: Path) -> list[str]:
    """Return the names of a path, the first one last."""
    names = path.parts[1:] if path.is_absolute() else path.parts
    return list(reversed(names))
