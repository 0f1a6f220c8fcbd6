# SPDX-License-Identifier: GPL-2.0
"""What NFQUEUE is told: the configuration of a queue, and verdicts.

Constants and structures are those of ``linux/netfilter/nfnetlink_queue.h`` and
``linux/netfilter/nfnetlink.h``; the values in attributes are in network byte order.
"""

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from qverdictd.errors import WireError
from qverdictd.wire.cursor import Cursor
from qverdictd.wire.netlink import (
    NLATTR,
    NLM_F_ACK,
    NLM_F_REQUEST,
    NLMSGHDR,
    align,
    attributes,
    encode_attribute,
    encode_message,
)

NFNL_SUBSYS_QUEUE = 3
MSG_PACKET = NFNL_SUBSYS_QUEUE << 8 | 0
MSG_VERDICT = NFNL_SUBSYS_QUEUE << 8 | 1
MSG_CONFIG = NFNL_SUBSYS_QUEUE << 8 | 2
MSG_VERDICT_BATCH = NFNL_SUBSYS_QUEUE << 8 | 3
"""One verdict for all packets up to an id. Native workers send it with the number of packets as the
port id in its header, which the kernel does not look at and repeats in errors."""

# enum nfqnl_attr_type: what verdicts have; a packet's are in packet_message.py
NFQA_VERDICT_HDR = 2
NFQA_MARK = 3
NFQA_PAYLOAD = 10

# enum nfqnl_attr_config
NFQA_CFG_CMD = 1
NFQA_CFG_PARAMS = 2
NFQA_CFG_QUEUE_MAXLEN = 3
NFQA_CFG_MASK = 4
NFQA_CFG_FLAGS = 5

CMD_BIND = 1
CMD_UNBIND = 2
COPY_PACKET = 2

F_FAIL_OPEN = 1 << 0
F_GSO = 1 << 2
F_UID_GID = 1 << 3

COPY_RANGE_MAX = 0xFFFF - NLATTR.size
"""The most bytes of a packet that fit into its attribute; the kernel takes no more."""

# linux/netfilter.h
NF_DROP = 0
NF_ACCEPT = 1
NF_QUEUE = 3
NF_REPEAT = 4
NF_VERDICT_QUEUE_SHIFT = 16
"""Where in a verdict of NF_QUEUE the other queue's number starts."""

NFGENMSG = Struct(">BBH")
"""``struct nfgenmsg``: family, version, queue (there ``res_id``)."""

BE32 = Struct(">I")
_CMD = Struct(">BxH")
_PARAMS = Struct(">IB")
_VERDICT_HDR = Struct(">II")


@dataclass(frozen=True, slots=True)
class Config:
    """A change to a queue, all of it in one message: the kernel does all of it or nothing."""

    bind: bool = False
    """Take the queue for the socket that sends this."""
    unbind: bool = False
    """Give the queue back; the kernel drops what waits in it."""
    copy_range: int | None = None
    """Bytes of each packet to copy, up to `COPY_RANGE_MAX`."""
    max_length: int | None = None
    """Packets that may wait for a verdict; the kernel drops what comes past them."""
    flags: int | None = None
    """Which of ``mask`` to switch on."""
    mask: int | None = None
    """Which ``F_`` flags to change."""


def encode_config(queue: int, seq: int, config: Config) -> bytes:
    """Return the message that asks the kernel for ``config`` and for an acknowledgement."""
    body = NFGENMSG.pack(0, 0, queue)
    if config.bind or config.unbind:
        command = CMD_BIND if config.bind else CMD_UNBIND
        body += encode_attribute(NFQA_CFG_CMD, _CMD.pack(command, 0))
    if config.copy_range is not None:
        body += encode_attribute(NFQA_CFG_PARAMS, _PARAMS.pack(config.copy_range, COPY_PACKET))
    for kind, value in (
        (NFQA_CFG_QUEUE_MAXLEN, config.max_length),
        (NFQA_CFG_FLAGS, config.flags),
        (NFQA_CFG_MASK, config.mask),
    ):
        if value is not None:
            body += encode_attribute(kind, BE32.pack(value))
    return encode_message(MSG_CONFIG, body, flags=NLM_F_REQUEST | NLM_F_ACK, seq=seq)


