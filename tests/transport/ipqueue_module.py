# SPDX-License-Identifier: GPL-2.0
"""The ip_queue module in memory, true to its protocol: one queue, and the sockets that speak to it.

It does what the module's public header promises: an owner, modes, batches, flow control, lists of
verdicts taken whole or not at all, overflow both ways, linger. Time does not pass in it: linger
lasts until somebody comes.
"""

import dataclasses
import errno
import socket
import weakref
from collections import deque
from dataclasses import dataclass, field

from qverdictd.errors import WireError
from qverdictd.wire import ipqueue as wire
from qverdictd.wire.ipqueue_batch import (
    PACKET_RESENT,
    BatchPacket,
    BatchVerdict,
    Missing,
    decode_verdicts,
    encode_missing,
    encode_packets,
)
from qverdictd.wire.ipqueue_classic import COPY_NONE, Mode, decode_mode
from qverdictd.wire.ipqueue_control import (
    SET_LINGER,
    SET_MAXLEN,
    SET_OVERFLOW,
    Settings,
    Statistics,
)
from qverdictd.wire.netlink import NLM_F_REQUEST, NLMSGHDR, Error, encode_error, encode_message
from qverdictd.wire.nfnetlink_queue import NF_ACCEPT, NF_DROP, NF_REPEAT

ANSWER = {NF_ACCEPT: "accepted", NF_DROP: "dropped", NF_REPEAT: "repeated"}
CLOSED = Mode(COPY_NONE)
SILENT = wire.Hello(0)
DEFAULTS = Settings(0xF, maxlen=1024)


@dataclass
class Waiting:
    """A packet in the queue."""

    packet: BatchPacket
    sent: bool = False


@dataclass
class Module:
    """One family's queue."""

    features: int = 0xF
    """What can be given."""
    refuse: int = 0
    """With which errno every message is refused."""
    mute: bool = False
    """Answer no hello."""
    header_size: int = 20
    owner: "Link | None" = None
    mode: Mode = CLOSED
    hello: wire.Hello = SILENT
    settings: Settings = DEFAULTS
    counters: dict[str, int] = field(default_factory=dict)
    lingering: bool = False
    waiting: dict[int, Waiting] = field(default_factory=dict)
    decided: list[BatchVerdict] = field(default_factory=list)
    """All verdicts that were applied, in order."""
    gone: list[int] = field(default_factory=list)
    """Ids that were dropped without a verdict."""
    last_id: int = 0

    def count(self, name: str, number: int = 1) -> None:
        self.counters[name] = self.counters.get(name, 0) + number

    def arrive(self, payload: bytes = b"x" * 20, **more: int) -> int | None:
        """Queue a packet; return its id, or None if it was not taken."""
        if self.mode.value == COPY_NONE and not self.lingering:
            return None
        if len(self.waiting) >= self.settings.maxlen:
            accepted = self.settings.overflow_verdict == NF_ACCEPT
            self.count("overflow_accepted" if accepted else "overflow_dropped")
            return None
        self.last_id += 1
        length = more.pop("length", len(payload))
        packet = BatchPacket(self.last_id, payload, length)._replace(**more)  # type: ignore[arg-type]
        self.waiting[self.last_id] = Waiting(packet)
        self.count("queued")
        self.send()
        return self.last_id

    def flush(self, packet_id: int) -> None:
        """Drop a packet, as when a device goes down."""
        del self.waiting[packet_id]
        self.count("flushed")
        self.gone.append(packet_id)

    def send(self) -> None:
        """Send what was not sent yet, as far as the owner has room."""
        while self.owner and self.mode.value != COPY_NONE and self.owner.has_room():
            unsent = [entry for entry in self.waiting.values() if not entry.sent]
            if not unsent:
                return
            batch = unsent[: self.hello.max_packets]
            for entry in batch:
                entry.sent = True
                self.count("resent", entry.packet.flags & PACKET_RESENT != 0)
            self.owner.say(
                encode_packets([entry.packet for entry in batch], backlog=len(unsent) - len(batch))
            )

    def input(self, sender: "Link", data: bytes) -> None:
        """Take a datagram: its first message counts."""
        size, kind, flags, seq, portid = NLMSGHDR.unpack_from(data)
        assert size <= len(data)
        assert flags & NLM_F_REQUEST
        assert 0 < portid < 1 << 31
        code = self.refuse or self._admit(sender)
        if not code:
            try:
                code = self._take(sender, kind, seq, data, size)
            except WireError:
                code = errno.EINVAL
        if code:
            sender.say(encode_error(Error(code, kind, seq)))

    def _admit(self, sender: "Link") -> int:
        if self.owner not in (None, sender):
            return errno.EBUSY
        self.owner = sender
        return 0

    def _take(self, sender: "Link", kind: int, seq: int, data: bytes, size: int) -> int:
        if kind == wire.IPQM_HELLO:
            asked = wire.decode_hello(data, NLMSGHDR.size, size)
            self.hello = dataclasses.replace(
                asked, features=asked.features & self.features, max_verdicts=wire.MAX_VERDICTS
            )
            if not self.mute:
                answer = wire.encode_hello(self.hello, seq=seq)[NLMSGHDR.size :]
                sender.say(encode_message(wire.IPQM_HELLO, answer, seq=seq))
        elif kind == wire.IPQM_MODE:
            self.mode = decode_mode(data, NLMSGHDR.size, size)
            if self.mode.value != COPY_NONE:
                self.lingering = False
            self.send()
        elif kind == wire.IPQM_VERDICTS and self.hello.features & wire.FEATURE_VERDICTS:
            return self._decide(sender, seq, decode_verdicts(data, NLMSGHDR.size, size))
        else:
            return errno.EINVAL
        return 0

    def _decide(self, sender: "Link", seq: int, verdicts: list[BatchVerdict]) -> int:
        if any(
            verdict.code not in (*ANSWER, wire.NF_STOP)
            or 0 < len(verdict.payload) < self.header_size
            for verdict in verdicts
        ):
            return errno.EINVAL
        missing = []
        for verdict in verdicts:
            entry = self.waiting.get(verdict.packet_id)
            if entry is None or not entry.sent:
                missing.append(verdict.packet_id)
                continue
            del self.waiting[verdict.packet_id]
            self.count(ANSWER[verdict.code])
            self.decided.append(verdict)
        self.send()
        if missing:
            sender.say(encode_missing(Missing(len(missing), tuple(missing)), seq=seq))
            return errno.ENOENT
        return 0

    def release(self, sender: "Link") -> None:
        """Let go of an owner whose socket closed."""
        if self.owner is not sender:
            return
        self.owner = None
        self.lingering = self.settings.linger_ms > 0 and self.mode.value != COPY_NONE
        self.mode = CLOSED
        for entry in self.waiting.values():
            if entry.sent:
                flags = entry.packet.flags | PACKET_RESENT
                entry.packet = entry.packet._replace(flags=flags)
            entry.sent = False
        if not self.lingering:
            for packet_id in list(self.waiting):
                self.flush(packet_id)


