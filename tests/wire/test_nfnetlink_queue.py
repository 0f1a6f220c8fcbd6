# SPDX-License-Identifier: GPL-2.0
"""Configuration and verdicts, both ways, and as the kernel's headers spell them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.errors import WireError
from qverdictd.wire.nfnetlink_queue import (
    COPY_RANGE_MAX,
    F_FAIL_OPEN,
    F_GSO,
    NF_ACCEPT,
    NF_QUEUE,
    Config,
    Verdict,
    VerdictEncoder,
    decode_batch_verdict,
    decode_config,
    decode_verdict,
    encode_batch_verdict,
    encode_config,
)

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)
CONFIGS = st.builds(
    Config,
    bind=st.booleans(),
    copy_range=st.none() | U32,
    max_length=st.none() | U32,
    flags=st.none() | U32,
    mask=st.none() | U32,
)
VERDICTS = st.builds(
    Verdict,
    packet_id=U32,
    code=U32,
    mark=st.none() | U32,
    payload=st.none() | st.binary(max_size=64),
)


@given(U16, U32, CONFIGS)
def test_configuration_goes_both_ways(queue: int, seq: int, config: Config) -> None:
    assert decode_config(encode_config(queue, seq, config)) == (queue, seq, config)


@given(U16, U32)
def test_giving_a_queue_back_goes_both_ways(queue: int, seq: int) -> None:
    config = Config(unbind=True)
    assert decode_config(encode_config(queue, seq, config)) == (queue, seq, config)


@given(U16, U32, U32, U32)
def test_verdicts_on_many_go_both_ways(queue: int, seq: int, packet_id: int, code: int) -> None:
    message = encode_batch_verdict(queue, seq, packet_id, code)
    assert decode_batch_verdict(message) == (queue, packet_id, code)
    with pytest.raises(WireError):
        decode_verdict(message)
    with pytest.raises(WireError):
        decode_batch_verdict(message[:-1])


@given(U16, VERDICTS)
def test_verdicts_go_both_ways(queue: int, verdict: Verdict) -> None:
    message = VerdictEncoder(queue).encode(*verdict)
    assert len(message) % 4 == 0
    assert decode_verdict(message) == (queue, verdict)


def test_one_message_binds_and_sets_everything() -> None:
    config = Config(
        bind=True,
        copy_range=COPY_RANGE_MAX,
        max_length=16384,
        flags=F_GSO,
        mask=F_GSO | F_FAIL_OPEN,
    )
    attributes = struct.pack("=HH", 8, 1) + b"\x01\0\0\0"  # NFQA_CFG_CMD: BIND
    attributes += struct.pack("=HH", 9, 2) + b"\0\0\xff\xfb\x02\0\0\0"  # PARAMS: COPY_PACKET
    attributes += struct.pack("=HH", 8, 3) + b"\0\0\x40\0"  # QUEUE_MAXLEN
    attributes += struct.pack("=HH", 8, 5) + b"\0\0\0\x04"  # FLAGS
    attributes += struct.pack("=HH", 8, 4) + b"\0\0\0\x05"  # MASK
    header = struct.pack("=IHHII", 20 + len(attributes), 3 << 8 | 2, 0x5, 9, 0)
    assert encode_config(7, 9, config) == header + b"\0\0\0\x07" + attributes


def test_a_plain_verdict_is_32_bytes() -> None:
    message = VerdictEncoder(3).encode(0x01020304, NF_ACCEPT)
    assert message == (
        struct.pack("=IHHII", 32, 3 << 8 | 1, 1, 0x01020304, 0)
        + b"\0\0\0\x03"
        + struct.pack("=HH", 12, 2)
        + b"\0\0\0\x01\x01\x02\x03\x04"
    )


def test_no_bytes_are_another_thing_than_empty_bytes() -> None:
    encode = VerdictEncoder(0).encode
    assert len(encode(1, NF_ACCEPT, None, b"")) == len(encode(1, NF_ACCEPT)) + 4
    assert decode_verdict(encode(1, NF_ACCEPT, None, b""))[1].payload == b""


def test_the_other_queue_is_in_the_upper_half() -> None:
    message = VerdictEncoder(0).encode(1, 258 << 16 | NF_QUEUE)
    assert message[24:28] == b"\x01\x02\0\x03"


@given(VERDICTS, CONFIGS, st.data())
def test_a_cut_message_is_refused(verdict: Verdict, config: Config, data: st.DataObject) -> None:
    for message, decode in (
        (VerdictEncoder(0).encode(*verdict), decode_verdict),
        (encode_config(0, 1, config), decode_config),
    ):
        size = data.draw(st.integers(0, len(message) - 1))
        with pytest.raises(WireError):
            decode(message[:size])


def test_one_kind_of_message_is_not_the_other() -> None:
    with pytest.raises(WireError):
        decode_config(VerdictEncoder(0).encode(1, NF_ACCEPT))
    with pytest.raises(WireError):
        decode_verdict(encode_config(0, 1, Config()))
