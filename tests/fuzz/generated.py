# SPDX-License-Identifier: GPL-2.0
"""Write inputs for the fuzzer: what Hypothesis generates, other inputs at each call.

.venv/bin/python -m tests.fuzz.generated FOLDER
"""

import sys
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qverdictd.packet.raw import RawPacket
from qverdictd.policy.lower import lower
from qverdictd.policy.model import Policy

from ..differential.pairs import variants
from ..generators.packets import raw_packets
from ..generators.policies import policies
from .inputs import FLOWS, LARGEST, PACKETS, written

_INPUTS = 300


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    number = 0

    @settings(
        max_examples=_INPUTS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(policies, st.lists(raw_packets, min_size=2, max_size=6), st.integers(0, 1 << 32))
    def write(policy: Policy, raws: list[RawPacket], seed: int) -> None:
        nonlocal number
        number += 1
        packets = [raw for raw in variants(raws, seed, PACKETS) if len(raw.data) <= LARGEST]
        (folder / f"generated-{number}").write_bytes(written(lower(policy), packets, FLOWS))

    write()


if __name__ == "__main__":
    main()