def decode_config(message: bytes) -> tuple[int, int, Config]:
    """Return the queue, the sequence number and what is asked. Raises `WireError`."""
    cursor, seq, queue = _open(message, MSG_CONFIG)
    bind = unbind = False
    copy_range = max_length = flags = mask = None
    for kind, value in attributes(cursor):
        if kind == NFQA_CFG_CMD:
            command, _family = value.read(_CMD)
            if command not in (CMD_BIND, CMD_UNBIND):
                raise WireError(f"config command {command}, which is neither BIND nor UNBIND")
            bind, unbind = command == CMD_BIND, command == CMD_UNBIND
        elif kind == NFQA_CFG_PARAMS:
            copy_range, mode = value.read(_PARAMS)
            if mode != COPY_PACKET:
                raise WireError(f"copy mode {mode}, which does not copy packets")
        elif kind == NFQA_CFG_QUEUE_MAXLEN:
            (max_length,) = value.read(BE32)
        elif kind == NFQA_CFG_FLAGS:
            (flags,) = value.read(BE32)
        elif kind == NFQA_CFG_MASK:
            (mask,) = value.read(BE32)
        else:
            raise WireError(f"config attribute {kind}, which is unknown")
    return queue, seq, Config(bind, unbind, copy_range, max_length, flags, mask)


class Verdict(NamedTuple):
    """What the kernel is told to do with one packet."""

    packet_id: int
    code: int
    """One of ``NF_``; with NF_QUEUE the other queue's number in the upper 16 bits."""
    mark: int | None = None
    """The packet's new mark; None: as it is."""
    payload: bytes | None = None
    """The packet's new bytes, from the network header on; None: as they are."""


class VerdictEncoder:
    """Makes the verdict messages of one queue.

    A message's sequence number is its packet's id, so that an error that comes back names the
    packet. It asks for no acknowledgement: the kernel answers only a verdict that fails.
    """

    # nlmsghdr, nfgenmsg, the verdict header's nlattr, verdict and id: what every verdict starts
    # with, and all that most consist of. One call packs it; what is in network order is bytes.
    _START = Struct("=IHHII4sHH4s4s")

    def __init__(self, queue: int) -> None:
        self._nfgenmsg = NFGENMSG.pack(0, 0, queue)

    def encode(
        self, packet_id: int, code: int, mark: int | None = None, payload: bytes | None = None
    ) -> bytes:
        """Return the message of one verdict (the arguments are the fields of `Verdict`)."""
        more = b""
        if mark is not None:
            more = encode_attribute(NFQA_MARK, BE32.pack(mark))
        if payload is not None:
            more += encode_attribute(NFQA_PAYLOAD, payload)
        start = self._START.pack(
            self._START.size + len(more),
            MSG_VERDICT,
            NLM_F_REQUEST,
            packet_id,
            0,
            self._nfgenmsg,
            NLATTR.size + _VERDICT_HDR.size,
            NFQA_VERDICT_HDR,
            code.to_bytes(4, "big"),
            packet_id.to_bytes(4, "big"),
        )
        return start + more if more else start


def encode_batch_verdict(queue: int, seq: int, packet_id: int, code: int) -> bytes:
    """Return the message that gives all packets of ``queue`` up to ``packet_id`` one verdict."""
    body = NFGENMSG.pack(0, 0, queue)
    body += encode_attribute(NFQA_VERDICT_HDR, _VERDICT_HDR.pack(code, packet_id))
    return encode_message(MSG_VERDICT_BATCH, body, flags=NLM_F_REQUEST, seq=seq)


def decode_batch_verdict(message: bytes) -> tuple[int, int, int]:
    """Return the queue, the last packet's id and the verdict's code. Raises `WireError`."""
    cursor, _seq, queue = _open(message, MSG_VERDICT_BATCH)
    found = None
    for kind, value in attributes(cursor):
        if kind != NFQA_VERDICT_HDR:
            raise WireError(f"batch verdict attribute {kind}, which is unknown")
        found = value.read(_VERDICT_HDR)
    if found is None:
        raise WireError("a batch verdict without its header")
    code, packet_id = found
    return queue, packet_id, code


def decode_verdict(message: bytes) -> tuple[int, Verdict]:
    """Return the queue and the verdict. Raises `WireError`."""
    cursor, seq, queue = _open(message, MSG_VERDICT)
    code = packet_id = mark = payload = None
    for kind, value in attributes(cursor):
        if kind == NFQA_VERDICT_HDR:
            code, packet_id = value.read(_VERDICT_HDR)
        elif kind == NFQA_MARK:
            (mark,) = value.read(BE32)
        elif kind == NFQA_PAYLOAD:
            payload = value.rest()
        else:
            raise WireError(f"verdict attribute {kind}, which is unknown")
    if code is None or packet_id is None:
        raise WireError("a verdict without its header")
    if seq != packet_id:
        raise WireError(f"the verdict of packet {packet_id} has the sequence number {seq}")
    return queue, Verdict(packet_id, code, mark, payload)


def _open(message: bytes, wanted: int) -> tuple[Cursor, int, int]:
    """Check one whole message's headers; return a cursor on its attributes, its seq and queue."""
    cursor = Cursor(message)
    size, kind, _flags, seq, _portid = cursor.read(NLMSGHDR)
    if kind != wanted or align(size) != len(message):
        raise WireError(f"type {kind} of {size} bytes, not {wanted} of {len(message)}")
    _family, _version, queue = cursor.read(NFGENMSG)
    return cursor, seq, queue
