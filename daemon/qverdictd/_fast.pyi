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

@final
class Slot:
    """The engine in force, for a number of workers."""

    def __new__(cls, engine: Engine, workers: int) -> Slot: ...
    @property
    def engine(self) -> Engine:
        """The engine in force."""
    @property
    def generation(self) -> int:
        """Counts the engines that were in force, from 1."""
    def swap(self, engine: Engine, /) -> Engine:
        """Put another engine in force; return the one before, which no worker uses now."""

LEDGER_SIZE: Final[int]
"""Bytes of a `Ledger`."""

@final
class Ledger:
    """Who is being judged, in memory that outlives this process: see ledger.h."""

    def __new__(cls, descriptor: int, *, fresh: bool = False) -> Ledger:
        """Map a memfd of `LEDGER_SIZE` bytes that is sealed against shrinking, for good.

        ``fresh``: make it an empty ledger. Raises ValueError for anything else that is there.
        """
    def watch(self, /) -> None:
        """Have a fault that ends this process noted in here from now on."""
    def note(self, queue: int, ids: list[int], faults: int = 0) -> None:
        """Note packets that are about to be judged, at most 256."""
    def strike(self, /) -> None:
        """Strike out what is noted: it is answered."""
    def begin(self, last_id: int, answered: int, /) -> None:
        """Forget who is noted.

        The packet read last has this id, and so many packets were answered until now.
        """
    def tell(self, queue_full: int, socket_full: int, /) -> None:
        """Note how much of the kernel's two drop counters somebody was told."""
    def left(self, /) -> tuple[int, list[int], bool, int, int, int, int, int]:
        """Return what its writer left.

        The queue, the ids noted, whether a fault ended it, the faults before that, the last id
        noted ever, how many packets were answered until then, by all that held the queue, and
        what `tell` was told last.
        """

_Told = tuple[
    int, int, int, int | None, int | None, int, bytes | None, tuple[int, ...],
    int, bytes, int, int, int | None, str | None, str | None, int, bytes | None,
    int | None, int | None, int | None, bool, bool,
]  # fmt: skip

@final
class Worker:
    """Serves one queue on the thread that runs it."""

    def __new__(
        cls,
        kind: str,
        fd: int,
        *,
        slot: Slot,
        lane: int,
        queue: int,
        family: int,
        most_verdicts: int,
        send_limit: int,
        last_id: int | None,
        seq: int,
        missing_seq: int,
        ring_size: int,
        tell_all: bool,
        ledger: Ledger | None,
    ) -> Worker: ...
    def run(self, /) -> tuple[str, int] | None:
        """Serve until stopped; return what failed and its errno, or None."""
    def stop(self, /) -> None:
        """Let run() return after its batch. Raises OSError if that cannot be said."""
    def state(self, /) -> tuple[int | None, int, int]:
        """Return where whoever goes on has to begin.

        The id of the packet received last or None, and over ipqueue the sequence numbers of the
        last list of verdicts, and of the last one whose missing ids were told.
        """
    def acknowledged(self, /) -> int:
        """Return the number of the configuration that the kernel did last.

        All packets that it had sent before are answered by then; 0 for none.
        """
    def counters(self, /) -> dict[str, int]:
        """Return all counters by name."""
    def drain(self, most: int, /) -> list[_Told]:
        """Return the oldest decisions that wait to be shown."""
    def sleep(self, /) -> bool:
        """Say that nobody drains from now on; False if decisions wait already."""
    def wake(self, /) -> None:
        """Say that somebody drains again."""
    def fileno(self, /) -> int:
        """Return what is readable when decisions came for a sleeper."""
