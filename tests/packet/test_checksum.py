# SPDX-License-Identifier: GPL-2.0
"""Our sums against scapy's and against the slow way."""

from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.sctp import crc32c as scapy_crc32c
from scapy.utils import checksum as scapy_checksum

from qverdictd.packet.checksum import carried_on, checksum, crc32c, ones_sum, pseudo_header

from ..generators.naive import crc32c_bitwise, internet_checksum, pseudo, verifies, word_sum

# Long runs of zeros and ones are where the two zeros of ones' complement differ.
_data = st.one_of(
    st.binary(max_size=64),
    st.lists(st.sampled_from((b"\0\0", b"\xff\xff", b"\xff\xfe", b"\0\1")), max_size=8).map(
        b"".join
    ),
)
_even = _data.map(lambda data: data[: len(data) // 2 * 2])


@given(_data)
def test_checksum_is_scapys_and_the_slow_ways(data: bytes) -> None:
    assert ones_sum(data) == word_sum(data)
    assert checksum(data) == internet_checksum(data) == scapy_checksum(data)


@given(st.lists(_data, max_size=4))
def test_parts_are_padded_each_by_itself(parts: list[bytes]) -> None:
    joined = b"".join(part + b"\0" * (len(part) % 2) for part in parts)
    assert ones_sum(*parts) == word_sum(joined)
    assert checksum(*parts) == internet_checksum(joined)


def test_the_two_zeros() -> None:
    """Only data that are all zero sum up to zero (RFC 1624, section 3)."""
    assert checksum() == checksum(bytes(20)) == 0xFFFF
    assert checksum(b"\xff\xff") == checksum(b"\x00\x01\xff\xfe") == 0


@given(_even, _even, st.data())
def test_carried_on_is_the_recomputed(before: bytes, after: bytes, data: st.DataObject) -> None:
    """Words change, others that we do not see stay: the checksum is that over all anew."""
    after = after[: len(before)].ljust(len(before), b"\0")
    unseen = data.draw(_even)
    old = checksum(before, unseen)
    new = carried_on(old, ones_sum(before), ones_sum(after))
    assert verifies(new.to_bytes(2, "big") + after + unseen)
    if any(after):
        assert new == checksum(after, unseen)


@given(_even, st.binary(min_size=2, max_size=2))
def test_an_error_in_the_checksum_is_carried_on(data: bytes, wrong: bytes) -> None:
    """A packet that was broken on its way stays broken, by as much."""
    off = int.from_bytes(wrong, "big")
    carried = carried_on(off, ones_sum(data), ones_sum(data))
    assert carried % 0xFFFF == off % 0xFFFF


@given(st.binary(max_size=80))
def test_crc32c_is_scapys_and_the_slow_ways(data: bytes) -> None:
    assert crc32c(data) == crc32c_bitwise(data)
    # Scapy returns it as it is stored, read big-endian.
    assert crc32c(data).to_bytes(4, "little") == scapy_crc32c(data).to_bytes(4, "big")


def test_crc32c_of_the_standards_own_text() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, appendix B.4


@given(st.sampled_from((4, 16)), st.data(), st.integers(0, 0xFFFF), st.integers(0, 255))
def test_the_pseudo_header_sums_up_as_the_families_own(
    size: int, data: st.DataObject, length: int, proto: int
) -> None:
    ends = [data.draw(st.binary(min_size=size, max_size=size)) for _ in range(2)]
    ours = pseudo_header(ends[0], ends[1], proto, length)
    assert word_sum(ours) == word_sum(pseudo(ends[0], ends[1], proto, length))