class Link:
    """What `NetlinkSocket` is for a real module. Datagrams wait in ``inbox`` with their sender."""

    batch = 4

    def __init__(self, module: Module, *, portid: int = 4711, room: int = 64) -> None:
        self.portid = portid
        self.send_limit = 1 << 16
        self.buffer = b""
        self.inbox: deque[tuple[bytes, int]] = deque()
        self.fail_sends: list[int] = []
        """With which errno each of the next sends fails."""
        self.sends = 0
        self._module = module
        self._room = room
        # Names of interfaces are asked for over any socket.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        weakref.finalize(self, self._socket.close)

    def has_room(self) -> bool:
        return len(self.inbox) < self._room

    def size_receive_buffer(self, size: int) -> int:
        return size

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()
        self._module.release(self)

    def say(self, message: bytes, sender: int = 0) -> None:
        """Put a datagram into the socket."""
        self.inbox.append((message, sender))

    def send(self, data: bytes) -> None:
        if self.fail_sends and (code := self.fail_sends.pop(0)):
            raise OSError(code, "no")
        assert len(data) <= self.send_limit
        self.sends += 1
        self._module.input(self, data)

    def receive(self) -> list[tuple[int, int, int]]:
        """Hand out up to ``batch`` datagrams, each as start, end and sender."""
        whole = bytearray()
        places: list[tuple[int, int, int]] = []
        while self.inbox and len(places) < self.batch:
            message, sender = self.inbox.popleft()
            places.append((len(whole), len(whole) + len(message), sender))
            whole += message + bytes(-len(message) % 4)
        self.buffer = bytes(whole)
        return places


class ModuleControl:
    """What `ControlSocket` is for a real module."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self.closed = False

    def statistics(self) -> Statistics:
        module = self._module
        return Statistics(
            mode=module.mode.value,
            peer=module.owner.portid if module.owner else 0,
            lingering=module.lingering,
            length=len(module.waiting),
            backlog=sum(not entry.sent for entry in module.waiting.values()),
        )._replace(**module.counters)

    def settings(self) -> Settings:
        return self._module.settings

    def change(self, settings: Settings) -> None:
        changes = {}
        if settings.mask & SET_MAXLEN:
            changes["maxlen"] = settings.maxlen
        if settings.mask & SET_OVERFLOW:
            changes["overflow_verdict"] = settings.overflow_verdict
        if settings.mask & SET_LINGER:
            changes["linger_ms"] = settings.linger_ms
        self._module.settings = dataclasses.replace(self._module.settings, **changes)

    def close(self) -> None:
        self.closed = True
