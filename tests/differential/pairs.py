# SPDX-License-Identifier: GPL-2.0
"""A policy under both evaluators, and packets made into many others."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qverdictd.engine.native import Compiled
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.policy.model import Policy
from qverdictd.policy.reference import evaluate

_NOW = 1_700_000_000_000_000_000
#: Packets that the engine judges in one call, its largest batch and more.
_BATCH = 300


@dataclass
class Both:
    """A policy, compiled and not."""

    policy: Policy
    compiled: Compiled

    @classmethod
    def of(cls, policy: Policy) -> "Both":
        """Compile the policy; reject nothing: what loads is compiled."""
        return cls(policy, Compiled(policy))

    def agree(self, packets: Sequence[RawPacket]) -> int:
        """Judge the packets by both, and return how many there were; they must agree."""
        for at in range(0, len(packets), _BATCH):
            batch = packets[at : at + _BATCH]
            decisions = self.compiled.judge(batch, _NOW)
            for raw, native in zip(batch, decisions, strict=True):
                reference = evaluate(self.policy, raw)
                assert native == reference, f"on {raw}"
        return len(packets)


def variants(raws: Sequence[RawPacket], seed: int, count: int) -> list[RawPacket]:
    """Return ``count`` packets: those given, and what chance makes of them."""
    chance = random.Random(seed)
    return [*raws, *(_variant(chance.choice(raws), chance) for _ in range(count - len(raws)))]


def _variant(raw: RawPacket, chance: random.Random) -> RawPacket:
    """Change bytes, cut, lengthen, and let the kernel say something else of it."""
    data = bytearray(raw.data)
    for _ in range(chance.choice((0, 0, 0, 1, 1, 3))):
        # Headers are at the start, and decide more.
        at = chance.randrange(min(len(data), chance.choice((8, 44, 80, len(data)))))
        data[at] = chance.choice((0, 1, 0xFF, data[at] ^ 1 << chance.randrange(8)))
    length = len(data)
    kind = chance.random()
    if kind < 0.002:
        length = _enlarge(data, raw.family)
    elif kind < 0.06:
        length += chance.choice((1, 8, 1400, 70_000))
    elif kind < 0.1:
        data += chance.randbytes(chance.randrange(1, 24))  # padding of the link's
        length = len(data)
    at_hand = chance.choice((len(data), len(data), chance.randrange(len(data) + 1)))
    return replace(
        raw,
        data=bytes(data[:at_hand]),
        length=length,
        family=raw.family if chance.random() > 0.01 else chance.choice((0, AF_INET, AF_INET6, 7)),
        mark=chance.choice((raw.mark, raw.mark, 0x10, chance.randrange(1 << 32))),
        mac=chance.choice((raw.mac, raw.mac, raw.mac, b"", chance.randbytes(8))),
        checksum_partial=chance.random() < 0.2,
        gso=chance.random() < 0.2,
    )


def _enlarge(data: bytearray, family: int) -> int:
    """Make a packet longer than its length field can say: GSO's, or a jumbogram."""
    data += bytes(range(256)) * 257
    if family == AF_INET:
        data[2:4] = b"\0\0"
    elif len(data) > 6:
        data[4:6] = b"\0\0"
    return len(data)


def cut_everywhere(raw: RawPacket) -> list[RawPacket]:
    """Return the packet cut after each of its bytes, and before the first."""
    return [replace(raw, data=raw.data[:at_hand]) for at_hand in range(len(raw.data) + 1)]
