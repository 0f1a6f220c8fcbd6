# SPDX-License-Identifier: GPL-2.0
"""Netlink's framing, both ways."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Cursor
from qverdictd.wire.netlink import (
    NLMSGHDR,
    Error,
    attributes,
    decode_error,
    encode_attribute,
    encode_error,
    encode_message,
)

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFF_FFFF)


@given(U16, st.binary(max_size=64), U16, U32, U32)
def test_a_message_is_its_header_its_body_and_padding(
    kind: int, body: bytes, flags: int, seq: int, portid: int
) -> None:
    message = encode_message(kind, body, flags=flags, seq=seq, portid=portid)
    size = 16 + len(body)
    assert NLMSGHDR.unpack_from(message) == (size, kind, flags, seq, portid)
    assert message[16:size] == body
    assert message[size:] == bytes(-size % 4)


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=20))), st.booleans())
def test_attributes_are_read_as_they_were_written(
    wanted: list[tuple[int, bytes]], unpadded: bool
) -> None:
    data = b"".join(encode_attribute(kind, value) for kind, value in wanted)
    if unpadded and wanted:
        data = data[: len(data) - -len(wanted[-1][1]) % 4]
    assert [(kind, value.rest()) for kind, value in attributes(Cursor(data))] == wanted


def test_the_flags_in_an_attributes_type_are_not_its_type() -> None:
    data = struct.pack("=HH", 4, 0x8000 | 0x4000 | 19)
    assert [kind for kind, _value in attributes(Cursor(data))] == [19]


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("=HH", 3, 1),  # shorter than its own header
        struct.pack("=HHI", 9, 1, 0),  # longer than what is there
        struct.pack("=HH", 4, 1) + b"\0\0",  # a header cut off
        struct.pack("=HHBB", 5, 1, 0, 0),  # padding cut off
    ],
)
def test_broken_attributes(data: bytes) -> None:
    with pytest.raises(WireError):
        [value.rest() for _kind, value in attributes(Cursor(data))]


def test_an_attribute_must_be_read_to_its_end() -> None:
    with pytest.raises(WireError, match="left over"):
        list(attributes(Cursor(encode_attribute(1, b"abcd"))))


ERRORS = st.builds(Error, errno=st.integers(0, 4095), type=U16, seq=U32, portid=U32)


@given(ERRORS, U32, st.binary(max_size=64))
def test_errors_go_both_ways_whatever_follows_them(error: Error, portid: int, more: bytes) -> None:
    message = encode_error(error, portid=portid) + more  # the request, extended acknowledgement
    assert decode_error(message, 16, len(message)) == error


def test_what_the_kernel_sends_is_understood() -> None:
    # The answer to a verdict for a packet that is not there, with NETLINK_CAP_ACK: a
    # struct nlmsghdr, then a struct nlmsgerr (linux/netlink.h).
    message = struct.pack("=IHHII", 36, 2, 0x100, 77, 4711)
    message += struct.pack("=iIHHII", -errno.ENOENT, 32, 3 << 8 | 1, 1, 77, 4711)
    assert decode_error(message, 16, len(message)) == Error(errno.ENOENT, 0x301, 77, 4711)


@given(ERRORS, st.integers(0, 35))
def test_a_cut_error_is_no_error(error: Error, size: int) -> None:
    with pytest.raises(WireError):
        decode_error(encode_error(error), 16, max(size, 16))


@pytest.mark.parametrize("number", [5, -4096, -(1 << 31)])
def test_what_is_no_errno_is_no_error(number: int) -> None:
    message = struct.pack("=i", number) + bytes(16)
    with pytest.raises(WireError, match="not a negative errno"):
        decode_error(message, 0, len(message))
