# SPDX-License-Identifier: GPL-2.0
"""A pcap file, written frame by frame (draft-ietf-opsawg-pcap)."""

import struct
from pathlib import Path

from qverdictd.errors import CaptureError

_SNAPLEN = 262_144
_LATEST = 0xFFFF_FFFF  # seconds: what the field holds


class CaptureWriter:
    """The pcap file at ``path``, made anew.

    ``byte_order`` is "<" or ">": the header of a BSD loopback frame is in the byte order of its
    capture. Raises `CaptureError` when the file cannot be made or written.
    """

    def __init__(self, path: Path, link: int, byte_order: str, *, nano: bool) -> None:
        self.link = link
        self._path = path
        self._record = struct.Struct(byte_order + "IIII")
        self._tick = 1 if nano else 1000
        magic = 0xA1B23C4D if nano else 0xA1B2C3D4
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise self._failed(error) from error
        self._write(struct.pack(byte_order + "IHHiIII", magic, 2, 4, 0, 0, _SNAPLEN, link))

    def write(self, data: bytes, length: int, time: int | None) -> None:
        """Add a frame that had ``length`` bytes on the wire, at ``time`` nanoseconds."""
        seconds, rest = divmod(time or 0, 1_000_000_000)
        self._write(
            self._record.pack(min(seconds, _LATEST), rest // self._tick, len(data), length) + data
        )

    def close(self) -> None:
        """Write what is still buffered and close the file."""
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> CaptureError:
        return CaptureError(f"{self._path}: cannot be written: {error.strerror}")
