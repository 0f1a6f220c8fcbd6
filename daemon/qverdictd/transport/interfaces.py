# SPDX-License-Identifier: GPL-2.0
"""Names of network interfaces by index, as they are in the network namespace of a socket."""

import contextlib
import errno
import fcntl
from struct import Struct

_SIOCGIFNAME = 0x8910  # linux/sockios.h, both
_SIOCGIFINDEX = 0x8933
_IFREQ = Struct("16sI20x")  # struct ifreq (linux/if.h): the name, then a union with the index


class InterfaceNames(dict[int, str | None]):
    """A dictionary that asks the kernel for the names it does not have.

    Asking through the socket gives the names of the namespace that the socket was made in, not
    of the one that the thread is in. An interface can be renamed at any time: call `forget` before
    each batch, which costs one question an interface and batch.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__({0: None})
        self._descriptor = descriptor

    def forget(self) -> None:
        """Ask again from now on."""
        self.clear()
        self[0] = None

    def __missing__(self, index: int) -> str | None:
        name = None
        with contextlib.suppress(OSError):  # the interface is gone
            request = fcntl.ioctl(self._descriptor, _SIOCGIFNAME, _IFREQ.pack(b"", index))
            name = request[:16].rstrip(b"\0").decode(errors="surrogateescape")
        self[index] = name
        return name


def is_missing(descriptor: int, name: str) -> bool:
    """Say whether the namespace of a socket has no interface of that name."""
    try:
        fcntl.ioctl(descriptor, _SIOCGIFINDEX, _IFREQ.pack(name.encode(), 0))
    except OSError as error:
        return error.errno == errno.ENODEV
    return False
