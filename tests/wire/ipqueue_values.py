# SPDX-License-Identifier: GPL-2.0
"""Values of ip_queue's messages, for Hypothesis."""

from hypothesis import strategies as st

from qverdictd.wire.ipqueue import Hello
from qverdictd.wire.ipqueue_batch import BatchPacket, BatchVerdict
from qverdictd.wire.ipqueue_classic import ClassicPacket, ClassicVerdict
from qverdictd.wire.ipqueue_control import Settings, Statistics
from qverdictd.wire.ipqueue_tap import TapRecord

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
U64 = st.integers(0, 2**64 - 1)
PAYLOAD = st.binary(max_size=80)
HWADDR = st.binary(max_size=8)
NAME = st.binary(max_size=15).filter(lambda name: b"\0" not in name)

HELLOS = st.builds(Hello, U32, U32, U32, U32, U32)

CLASSIC_PACKETS = st.builds(
    ClassicPacket, U64, U32, PAYLOAD, U64, st.integers(0, 2**50), NAME, NAME, U16, U16, HWADDR
)
CLASSIC_VERDICTS = st.builds(ClassicVerdict, U64, U32, PAYLOAD)


@st.composite
def batch_packets(draw: st.DrawFn) -> BatchPacket:
    payload = draw(PAYLOAD)
    length = draw(st.just(len(payload)) | st.integers(len(payload), 0xFFFF_FFFF))
    words = [draw(U32) for _ in range(6)]
    numbers = [draw(U16), draw(U16), draw(U8), draw(U8)]
    fields = [draw(U64), payload, length, draw(U32), draw(U64), *words, *numbers, draw(HWADDR)]
    return BatchPacket._make(fields)


BATCH_VERDICTS = st.builds(BatchVerdict, U64, U32, U32, U32, PAYLOAD)

SETTINGS = st.builds(Settings, U32, U32, U32, U32, U32, U32)
STATISTICS = st.builds(Statistics, *[U32] * 8, *[U64] * 17)

ADDRESS = st.binary(min_size=16, max_size=16)
RECORDS = st.builds(
    TapRecord, U64, U64, U64, U32, U32, U32, U32, ADDRESS, ADDRESS, U16, U16, *[U8] * 8
)
