# SPDX-License-Identifier: GPL-2.0
"""How many bytes of each packet a policy looks at: copying 64 KiB of each is what costs most."""

from qverdictd.policy.condition import Contains, Matches, PayloadLength, leaves
from qverdictd.policy.model import Policy

HEADERS = 4096
"""More than headers ever have: with options and extensions they have to fit into one frame of a
link, of which a large (GSO) packet is made."""
WHOLE = 0xFFFF


def needed(policy: Policy) -> int:
    """Return the bytes that judging by ``policy`` needs: all, or those with a packet's headers.

    A rewrite needs all of them, for the checksums and for the way back to the kernel.
    """
    for rule in policy.rules:
        if rule.rewrites or any(
            isinstance(leaf, Contains | Matches | PayloadLength) for leaf in leaves(rule.condition)
        ):
            return WHOLE
    return HEADERS
