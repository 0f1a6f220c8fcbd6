# SPDX-License-Identifier: GPL-2.0
"""Checksums: the Internet checksum (RFC 1071, carried on as in RFC 1624) and SCTP's CRC32c."""


def ones_sum(*parts: bytes) -> int:
    """Return the ones' complement sum of the parts' 16-bit words.

    2**16 is 1 modulo 0xFFFF, so a sum of words is the remainder of the bytes as one large number.
    Of the two zeros, 0xFFFF is the sum of words that are not all zero (RFC 1624, section 3). An odd
    part is padded with a zero byte.
    """
    total = 0
    for part in parts:
        number = int.from_bytes(part, "big")
        total += number << 8 if len(part) & 1 else number
    return total % 0xFFFF or (0xFFFF if total else 0)


def checksum(*parts: bytes) -> int:
    """Return the Internet checksum over the parts, in which the checksum's own field is zero."""
    return 0xFFFF - ones_sum(*parts)


def carried_on(old_checksum: int, old: int, new: int) -> int:
    """Return a checksum after its words' sum changed from ``old`` to ``new`` (RFC 1624, eqn. 3).

    If the changed words are all zero now, and what is not seen may be too, the result is the one
    of the two zeros that holds in any case.
    """
    return (old_checksum + old - new) % 0xFFFF or (0 if new else 0xFFFF)


def pseudo_header(source: bytes, destination: bytes, proto: int, length: int) -> bytes:
    """Return the pseudo header of IPv4 (RFC 9293) or IPv6 (RFC 8200): both sum up the same."""
    return source + destination + length.to_bytes(4, "big") + proto.to_bytes(4, "big")


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC32C = _crc32c_table()


def crc32c(data: bytes) -> int:
    """Return the CRC32c of SCTP (RFC 9260, appendix A), to be stored little-endian."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
