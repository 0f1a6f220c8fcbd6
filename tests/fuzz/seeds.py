# SPDX-License-Identifier: GPL-2.0
"""Write first inputs for the fuzzer, a folder a target.

For `decide`: every scenario of tests/vectors, whole and cut. For `messages`: what kernels send.

.venv/bin/python -m tests.fuzz.seeds FOLDER
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from qverdictd.packet.raw import RawPacket
from qverdictd.policy.load import load
from qverdictd.policy.lower import lower
from tests.vectors import FILES, scenario

from . import message_seeds
from .inputs import FEW_FLOWS, FLOWS, PACKETS, written

#: Of a packet at hand, in the inputs of cut ones.
_CUTS = (0, 1, 19, 20, 24, 27, 28, 33, 39, 40, 41, 44, 47, 48, 56, 60)


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield names and inputs."""
    for file in FILES:
        one = scenario(file)
        with TemporaryDirectory() as folder:
            program = lower(load(one.write_to(Path(folder))))
        packets = [case.packet for case in one.cases]
        for at in range(0, len(packets), PACKETS):
            yield f"{file.stem}-{at}", written(program, packets[at : at + PACKETS], FLOWS)
        longest = max(packets, key=lambda packet: len(packet.data))
        yield f"{file.stem}-cut", written(program, _cut(longest), FLOWS | FEW_FLOWS)


def _cut(packet: RawPacket) -> Iterator[RawPacket]:
    for at_hand in _CUTS:
        if at_hand < len(packet.data):
            yield replace(packet, data=packet.data[:at_hand])


def main() -> None:
    """Write the files."""
    for target, named in (("decide", inputs()), ("messages", message_seeds.inputs())):
        folder = Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in named:
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
