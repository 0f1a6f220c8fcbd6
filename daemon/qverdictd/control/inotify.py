# SPDX-License-Identifier: GPL-2.0
"""What happens to the names in folders, as the kernel tells it (inotify(7)).

The numbers and ``struct inotify_event`` are those of linux/inotify.h.
"""

import ctypes
import enum
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)

_HEAD = struct.Struct("=iIII")
_ROOM = 1 << 16
"""Bytes; one event needs at most those of its head and a name, 272."""
_ONLY_FOLDERS = 0x01000000


class Happening(enum.IntFlag):
    """What can happen to a name."""

    ATTRIBUTES = 0x00000004
    WRITTEN = 0x00000008
    """Somebody who could write to the file has closed it."""
    MOVED_AWAY = 0x00000040
    MOVED_HERE = 0x00000080
    CREATED = 0x00000100
    DELETED = 0x00000200
    OVERFLOW = 0x00004000
    """Events were lost; of no folder and no name."""
    IGNORED = 0x00008000
    """The folder is watched no longer: it is gone, or was taken back."""


_ASKED = (
    Happening.ATTRIBUTES
    | Happening.WRITTEN
    | Happening.MOVED_AWAY
    | Happening.MOVED_HERE
    | Happening.CREATED
    | Happening.DELETED
)


class Event(NamedTuple):
    """Something happened."""

    folder: int
    """As `Inotify.watch` returned it."""
    what: int
    """Flags of `Happening`, perhaps others beside them."""
    name: str


class Inotify:
    """An inotify descriptor."""

    def __init__(self) -> None:
        """Watch nothing yet. Raises OSError, EMFILE where a user has as many as he may have."""
        self._descriptor = _checked(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))

    def fileno(self) -> int:
        """Return what is readable when `read` has something to return."""
        return self._descriptor

    def watch(self, folder: Path) -> int:
        """Watch a folder; return its number, the same for the same folder. Raises OSError."""
        path = ctypes.c_char_p(os.fsencode(folder))
        return _checked(_libc.inotify_add_watch(self._descriptor, path, _ASKED | _ONLY_FOLDERS))

    def forget(self, folder: int) -> None:
        """Watch a folder no longer. Raises OSError, with EINVAL if it is gone."""
        _checked(_libc.inotify_rm_watch(self._descriptor, folder))

    def read(self) -> Iterator[Event]:
        """Yield what has happened."""
        try:
            data = os.read(self._descriptor, _ROOM)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            folder, what, _, size = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            yield Event(folder, what, os.fsdecode(data[at : at + size].rstrip(b"\0")))
            at += size

    def close(self) -> None:
        """Watch nothing any more."""
        os.close(self._descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
