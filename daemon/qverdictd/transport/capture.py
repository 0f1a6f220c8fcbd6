# SPDX-License-Identifier: GPL-2.0
"""Capture files, read frame by frame with scapy's readers, which take them to be friendly.

Those readers end quietly where a file is cut or broken, and pass over packets that they cannot
place. A replay that judged less than the capture holds would be a lie, so here each of that is a
`CaptureError` with the file, the packet's number and what is missing. Nothing is dissected.

pcap: draft-ietf-opsawg-pcap; pcapng: draft-ietf-opsawg-pcapng.
"""

import logging
import struct
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader, RawPcapReader

from qverdictd.errors import CaptureError

LONGEST_FRAME = 4 * 0xFFFF
"""Bytes of the longest frame that scapy reads whole from a pcap; libpcap's own limit is 4 more."""
_LONGEST_BLOCK = 16 * 1024 * 1024
"""Bytes of the longest pcapng block that libpcap reads: a length beyond it is a lie."""

_PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
_PCAP_MAGICS = frozenset(
    magic
    for number in (0xA1B2C3D4, 0xA1B23C4D)  # micro- and nanoseconds
    for magic in (struct.pack("<I", number), struct.pack(">I", number))
)
_GZIP_MAGIC = b"\x1f\x8b"
_NANO = 1_000_000_000
_BLOCKS = (1, 2, 3, 6)
"""Block types of interfaces and packets: scapy's handlers of others are not safe on bad bytes."""
_NO_PACKET = ()  # what a block that holds no packet reads as


class Frame(NamedTuple):
    """One captured frame."""

    number: int
    """Counts from 1, as protocol analysers count."""
    link: int
    """Its link type's number."""
    data: bytes
    length: int
    """Bytes of the frame on the wire: more than ``data`` has if the capture cut it."""
    time: int | None
    """Nanoseconds since the epoch; None where the capture has no time (simple packet blocks)."""


class _Stream:
    """The file as scapy reads it: every read is bounded, and short ones are remembered."""

    def __init__(self, file: BufferedReader, name: str) -> None:
        self._file = file
        self._name = name
        self.offset = 0
        self.missing = ""  # told by the first short read since it was cleared

    def peek(self, size: int) -> bytes:
        """Return the next bytes without reading them."""
        try:
            return self._file.peek(size)[:size]
        except OSError as error:
            raise CaptureError(f"{self._name}: cannot be read: {error.strerror}") from error

    def read(self, size: int) -> bytes:
        """Read as a file does; it never asks the file for an absurd length."""
        if size > _LONGEST_BLOCK:
            raise CaptureError(
                f"{self._name}: the block before byte {self.offset} claims {size + 12} bytes: "
                "the capture is broken there"
            )
        try:
            data = self._file.read(size)
        except OSError as error:  # scapy would take it for the end of the file
            raise CaptureError(f"{self._name}: cannot be read: {error.strerror}") from error
        self.offset += len(data)
        if len(data) < size and not self.missing:  # scapy asks again for what is not there
            self.missing = f"{size - len(data)} of {size} bytes are missing at byte {self.offset}"
        return data


class _PcapNg(RawPcapNgReader):  # type: ignore[misc]
    """scapy's reader of pcapng, strict where the original guesses or passes over."""

    interfaces: list[Any]

    def _read_block_shb(self) -> None:
        self.interfaces = []  # interfaces are numbered from 0 in each section
        super()._read_block_shb()

    def _check_interface_id(self, intid: int) -> bool:
        if intid >= len(self.interfaces):
            raise EOFError(f"its interface {intid} was never described")
        return True

    def _read_block_epb(self, block: bytes, size: int) -> Any:
        self._check_captured(block)
        return super()._read_block_epb(block, size)

    def _read_block_pkt(self, block: bytes, size: int) -> Any:
        self._check_captured(block)
        return super()._read_block_pkt(block, size)

    def _check_captured(self, block: bytes) -> None:
        """Refuse a captured length past the block: what lies there is not the packet's."""
        if len(block) >= 20:
            (captured,) = struct.unpack_from(self.endian + "I", block, 12)
            if captured > len(block) - 20:
                raise EOFError(f"it claims {captured} bytes and has {len(block) - 20}")

    def _read_block_spb(self, block: bytes, size: int) -> Any:
        # No captured length of its own: the interface's limit, where 0 is none, cuts it.
        if len(block) < 4:
            raise EOFError(f"it has {len(block)} of 4 bytes")
        self._check_interface_id(0)
        link, limit, options = self.interfaces[0]
        (length,) = struct.unpack_from(self.endian + "I", block)
        captured = min(length, limit or length)
        if captured > len(block) - 4:
            raise EOFError(f"it claims {captured} bytes and has {len(block) - 4}")
        self.interfaces[0] = (link, limit or LONGEST_FRAME, options)
        return super()._read_block_spb(block, size)


