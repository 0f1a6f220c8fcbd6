# SPDX-License-Identifier: GPL-2.0
"""Names of numbers, as the field's own registries and nftables spell them."""

from collections.abc import Mapping

#: IANA "Assigned Internet Protocol Numbers".
PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "dccp": 33, "ipv6": 41, "gre": 47,
    "esp": 50, "ah": 51, "icmpv6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "l2tp": 115,
    "sctp": 132, "udplite": 136,
}  # fmt: skip

#: RFC 2474 (cs), 2597 (af), 3246 (ef), 5865 (va), 8622 (le).
DSCP = {
    "be": 0, "le": 1, "ef": 46, "va": 44,
    **{f"cs{level}": level << 3 for level in range(8)},
    **{f"af{level}{drop}": level << 3 | drop << 1 for level in range(1, 5) for drop in range(1, 4)},
}  # fmt: skip

#: RFC 3168.
ECN = {"not-ect": 0, "ect1": 1, "ect0": 2, "ce": 3}

#: RFC 9293, section 3.1; ``ae`` (accurate ECN, once ``ns``) is RFC 3168's neighbour.
TCP_FLAGS = {
    "fin": 0x001, "syn": 0x002, "rst": 0x004, "psh": 0x008, "ack": 0x010, "urg": 0x020,
    "ece": 0x040, "cwr": 0x080, "ae": 0x100,
}  # fmt: skip

#: IANA "ICMP Type Numbers", spelt as nftables does.
ICMP_TYPES = {
    "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5,
    "echo-request": 8, "router-advertisement": 9, "router-solicitation": 10,
    "time-exceeded": 11, "parameter-problem": 12, "timestamp-request": 13, "timestamp-reply": 14,
    "info-request": 15, "info-reply": 16, "address-mask-request": 17, "address-mask-reply": 18,
}  # fmt: skip

#: IANA "ICMPv6 type Numbers".
ICMPV6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3,
    "parameter-problem": 4, "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130,
    "mld-listener-report": 131, "mld-listener-done": 132, "router-solicitation": 133,
    "router-advertisement": 134, "neighbour-solicitation": 135, "neighbour-advertisement": 136,
    "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "redirect": 137,
    "mld2-listener-report": 143,
}  # fmt: skip

#: Codes of "destination unreachable" (RFC 792, 1812), spelt as nftables does.
ICMP_CODES = {
    "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3,
    "frag-needed": 4, "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
}  # fmt: skip

#: Codes of "destination unreachable" (RFC 4443).
ICMPV6_CODES = {
    "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4,
    "policy-fail": 5, "reject-route": 6,
}  # fmt: skip


def one_each(numbers: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the same names, each standing for its one number."""
    return {name: (number,) for name, number in numbers.items()}


def two_spaces(
    first: Mapping[str, int], second: Mapping[str, int], offset: int
) -> dict[str, tuple[int, ...]]:
    """Join two registries: a name stands for its number in each, the second's moved by offset."""
    joined: dict[str, tuple[int, ...]] = one_each(first)
    for name, number in second.items():
        joined[name] = (*joined.get(name, ()), number + offset)
    return joined
