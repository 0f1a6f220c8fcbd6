# SPDX-License-Identifier: GPL-2.0
"""The compiled engine."""

from collections.abc import Iterator, Sequence
from typing import Final, final

from typing_extensions import Buffer

from qverdictd.packet.raw import RawPacket

PROGRAM_VERSION: Final[int]
FIELDS_FINGERPRINT: Final[int]
VERDICTS: Final[tuple[str, ...]]
"""Names of verdicts by their numbers, as `Verdict` has them."""
REASONS: Final[tuple[str, ...]]
"""Names of reasons by their numbers, as `Reason` has them."""

class ProgramError(ValueError):
    """A program that no engine can run."""

    text: str
    """Why, for a person, without the rule's name."""
    rule: int | None
    """Index of the rule to blame."""
    error: int
    """``EINVAL``: the program is broken; ``E2BIG``: it needs more memory than it may have."""

def verify(program: Buffer, /) -> None:
    """Check a program as an engine does before it runs it. Raises `ProgramError`."""

@final
class Engine:
    """A verified program, and what was built from it to run it fast.

    Raises `ProgramError`, or MemoryError; nothing is left behind then.
    """

    def __new__(
        cls, program: Buffer, *, lanes: int = 1, memory: int = 0, cached_flows: int = 0
    ) -> Engine:
        """Verify and build.

        ``program`` must be read-only, as bytes are. ``lanes``: threads that may judge at once.
        ``memory``: bytes that may be built from the program, 0 for 1 GiB. ``cached_flows``:
        entries of a lane's flow cache, a power of two, or 0 for none.
        """

    def judge(
        self, packets: Sequence[RawPacket], now: int, lane: int = 0
    ) -> list[tuple[int, int, int | None, int, int, bytes | None, tuple[int, ...]]]:
        """Judge packets at the time ``now``, in nanoseconds since the epoch.

        Returns verdict, reason, rule, queue, mark, replacement and logs of each: verdict and
        reason are places in `VERDICTS` and `REASONS`, rules indexes. Raises what a packet's
        attributes raise, TypeError or ValueError for those of a wrong kind.
        """

    def counts(self, /) -> list[tuple[int, int, int]]:
        """Return packets, octets and last time of each rule, over all lanes.

        The last time is in nanoseconds since the epoch, 0 for never.
        """

    @property
    def memory(self) -> int:
        """Bytes in use beside the program's."""

    @property
    def lanes(self) -> int:
        """Threads that may judge at once."""

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
