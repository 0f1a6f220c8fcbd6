# SPDX-License-Identifier: GPL-2.0
"""Packets cut at every byte, and bytes that are no packets."""

import random
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.policy.load import load

from ..captures.make import DEMO
from ..transport.replays import judge
from ..vectors import FILES, Scenario, scenario
from .pairs import Both, cut_everywhere

ROOT = Path(__file__).parents[2]
SCENARIOS = [scenario(file) for file in FILES]
EXAMPLES = sorted((ROOT / "rules").rglob("*.yaml"))


@cache
def _both(file: Path) -> Both:
    one = next(one for one in SCENARIOS if one.file == file)
    with TemporaryDirectory() as folder:
        return Both.of(load(one.write_to(Path(folder))))


def _seen_otherwise(raw: RawPacket) -> list[RawPacket]:
    """Return the packet, and as the kernel may hand it in besides."""
    return [raw, replace(raw, checksum_partial=True), replace(raw, gso=True, hook=2, mark=7)]


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.file.stem)
def test_vectors_cut_at_every_byte(one: Scenario) -> None:
    both = _both(one.file)
    for case in one.cases:
        for raw in _seen_otherwise(case.packet):
            both.agree(cut_everywhere(raw))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_capture_cut_at_every_byte(file: Path) -> None:
    both = Both.of(load(file))
    packets, error = judge(DEMO, None)
    assert packets
    assert error is None
    for raw in packets:
        both.agree(cut_everywhere(raw))


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.file.stem)
def test_every_vector_under_every_policy(one: Scenario) -> None:
    both = _both(one.file)
    both.agree([case.packet for other in SCENARIOS for case in other.cases])


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.file.stem)
def test_random_bytes(one: Scenario) -> None:
    chance = random.Random(one.file.stem)
    both = _both(one.file)
    packets = []
    for family, version in ((AF_INET, 0x45), (AF_INET6, 0x60)):
        for _ in range(1000):
            data = bytearray(chance.randbytes(chance.randrange(120)))
            if data and chance.random() < 0.9:
                data[0] = version
            if len(data) >= 8 and chance.random() < 0.9:
                at = 2 if family == AF_INET else 4
                data[at : at + 2] = (len(data) - (0 if at == 2 else 40) & 0xFFFF).to_bytes(2, "big")
            if len(data) >= 10 and chance.random() < 0.9:
                at = 9 if family == AF_INET else 6
                data[at] = chance.choice((0, 1, 6, 17, 33, 43, 44, 51, 58, 60, 132, 136))
            packets.append(RawPacket(1, bytes(data), len(data), family))
    both.agree(packets)
