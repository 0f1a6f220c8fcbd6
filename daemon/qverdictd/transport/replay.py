# SPDX-License-Identifier: GPL-2.0
"""A capture file as a queue: its packets in, what survives the policy out, no kernel needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qverdictd.action.decision import Decision, Verdict
from qverdictd.errors import CaptureError
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.transport.base import Fleeting, Losses
from qverdictd.transport.capture_out import CaptureWriter
from qverdictd.transport.linktype import LINK_TYPES, RAW_IP, known

if TYPE_CHECKING:
    from qverdictd.transport.capture import CaptureReader, Frame

BATCH = 256
"""Packets that one `ReplayTransport.receive` hands out at most."""
_HOP_BY_HOP = 0  # IPv6 next header (RFC 8200, section 4.3)


@dataclass(slots=True)
class _Held:
    """A frame that waits for its packet's verdict, or for its turn to be written."""

    frame: "Frame"
    offset: int
    """Bytes of link header."""
    decided: bool = False
    record: tuple[bytes, int] | None = None
    """What is written of it: bytes, and how many it had on the wire. None: nothing is."""


class ReplayTransport(Fleeting):
    """Hands out the IP packets of a capture, and writes those that survive to another.

    It satisfies `transport.base.Transport`. A file is never late, so an empty batch from
    `receive` is its end. Frames that hold no IP packet are not judged: they pass, in their place,
    and `unjudged` counts them.

    The output is a pcap with the link type and link headers of the input; a rewritten packet
    replaces all that followed its link header, Ethernet's padding too. Only a capture of several
    link types becomes raw IP, which cannot hold frames without an IP packet: `unwritable` counts
    those.
    """

    name = "replay"
    can_requeue = True

    def __init__(
        self,
        source: Path,
        reader: "CaptureReader",
        sink: Path | None = None,
        writer: CaptureWriter | None = None,
        *,
        mixed: bool = False,
    ) -> None:
        self.unjudged = 0
        self.unwritable = 0
        self._source = source
        self._reader = reader
        self._sink = sink
        self._writer = writer
        self._mixed = mixed
        self._held: dict[int, _Held] = {}
        self._error: CaptureError | None = None
        self._ended = False

    @classmethod
    def open(cls, source: Path, sink: Path | None) -> "ReplayTransport":
        """Open a capture, and make the file for what survives; `CaptureError` if either fails."""
        from qverdictd.transport.capture import (
            CaptureReader,
        )  # slow to import; only replays need it

        reader = CaptureReader(source)
        try:
            if reader.link is not None:
                _check_known(f"{source}", reader.link)
            if sink is None:
                return cls(source, reader)
            if sink.exists() and sink.samefile(source):
                raise CaptureError(f"{sink}: is the capture itself: choose another output file")
            links = _link_types(source) if reader.link is None else {reader.link}
            mixed = len(links) != 1
            link = RAW_IP if mixed else links.pop()
            writer = CaptureWriter(sink, link, reader.byte_order, nano=reader.is_nano)
            return cls(source, reader, sink, writer, mixed=mixed)
        except BaseException:
            reader.close()
            raise

    @property
    def description(self) -> str:
        """The files, and what their link types are."""
        said = f"capture {self._source}"
        if self._reader.link is not None:
            said += f" ({LINK_TYPES[self._reader.link].name})"
        if self._writer is None:
            return said
        if self._mixed:
            return f"{said} to {self._sink} as raw IP, as it has no single link type"
        return f"{said} to {self._sink}"

    def fileno(self) -> int:
        """Return the capture's descriptor; a regular file is always readable."""
        return self._reader.fileno()

    def receive(self) -> list[RawPacket]:
        """Return the next packets; empty only at the capture's end.

        Raises `CaptureError` where the capture is cut or broken, once all before is handed out.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        batch: list[RawPacket] = []
        if self._ended:
            return batch
        try:
            for frame in self._reader:
                packet = self._admit(frame)
                if packet is not None:
                    batch.append(packet)
                    if len(batch) == BATCH:
                        return batch
            self._ended = True
        except CaptureError as error:
            self._ended = True
            if not batch:
                raise
            self._error = error
        return batch

    def answer(self, judged: Sequence[tuple[RawPacket, Decision]]) -> None:
        """Write what survives of these packets, in the capture's order."""
        if self._writer is None:
            return
        for raw, decision in judged:
            held = self._held[raw.id]
            held.decided = True
            if decision.verdict is not Verdict.DROP:
                held.record = self._record(held, raw, decision.replacement)
        self._write_decided()

    def stop(self) -> None:
        """Hand out no more packets."""
        self._ended = True
        self._error = None

    def losses(self) -> Losses:
        """Return zeros: a file loses nothing, and says so when it is cut."""
        return Losses()

    def close(self) -> None:
        """Close both files; an unanswered packet is not written."""
        try:
            self._reader.close()
            self._held = {key: held for key, held in self._held.items() if held.decided}
            self._write_decided()
        finally:
            if self._writer is not None:
                self._writer.close()

    def _admit(self, frame: "Frame") -> RawPacket | None:
        """Make the packet of a frame; without one, let the frame pass."""
        _check_known(f"{self._source}: packet {frame.number}", frame.link)
        network = LINK_TYPES[frame.link].locate(frame.data)
        if network is None:
            self.unjudged += 1
            if self._mixed:
                self.unwritable += 1
            elif self._writer is not None:
                self._held[frame.number] = _Held(frame, 0, True, (frame.data, frame.length))
                self._write_decided()
            return None
        offset, family, mac = network
        if self._writer is not None:
            self._held[frame.number] = _Held(frame, offset)
        data = frame.data[offset:]
        length = _network_length(data, frame.length - offset, family)
        return RawPacket(
            id=frame.number,
            data=data[:length],
            length=length,
            family=family,
            mac=mac,
            time=None if frame.time is None else frame.time / 1e9,
        )

    def _record(self, held: _Held, raw: RawPacket, replacement: bytes | None) -> tuple[bytes, int]:
        offset = held.offset
        if replacement is not None:
            data = replacement if self._mixed else held.frame.data[:offset] + replacement
            return data, len(data)
        if self._mixed:
            return raw.data, raw.length
        return held.frame.data, held.frame.length

    def _write_decided(self) -> None:
        """Write from the oldest frame on, up to the first that still waits for its verdict."""
        while self._held and self._writer is not None:
            number = next(iter(self._held))
            held = self._held[number]
            if not held.decided:
                return
            if held.record is not None:
                self._writer.write(*held.record, held.frame.time)
            del self._held[number]


