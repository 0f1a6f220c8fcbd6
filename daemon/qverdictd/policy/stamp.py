# SPDX-License-Identifier: GPL-2.0
"""How a file was when it was read."""

import os
from typing import NamedTuple, Self


class Stamp(NamedTuple):
    """What of a file's status differs when the file is another, or has been written to."""

    device: int
    inode: int
    size: int
    """In bytes."""
    modified: int
    """In nanoseconds since the epoch."""
    changed: int
    """Likewise, of the status too."""

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return what is of interest of a status."""
        return cls(
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
