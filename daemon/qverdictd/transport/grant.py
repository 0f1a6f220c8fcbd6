# SPDX-License-Identifier: GPL-2.0
"""What was asked of the kernel for a queue, and what it granted."""

from dataclasses import dataclass

from qverdictd.wire.nfnetlink_queue import F_FAIL_OPEN, F_GSO, F_UID_GID

_FLAG_NAMES = {F_GSO: "GSO", F_UID_GID: "UID_GID", F_FAIL_OPEN: "fail-open"}

_SMALL_PACKET = 768
"""A little less than the smallest packet costs of a receive buffer (measured: 830 bytes)."""
_FULL_PACKET = 2304
"""What a packet of 1,400 bytes costs of it (measured)."""
_LARGE_PACKET = 66 << 10
"""At most what a packet of 64 KiB costs, which segmentation offload makes."""
_LARGE_MAX = 8 << 20
"""How much room packets of that size get; there are never many of them at once."""


def receive_buffer(queue_length: int, *, fail_open: bool) -> int:
    """Return the receive buffer for a queue, in bytes as the kernel counts them.

    It holds ``queue_length`` packets of full size, and in a short queue packets of any size.
    With fail-open it is smaller, so that the buffer is full before the queue is: what the kernel
    then accepts past us leaves a gap in the ids, while what it accepts past a full queue leaves
    no trace.
    """
    if fail_open:
        return queue_length * _SMALL_PACKET
    return max(queue_length * _FULL_PACKET, min(queue_length * _LARGE_PACKET, _LARGE_MAX))


@dataclass(frozen=True, slots=True)
class Grant:
    """The terms on which a queue is held; `str` gives the line for the log."""

    queue: int
    portid: int
    queue_length: int
    copy_range: int
    flags_wanted: int
    flags: int
    buffer_wanted: int
    buffer: int
    counted: bool
    """Whether the kernel's drop counters can be read."""

    def __str__(self) -> str:
        parts = [
            f"queue {self.queue}, portid {self.portid}",
            f"length {self.queue_length}",
            f"copy range {self.copy_range}",
            f"receive buffer {self.buffer >> 10} KiB",
        ]
        if self.buffer < self.buffer_wanted:
            parts[-1] += (
                f" of {self.buffer_wanted >> 10} (raise net.core.rmem_max, or run with "
                "CAP_NET_ADMIN outside of a user namespace)"
            )
        if self.flags:
            parts.append("granted: " + _names(self.flags))
        if refused := self.flags_wanted & ~self.flags:
            parts.append("not known to this kernel: " + _names(refused))
        if not self.counted:
            parts.append("the kernel's drop counters are not readable")
        return "; ".join(parts)


def _names(flags: int) -> str:
    return ", ".join(name for flag, name in _FLAG_NAMES.items() if flags & flag)
