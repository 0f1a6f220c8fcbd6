# SPDX-License-Identifier: GPL-2.0
"""Policies of a given length that accept the benchmark's packets by their last rule.

All rules before it are of the kinds that gateways have, none matches, and they fail at different
conditions: some at the protocol, some at the port, some only at the address or the set.
"""

from pathlib import Path

SIZES = (1, 20, 1000)

_SETS = """
sets:
  admins: {type: cidr, values: [192.0.2.128/25, "2001:db8:a::/48"]}
  blocklist: {type: cidr, values: [203.0.113.0/24, 198.51.100.0/25, 100.64.0.0/10]}
  web: {type: port, values: [80, 443, 8000-8099]}
"""


def _earlier(number: int) -> str:
    """Return the match and verdict of rule ``number``, which never matches."""
    high, low = divmod(number, 250)
    return (
        f'match: {{src: 10.{high}.{low}.0/24, proto: tcp, dport: "@web"}}, verdict: accept',
        f"match: {{src: 172.16.{low}.0/24, proto: udp, dport: {1024 + number}}}, verdict: accept",
        f"match: {{proto: tcp, dport: {1 + number}, src: {{not: '@admins'}}}}, verdict: drop",
        f'match: {{src: "@blocklist", dst: 192.0.2.{1 + low}}}, verdict: drop',
        f'match: {{proto: udp, dport: "{2000 + number}-{2009 + number}"}}, verdict: drop',
    )[number % 5]


def policy(size: int) -> str:
    """Return a policy of ``size`` rules as YAML; its default drops, so only the last accepts."""
    earlier = "".join(f"  - {{name: r{n}, {_earlier(n)}}}\n" for n in range(1, size))
    last = "  - {name: last, match: {src: 198.18.0.0/15, proto: udp, dport: 9}, verdict: accept}\n"
    return f"version: 1\ndefault: drop\non_error: drop\n{_SETS}\nrules:\n{earlier}{last}"


def write(folder: Path) -> dict[int, Path]:
    """Write the policies into a folder; return their files by size."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {size: folder / f"rules-{size}.yaml" for size in SIZES}
    for size, file in files.items():
        file.write_text(policy(size))
    return files
