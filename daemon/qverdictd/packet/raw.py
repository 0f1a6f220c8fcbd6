# SPDX-License-Identifier: GPL-2.0
"""A packet as a transport hands it in: its bytes, and what the kernel knows of it."""

from dataclasses import dataclass

AF_INET = 2
AF_INET6 = 10

#: Netfilter hooks by number (``enum nf_inet_hooks``, linux/netfilter.h).
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@dataclass(slots=True)
class RawPacket:
    """One packet that waits for a verdict.

    ``data`` starts at the network header. It is shorter than ``length`` when the copy range or
    the capture cut it; nothing past its end may be guessed.
    """

    id: int
    """The kernel's packet id on its queue; in a replay the packet's number, from 1."""
    data: bytes
    length: int
    """Bytes of the whole network packet as it was before any cut."""
    family: int
    """``AF_INET`` or ``AF_INET6`` as the transport was told; any other family cannot be judged."""
    hook: int | None = None
    """Index into `HOOKS`; None where there is no hook (a replay)."""
    indev: str | None = None
    outdev: str | None = None
    mark: int = 0
    mac: bytes | None = None
    """The sender's hardware address, 6 bytes on Ethernet; None where the kernel has none."""
    uid: int | None = None
    gid: int | None = None
    """Owner of the local socket that sent the packet; None where the kernel has none."""
    time: float | None = None
    """Seconds since the epoch when the kernel or the capture stamped it; None if it did not."""
    checksum_partial: bool = False
    """The transport checksum holds only the pseudo header's sum (``NFQA_SKB_CSUMNOTREADY``)."""
    gso: bool = False
    """Several segments in one (``NFQA_SKB_GSO``): the kernel splits it after the verdict."""
