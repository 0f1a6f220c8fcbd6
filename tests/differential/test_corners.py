# SPDX-License-Identifier: GPL-2.0
"""What chance rarely finds: every checksum, long payloads, sizes at their limits."""

import random
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrRouting
from scapy.packet import Raw

from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket

from ..generators.layers import UDPLite
from ..generators.policies import loaded
from .pairs import Both, cut_everywhere

_LARGEST = 0xFFFF


def _both(*rules: dict[str, Any]) -> Both:
    named = [{"name": f"rule-{number}", "verdict": "accept", **r} for number, r in enumerate(rules)]
    return Both.of(loaded({"version": 1, "on_error": "drop", "rules": named}))


def _raw(data: bytes, **known: Any) -> RawPacket:
    family = AF_INET if data[0] >> 4 == 4 else AF_INET6
    return RawPacket(1, data, len(data), family, **known)


#: Packets with two bytes of payload at their end.
_TWO_BYTES = {
    "udp": IP() / UDP() / Raw(b"ab"),
    "udplite": IPv6() / UDPLite() / Raw(b"ab"),
    "icmp": IP() / ICMP() / Raw(b"ab"),
    "fragment6": IPv6() / IPv6ExtHdrFragment(m=1) / UDP() / Raw(b"ab"),
    "route": IPv6()
    / IPv6ExtHdrRouting(type=253, segleft=1, addresses=["::1"])
    / UDP()
    / Raw(b"ab"),
}


@pytest.mark.parametrize("kind", _TWO_BYTES)
def test_every_checksum(kind: str) -> None:
    """Both zeros of a sum among them, before and after."""
    whole = bytes(_TWO_BYTES[kind])
    both = _both({"rewrite": [{"set": {"ttl": 1}}, {"replace": {"hex": "00", "with_hex": "01"}}]})
    both.agree([_raw(whole[:-2] + struct.pack("!H", word)) for word in range(1 << 16)])


def _texts(chance: random.Random) -> Iterator[bytes]:
    """Yield texts that nearly hold what is looked for in them, again and again."""
    for letters in (b"a", b"ab", b"abc"):
        for size in (1, 2, 7, 31, 32, 33, 64, 95, 300, 1400, 20_000):
            yield bytes(chance.choices(letters, k=size))
    yield b"a" * 20_000 + b"b"
    yield (b"a" * 40 + b"b") * 400


@pytest.mark.parametrize("size", [1, 2, 3, 8, 31, 32, 33, 41])
def test_searches_in_long_payloads(size: int) -> None:
    chance = random.Random(size)
    needles = [bytes(chance.choices(b"ab", k=size)).decode() for _ in range(3)]
    needles += ["a" * (size - 1) + "b", "a" * size]
    rules: list[dict[str, Any]] = []
    for number, needle in enumerate(needles):
        here: dict[str, Any] = {"text": needle}
        for place in ({}, {"at": number}, {"within": [number, 200]}, {"within": [31, 15_000]}):
            payload = {"payload": {**here, **place}}
            rules.append({"match": payload, "verdict": "continue", "log": True})
        rules.append({"match": {"payload": here}, "rewrite": [
            {"replace": {**here, "with": needle.upper(), "count": number + 1}},
            {"replace": {**here, "with": needle[::-1]}},
        ]})  # fmt: skip
    both = _both(*rules)
    for text in _texts(chance):
        raw = _raw(bytes(IP() / TCP() / Raw(text)))
        cuts = [replace(raw, data=raw.data[:at]) for at in (39, 40, 41, 80, 1000, 15_000)]
        both.agree([raw, *cuts])


@pytest.mark.parametrize(
    "edit",
    [
        {"replace": {"text": "a", "with": "aa"}},
        {"replace": {"text": "a", "with": ""}},
        {"replace": {"text": "a", "with": "aaa", "count": 50}},
        {"replace": {"regex": "a", "with": "bb"}},
        {"replace": {"regex": "a*", "with": "b"}},
        {"replace": {"regex": "(a)(a)", "with": "\\2\\1\\2\\1", "count": 999}},
        {"replace": {"regex": "$", "with": "--"}},
        {"payload": {"text": "x" * 1000}},
    ],
    ids=str,
)
def test_sizes_at_their_limits(edit: dict[str, Any]) -> None:
    both = _both(
        {"match": {"proto": ["udp", "udplite", "icmp"]}, "rewrite": [edit], "verdict": "continue"},
        {"match": {"proto": ["udp", "udplite", "icmp"], "ttl": 64}, "rewrite": [edit, edit]},
    )
    packets = []
    for size in (0, 1, 2, 999, 1000, 1001, 21_000, 32_739, 32_749, 32_750, 65_000, _LARGEST - 28):
        for layer in (UDP(), UDPLite(), UDPLite(coverage=8), ICMP()):
            packets.append(_raw(bytes(IP() / layer / Raw(b"a" * size))))
            packets.append(replace(packets[-1], gso=True))
    both.agree(packets)


@pytest.mark.parametrize("size", [0, 1, 2, 11, 19, 20, 21, 24])
def test_coverage_of_a_payload_that_changes_its_size(size: int) -> None:
    new = {"payload": {"text": "x" * size}}
    both = _both({"match": {"proto": "udplite"}, "rewrite": [new]})
    for network in (IP(), IPv6()):
        covered = [UDPLite(coverage=coverage) for coverage in (0, *range(8, 29))]
        both.agree([_raw(bytes(network / layer / Raw(b"a" * 20))) for layer in covered])


def test_longer_than_lengths_can_say() -> None:
    """Super-packets of the kernel's and jumbograms: they are changed, but keep their size."""
    both = _both(
        {"match": {"length": {"ge": 65_536}}, "rewrite": [{"set": {"ttl": 9}}]},
        {"match": {"proto": "udp"}, "rewrite": [{"replace": {"text": "a", "with": "aa"}}]},
    )
    text = b"a" * 70_000
    packets = []
    for layer in (UDP(len=0, chksum=0), UDP(len=9, chksum=7), TCP(chksum=0), ICMP(chksum=0)):
        for data in (
            bytes(IP(len=0, chksum=0) / layer) + text,
            bytes(IPv6(plen=0) / layer) + text,
            bytes(IPv6(plen=8) / layer) + text,
        ):
            raw = _raw(data)
            packets += [raw, replace(raw, gso=True), replace(raw, data=data[:100])]
            packets.append(replace(raw, gso=True, checksum_partial=True))
    both.agree(packets)


def test_long_chains_of_headers() -> None:
    both = _both({"match": {"dport": 53}, "rewrite": [{"set": {"dport": 54}}]})
    chain = b"".join(bytes((following, 0)) + bytes(6) for following in [60] * 200 + [17])
    for headers in (chain, chain[8:], chain[-8:]):
        segment = bytes(UDP(dport=53) / Raw(b"query"))
        data = bytes(IPv6(nh=60, plen=len(headers) + len(segment))) + headers + segment
        both.agree([_raw(data), *cut_everywhere(_raw(data))[:: 1 + len(headers) // 200]])