def _network_length(data: bytes, available: int, family: int) -> int:
    """Return how long the packet was: by its own word, if that fits what the frame carried.

    What follows it in an Ethernet frame is padding, which the kernel cuts off before any hook.
    """
    if family == AF_INET and len(data) >= 4:
        total = int.from_bytes(data[2:4], "big")
        return total if 20 <= total <= available else available
    if family == AF_INET6 and len(data) >= 7:
        payload, following = int.from_bytes(data[4:6], "big"), data[6]
        # A jumbogram (RFC 2675) or a super-packet of the kernel's has no length of its own.
        if payload or (following != _HOP_BY_HOP and available <= 40 + 0xFFFF):
            return 40 + payload if payload <= available - 40 else available
    return available


def _link_types(source: Path) -> set[int]:
    """Return the link types that the packets of a pcapng capture have."""
    from qverdictd.transport.capture import CaptureReader

    if not source.is_file():
        raise CaptureError(f"{source}: is read twice to write: save the pcapng to a file first")
    reader = CaptureReader(source)
    links: set[int] = set()
    try:
        links.update(frame.link for frame in reader if frame.link in LINK_TYPES)
    except CaptureError:
        pass  # it comes up again at its place, when all before it was judged
    finally:
        reader.close()
    return links


def _check_known(where: str, link: int) -> None:
    if link not in LINK_TYPES:
        raise CaptureError(f"{where}: link type {link} is not known; known are {known()}")