class _Warnings(logging.Filter):
    """Keeps scapy's warnings off the terminal while it reads, and the last for our own text."""

    _logger = logging.getLogger("scapy.runtime")

    def __enter__(self) -> "_Warnings":
        self.last = ""
        self._logger.filters.insert(0, self)  # before scapy's own, which forgets repeated ones
        self._level = self._logger.level
        self._logger.setLevel(logging.WARNING)  # whoever dissects silences scapy
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.setLevel(self._level)
        self._logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        self.last = record.getMessage().removeprefix("PcapNg: ").rstrip(" !")
        return False


class CaptureReader:
    """A capture file, opened; iterate over it to get its frames.

    Raises `CaptureError` when it is no capture, and while iterating where it is cut or broken,
    after every frame before that place was handed out.
    """

    def __init__(self, path: Path) -> None:
        self._name = str(path)
        self._warnings = _Warnings()
        self._number = 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise CaptureError(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            self._stream = _Stream(self._file, self._name)
            self._reader = self._open(self._stream.peek(4))
        except BaseException:
            self._file.close()
            raise

    def _open(self, magic: bytes) -> Any:
        if not magic:
            raise CaptureError(f"{self._name}: is empty: not a capture")
        if magic.startswith(_GZIP_MAGIC):
            raise CaptureError(f"{self._name}: is compressed: decompress it first (gunzip)")
        if magic not in _PCAP_MAGICS and magic != _PCAPNG_MAGIC:
            raise CaptureError(
                f"{self._name}: is neither pcap nor pcapng (it begins with {magic.hex(' ')})"
            )
        with self._warnings as warnings:
            try:
                if magic != _PCAPNG_MAGIC:
                    return RawPcapReader(self._stream)
                opener: Any = _PcapNg  # scapy's metaclass changes what it is called with
                reader = opener(self._stream)
            except (Scapy_Exception, EOFError) as error:
                reason = self._stream.missing or warnings.last
                raise CaptureError(f"{self._name}: its file header is cut: {reason}") from error
        reader.blocktypes = {kind: reader.blocktypes[kind] for kind in _BLOCKS}
        return reader

    @property
    def is_pcapng(self) -> bool:
        """Whether each frame may have a link type of its own."""
        return isinstance(self._reader, _PcapNg)

    @property
    def link(self) -> int | None:
        """The link type of all frames; None for pcapng, where each interface has its own."""
        # Above the type lie the length of a frame check sequence and flags.
        return None if self.is_pcapng else self._reader.linktype & 0x03FF_FFFF

    @property
    def byte_order(self) -> str:
        """The byte order of the machine that captured, as `struct` writes it."""
        return str(self._reader.endian)

    @property
    def is_nano(self) -> bool:
        """Whether times may be finer than a microsecond."""
        return self.is_pcapng or bool(self._reader.nano)

    def fileno(self) -> int:
        """Return the file's descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        frame = self._next_pcapng() if self.is_pcapng else self._next_pcap()
        if frame is None:
            raise StopIteration
        self._number = frame.number
        return frame

    def _next_pcap(self) -> Frame | None:
        read = self._step(self._reader._read_packet)
        if read is None:
            return None
        data, meta = read
        if meta.caplen > LONGEST_FRAME:
            raise self._broken(f"it claims {meta.caplen} bytes, more than any capture holds")
        if meta.caplen > len(data):
            raise self._broken(self._stream.missing)
        time = meta.sec * _NANO + meta.usec * (1 if self._reader.nano else 1000)
        length = max(meta.wirelen, len(data))
        return Frame(self._number + 1, self.link or 0, data, length, time)

    def _next_pcapng(self) -> Frame | None:
        while (read := self._step(self._reader._read_block)) is not None:
            if read is _NO_PACKET:
                continue
            data, meta = read
            ticks = None if meta.tshigh is None else (meta.tshigh << 32) + meta.tslow
            time = None if ticks is None else ticks * _NANO // meta.tsresol
            length = max(meta.wirelen, len(data))
            return Frame(self._number + 1, meta.linktype, data, length, time)
        return None

    def _step(self, read: Callable[..., Any]) -> Any:
        """Let scapy read one record or block; None at the file's end."""
        start = self._stream.offset
        self._stream.missing = ""
        with self._warnings as warnings:
            try:
                return read(size=_LONGEST_BLOCK) or _NO_PACKET
            except (Scapy_Exception, EOFError) as error:
                if self._stream.offset == start:
                    return None
                reason = self._stream.missing or str(error) or warnings.last
                raise self._broken(reason) from error

    def _broken(self, reason: str) -> CaptureError:
        return CaptureError(
            f"{self._name}: packet {self._number + 1} cannot be read: {reason}; "
            f"{self._number} before it can"
        )
