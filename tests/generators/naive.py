# SPDX-License-Identifier: GPL-2.0
"""Sums done the slow way, word by word, as the RFCs tell it: the yardstick for the fast ones."""


def word_sum(data: bytes) -> int:
    """Return the ones' complement sum of 16-bit words (RFC 1071), carries folded as they come."""
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big")
        total = (total & 0xFFFF) + (total >> 16)
    return total


def internet_checksum(data: bytes) -> int:
    """Return the checksum that a sender puts in, its own field being zero in data."""
    return ~word_sum(data) & 0xFFFF


def verifies(data: bytes) -> bool:
    """Whether a receiver takes the data, the checksum being among them."""
    return word_sum(data) == 0xFFFF


def pseudo(source: bytes, destination: bytes, proto: int, length: int) -> bytes:
    """Return the pseudo header of RFC 9293 (4-byte addresses) or RFC 8200 (16-byte ones)."""
    if len(source) == 4:
        return source + destination + bytes((0, proto)) + length.to_bytes(2, "big")
    return source + destination + length.to_bytes(4, "big") + bytes((0, 0, 0, proto))


def crc32c_bitwise(data: bytes) -> int:
    """Return the CRC32c, bit by bit from its reflected polynomial (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    return crc ^ 0xFFFFFFFF
