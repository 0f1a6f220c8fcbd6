# SPDX-License-Identifier: GPL-2.0
"""Sets so large that the compiled engine indexes them (`docs/engine.md`): at every kind of edge."""

import random
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest

from qverdictd.packet.build import build
from qverdictd.packet.raw import RawPacket
from qverdictd.policy.load import load
from qverdictd.policy.members import Addresses

from .pairs import Both

_LINES4, _LINES6 = 40_000, 6_000
_RULES = """
version: 1
default: drop
sets:
  large: {type: cidr, file: large.txt}
rules:
  - {name: both, match: {src: "@large", dst: "@large"}, verdict: accept}
  - {name: source, match: {src: "@large"}, verdict: accept}
  - {name: neither, match: {src: {not: "@large"}, dst: {not: "@large"}}, verdict: drop}
  - {name: destination, match: {dst: "@large"}, verdict: repeat}
"""

_Range = tuple[int, int]


def _ranges(chance: random.Random, bits: int, count: int, crowd: int) -> list[_Range]:
    """Return ranges, many of them in ``crowd`` places, some of one address, some wide."""
    places = [chance.getrandbits(bits) for _ in range(crowd)]
    found = []
    for _ in range(count):
        near = chance.choice(places) ^ chance.getrandbits(chance.choice((12, 20, bits // 2, bits)))
        low = max(0, near - chance.getrandbits(chance.choice((1, 4, 9))))
        found.append((low, min(low + chance.getrandbits(chance.choice((1, 3, 8))), 2**bits - 1)))
    edge = 2**bits - 1
    return [*found, (0, 1), (edge - 1, edge), (edge // 2, edge // 2 + 1)]


def _packed(address: int, bits: int) -> str:
    return str(IPv4Address(address) if bits == 32 else IPv6Address(address))


def _packet(source: str, destination: str) -> RawPacket:
    family = 4 if ip_address(source).version == 4 else 6
    of = socket.AF_INET if family == 4 else socket.AF_INET6
    fields = {"src": socket.inet_pton(of, source), "dst": socket.inet_pton(of, destination)}
    return build({"family": family, "proto": 17, **fields}, b"")


@pytest.mark.parametrize("seed", [1, 2])
def test_addresses_at_and_between_edges(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    made = {32: _ranges(chance, 32, _LINES4, 300), 128: _ranges(chance, 128, _LINES6, 40)}
    lines = [
        f"{_packed(low, bits)}-{_packed(high, bits)}" for bits in made for low, high in made[bits]
    ]
    chance.shuffle(lines)
    (tmp_path / "large.txt").write_text("\n".join(lines))
    (tmp_path / "rules.yaml").write_text(_RULES)
    policy = load(tmp_path / "rules.yaml")
    members = policy.sets[0].members
    assert isinstance(members, Addresses)
    # From so many ranges on set.c has an index.
    assert len(members.v4) // 8 >= 1 << 15
    assert len(members.v6) // 32 >= 1 << 12
    both = Both.of(policy)
    packets = []
    for bits, ranges in made.items():
        near = [
            place
            for low, high in chance.sample(ranges, 2_000) + ranges[-3:]
            for place in (low - 1, low, high, high + 1)
            if 0 <= place < 2**bits
        ] + [chance.getrandbits(bits) for _ in range(1_000)]
        packets += [
            _packet(_packed(place, bits), _packed(chance.choice(near), bits)) for place in near
        ]
    assert both.agree(packets) > 15_000
    decided = {decision.rule for decision in both.compiled.judge(packets, 0)}
    assert decided == {"both", "source", "neither", "destination"}
