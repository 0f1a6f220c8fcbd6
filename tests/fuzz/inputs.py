# SPDX-License-Identifier: GPL-2.0
"""Inputs of the fuzzing targets, written as ``input.h`` has them."""

import struct
from collections.abc import Iterable

from qverdictd.packet.raw import AF_INET, AF_INET6, HOOKS, RawPacket

#: What a packet's byte of metadata chooses among: the pools of ``packets.c``.
NUMBERS = (0, 1, 2, 6, 8, 17, 20, 53, 64, 80, 132, 255, 443, 1024, 65535, 0xFFFFFFFF)
INTERFACES = ("", "e", "eth0", "eth1", "lan", "wlan0", "averylongname15", "averylongname15x")
MACS = (bytes.fromhex("02005e100001"), bytes.fromhex("02005e100002"), bytes(6), b"\xff" * 6)

RAW, FLOWS, FEW_FLOWS = 1, 2, 4
_MAC_KNOWN, _CUT = 4, 1 << 6
_HEADER = struct.Struct("<BH")
_PACKET = struct.Struct("<BBBBBBBBHH")
#: Packets of one input at most.
PACKETS = 64
#: Bytes of a program, or at hand of a packet, at most.
LARGEST = 0xFFFF


def _nearest(number: int) -> int:
    """Return the place of a number in the pool: another's, if it is not there."""
    return NUMBERS.index(number) if number in NUMBERS else number % len(NUMBERS)


def _family(raw: RawPacket) -> int:
    if raw.family in (AF_INET, AF_INET6):
        return 1 if raw.family == AF_INET else 2
    return raw.family & ~7


def packet(raw: RawPacket) -> bytes:
    """Write a packet; what the pools do not have becomes something they do."""
    data = raw.data[:LARGEST]
    more = min(raw.length - len(data), LARGEST)
    flags = raw.checksum_partial | raw.gso << 1 | (raw.uid is not None) << 2
    flags |= (raw.gid is not None) << 3 | (_CUT if more > 0 else 0)
    names = [
        INTERFACES.index(name) if name in INTERFACES else 0 for name in (raw.indev, raw.outdev)
    ]
    mac = 0
    if raw.mac is not None and len(raw.mac) == 6:
        mac = _MAC_KNOWN | (MACS.index(raw.mac) if raw.mac in MACS else 2)
    owner = _nearest(raw.uid or 0) | _nearest(raw.gid or 0) << 4
    hook = len(HOOKS) if raw.hook is None else raw.hook
    head = (flags, _family(raw), hook, *names, mac, _nearest(raw.mark), owner)
    return _PACKET.pack(*head, len(data), max(more, 0)) + data


def as_written(raw: RawPacket) -> RawPacket:
    """Return the packet that a target reads, where `packet` has made another of it."""
    known_mac = raw.mac is not None and len(raw.mac) == 6
    return RawPacket(
        raw.id,
        raw.data[:LARGEST],
        len(raw.data[:LARGEST]) + max(0, min(raw.length - len(raw.data[:LARGEST]), LARGEST)),
        raw.family if raw.family in (AF_INET, AF_INET6) else raw.family & ~7,
        raw.hook,
        raw.indev if raw.indev in INTERFACES and raw.indev else None,
        raw.outdev if raw.outdev in INTERFACES and raw.outdev else None,
        NUMBERS[_nearest(raw.mark)],
        (raw.mac if raw.mac in MACS else MACS[2]) if known_mac else None,
        None if raw.uid is None else NUMBERS[_nearest(raw.uid)],
        None if raw.gid is None else NUMBERS[_nearest(raw.gid)],
        None,
        raw.checksum_partial,
        raw.gso,
    )


def written(program: bytes, packets: Iterable[RawPacket], options: int = 0) -> bytes:
    """Write a lowered program and packets as one input."""
    if len(program) > LARGEST:
        raise ValueError(f"a program of {len(program)} bytes is too large for a fuzzer's input")
    return _HEADER.pack(RAW | options, len(program)) + program + b"".join(map(packet, packets))
