# SPDX-License-Identifier: GPL-2.0
"""The compiled engine."""

from collections.abc import Iterator
from typing import Final, final

from typing_extensions import Buffer

PROGRAM_VERSION: Final[int]
FIELDS_FINGERPRINT: Final[int]

def address_range(text: str, /) -> bytes | None:
    """Return an address, prefix or range packed, or None if it is not plain."""

def merged_ranges(v4: Buffer, v6: Buffer, /) -> tuple[bytes, bytes]:
    """Return packed ranges sorted and merged."""

@final
class AddressLines(Iterator[tuple[int, bytes]]):
    """A set file's lines: reads the plain ones, yields number and text of the others."""

    def __new__(cls, data: bytes) -> AddressLines: ...
    def __next__(self) -> tuple[int, bytes]: ...
    def ranges(self, /) -> tuple[bytes, bytes]:
        """Return the ranges of the lines read so far, of IPv4 and of IPv6."""
