# SPDX-License-Identifier: GPL-2.0
"""ip_queue's statistics and settings: the structures of its socket options.

Both start with a version and a size. A structure may be longer than what is known of it here:
members are only ever appended.
"""

import dataclasses
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Cursor
from qverdictd.wire.ipqueue import VERSION

SO_SETTINGS = 2088
"""Read and set: `Settings`. Level IPPROTO_IP is the IPv4 queue's, IPPROTO_IPV6 the IPv6 queue's."""
SO_STATS = 2089
"""Read: `Statistics`. Set, with no value: the counters begin at 0 again."""

SET_MAXLEN = 1 << 0
SET_OVERFLOW = 1 << 1
SET_DEADLINE = 1 << 2
SET_LINGER = 1 << 3

MAXLEN_MAX = 65536
"""Packets."""
MAX_TIME = 600_000
"""Milliseconds: ten minutes."""

_HEAD = Struct("=HH")
_SETTINGS = Struct("=7I")
_STATISTICS = Struct("=9I17Q")

SETTINGS_SIZE = _HEAD.size + _SETTINGS.size
STATISTICS_SIZE = _HEAD.size + _STATISTICS.size


@dataclass(frozen=True, slots=True)
class Settings:
    """``struct ipq_settings``, but for its head and its reserved member."""

    mask: int
    """Which of the ``SET_`` groups are to be changed; read: which the module knows."""
    maxlen: int = 0
    """Packets that may wait, 1 to `MAXLEN_MAX`."""
    overflow_verdict: int = 0
    """NF_DROP or NF_ACCEPT, for a packet that finds the queue full."""
    deadline_ms: int = 0
    """Milliseconds, up to `MAX_TIME`, after which a packet gets `deadline_verdict`; 0: never."""
    deadline_verdict: int = 0
    """NF_DROP or NF_ACCEPT."""
    linger_ms: int = 0
    """Milliseconds, up to `MAX_TIME`, that packets wait for the next peer when the peer is gone."""


def encode_settings(settings: Settings) -> bytes:
    """Return the structure."""
    values = dataclasses.astuple(settings)
    return _HEAD.pack(VERSION, SETTINGS_SIZE) + _SETTINGS.pack(*values, 0)


def decode_settings(value: bytes) -> Settings:
    """Return what is in the structure, as far as it is known. Raises `WireError`."""
    *values, reserved = _body(value).read(_SETTINGS)
    if reserved:
        raise WireError(f"settings with {reserved} in their reserved member")
    return Settings(*values)


class Statistics(NamedTuple):
    """``struct ipq_stats``, but for its head and its reserved member."""

    mode: int = 0
    """Copy mode in force: 0 none, 1 meta, 2 packet."""
    range: int = 0
    """Copy range in force, in bytes; 0: the whole packet."""
    peer: int = 0
    """Port id of the owner; 0: there is none."""
    features: int = 0
    """``FEATURE_`` bits that the owner got."""
    lingering: int = 0
    """1 while packets wait for the next peer."""
    length: int = 0
    """Packets that wait."""
    peak: int = 0
    """Highest `length`."""
    backlog: int = 0
    """Packets that wait and were not sent to the peer yet."""
    queued: int = 0
    """Packets taken into the queue: the sum of what follows up to `undeliverable`, and `length`."""
    accepted: int = 0
    dropped: int = 0
    repeated: int = 0
    stopped: int = 0
    requeued: int = 0
    expired: int = 0
    """Given the deadline's verdict."""
    flushed: int = 0
    """Dropped because the peer, a device or the hook went away."""
    undeliverable: int = 0
    """Dropped because they could not be sent to the peer."""
    overflow_dropped: int = 0
    """Found the queue full and were dropped."""
    overflow_accepted: int = 0
    """Found the queue full and were accepted."""
    conntrack_dropped: int = 0
    """Not queued: another packet shares their connection, which is not confirmed yet."""
    replaced: int = 0
    """Decided with a new payload."""
    refused: int = 0
    """Decided with a payload that could not be taken; counted in `dropped` too."""
    resent: int = 0
    """Sent again to another peer."""
    tap_records: int = 0
    """Records sent to the tap."""
    tap_lost: int = 0
    """Records that nobody got, for want of memory."""


_STATES = 8
"""How many of `Statistics` come before the reserved member and the counters."""


def encode_statistics(statistics: Statistics) -> bytes:
    """Return the structure as the module gives it."""
    body = _STATISTICS.pack(*statistics[:_STATES], 0, *statistics[_STATES:])
    return _HEAD.pack(VERSION, STATISTICS_SIZE) + body


def decode_statistics(value: bytes) -> Statistics:
    """Return what is in the structure, as far as it is known. Raises `WireError`."""
    values = _body(value).read(_STATISTICS)
    return Statistics(*values[:_STATES], *values[_STATES + 1 :])


def encode_version(size: int) -> bytes:
    """Return ``size`` bytes to ask into: the caller says which version it wants."""
    return _HEAD.pack(VERSION, size).ljust(size, b"\0")


def _body(value: bytes) -> Cursor:
    """Check the head; return a cursor on what follows it."""
    cursor = Cursor(value)
    version, _size = cursor.read(_HEAD)
    if version != VERSION:
        raise WireError(f"a structure of version {version}, not {VERSION}")
    return cursor
