# SPDX-License-Identifier: GPL-2.0
"""A scripted kernel behind a queue's socket: for what a real one does too seldom to be tested."""

import errno
import socket
from collections import deque

from qverdictd.wire.netlink import NLMSGHDR, Error, encode_error
from qverdictd.wire.nfnetlink_queue import (
    MSG_CONFIG,
    Config,
    Verdict,
    decode_config,
    decode_verdict,
)
from qverdictd.wire.packet_message import SLACK, PacketMessage, encode_packet


class ScriptedKernel:
    """What `NetlinkSocket` is for a real one. Datagrams wait in ``inbox`` with their sender."""

    send_limit = 1 << 16

    def __init__(self) -> None:
        self.buffer = b""
        self.inbox: deque[tuple[bytes, int]] = deque()
        self.configs: list[Config] = []
        self.verdicts: list[Verdict] = []
        self.known_flags = 0xFFFF_FFFF
        self.refuse = 0
        """With which errno every configuration message is refused."""
        self.lose_answers = 0
        """How many answers get lost."""
        self.before_answer: list[bytes] = []
        """Datagrams that overtake the next answer."""
        self.batch = 8
        # Names of interfaces are asked for over any socket.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def fileno(self) -> int:
        """Return a descriptor that can be asked for names of interfaces."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the descriptor."""
        self._socket.close()

    def say(self, message: bytes, sender: int = 0) -> None:
        """Put a datagram into the socket."""
        self.inbox.append((message, sender))

    def queue(self, packet_id: int, payload: bytes = b"x") -> None:
        """Put a packet into the socket."""
        self.say(packet(packet_id, payload))

    def receive(self) -> list[tuple[int, int, int]]:
        """Hand out up to ``batch`` datagrams, each as start, end and sender."""
        whole = bytearray()
        places: list[tuple[int, int, int]] = []
        while self.inbox and len(places) < self.batch:
            message, sender = self.inbox.popleft()
            places.append((len(whole), len(whole) + len(message), sender))
            whole += message + bytes(-len(message) % 4)
        self.buffer = bytes(whole) + b"\xff" * SLACK
        return places

    def send(self, data: bytes) -> None:
        """Take messages as they come; answer those of configuration."""
        while data:
            size, kind, *_ = NLMSGHDR.unpack_from(data)
            size += -size % 4
            message, data = data[:size], data[size:]
            if kind == MSG_CONFIG:
                self._configure(message)
            else:
                self.verdicts.append(decode_verdict(message)[1])

    def _configure(self, message: bytes) -> None:
        _queue, seq, config = decode_config(message)
        self.configs.append(config)
        code = self.refuse
        if (config.flags or 0) & ~self.known_flags:
            code = errno.EOPNOTSUPP
        for datagram in self.before_answer:
            self.say(datagram)
        self.before_answer.clear()
        if self.lose_answers:
            self.lose_answers -= 1
        else:
            self.say(encode_error(Error(code, MSG_CONFIG, seq)))


def packet(packet_id: int, payload: bytes = b"x", **more: int) -> bytes:
    """Return a packet's message."""
    fields = {"family": 2, "hw_protocol": 0x0800, "hook": 2, "length": len(payload), **more}
    message = PacketMessage(packet_id=packet_id, payload=payload, **fields)  # type: ignore[arg-type]
    return encode_packet(0, message)
