# SPDX-License-Identifier: GPL-2.0
"""Captures made by hand, from the formats' descriptions and not from the reader under test."""

import struct

MAC = bytes.fromhex("02005e100001")
ARP = bytes.fromhex("0001080006040001") + MAC + bytes(10) + bytes(4)

IPV4 = (
    bytes.fromhex("45000021 00010000 40110000 c6336407 c0000201".replace(" ", ""))
    + struct.pack("!HHHH", 40112, 53, 13, 0)
    + b"query"
)
IPV6 = (
    bytes.fromhex("6000000000")
    + b"\x0d\x11\x40"
    + bytes.fromhex("20010db8000000000000000000000007")
    + bytes.fromhex("20010db8000000000000000000000001")
    + struct.pack("!HHHH", 40112, 53, 13, 0)
    + b"query"
)
assert len(IPV4) == 33
assert len(IPV6) == 40 + 13


def ethernet(ethertype: int, *tags: int) -> bytes:
    """Make an Ethernet header from `MAC`, with a tag of each TPID given."""
    tagged = b"".join(struct.pack("!HH", tpid, 100) for tpid in tags)
    return bytes.fromhex("02005e100002") + MAC + tagged + struct.pack("!H", ethertype)


def cooked(protocol: int, arphrd: int = 1) -> bytes:
    """Make a LINKTYPE_LINUX_SLL header from `MAC`."""
    return struct.pack("!HHH", 0, arphrd, 6) + MAC + bytes(2) + struct.pack("!H", protocol)


def cooked2(protocol: int, arphrd: int = 1) -> bytes:
    """Make a LINKTYPE_LINUX_SLL2 header from `MAC`."""
    return struct.pack("!HHIHBB", protocol, 0, 2, arphrd, 0, 6) + MAC + bytes(2)


FRAME = ethernet(0x0800) + IPV4
ARP_FRAME = ethernet(0x0806) + ARP

#: For each link type: headers of IPv4, IPv6 and of something else (None: it cannot say so), and
#: whether it has a hardware address.
HEADERS: dict[str, tuple[int, bytes, bytes, bytes | None, bool]] = {
    "ethernet": (1, ethernet(0x0800), ethernet(0x86DD), ethernet(0x0806), True),
    "vlan": (
        1,
        ethernet(0x0800, 0x8100),
        ethernet(0x86DD, 0x8100),
        ethernet(0x0806, 0x8100),
        True,
    ),
    "qinq": (
        1,
        ethernet(0x0800, 0x88A8, 0x8100),
        ethernet(0x86DD, 0x9100, 0x8100, 0x8100),
        ethernet(0x0806, 0x88A8, 0x8100),
        True,
    ),
    "raw": (101, b"", b"", None, False),
    "raw-12": (12, b"", b"", None, False),
    "raw-14": (14, b"", b"", None, False),
    "cooked": (113, cooked(0x0800), cooked(0x86DD), cooked(0x0806), True),
    "cooked-vlan": (
        113,
        cooked(0x8100) + b"\0\x64\x08\x00",
        cooked(0x88A8) + b"\0\x64\x81\x00\0\x65\x86\xdd",
        cooked(0x8100) + b"\0\x64\x08\x06",
        True,
    ),
    "cooked2": (276, cooked2(0x0800), cooked2(0x86DD), cooked2(0x0806), True),
    "cooked2-vlan": (
        276,
        cooked2(0x8100) + b"\0\x64\x08\x00",
        cooked2(0x88A8) + b"\0\x64\x81\x00\0\x65\x86\xdd",
        cooked2(0x8100) + b"\0\x64\x08\x06",
        True,
    ),
    "loopback-little": (0, b"\2\0\0\0", b"\x1e\0\0\0", b"\7\0\0\0", False),
    "loopback-big": (0, b"\0\0\0\2", b"\0\0\0\x1c", b"\0\0\0\7", False),
    "loopback-openbsd": (108, b"\0\0\0\2", b"\0\0\0\x18", b"\2\0\0\0", False),
}


def pcap_header(link: int, order: str = "<", *, nano: bool = False) -> bytes:
    """Make a pcap file's header."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)


def pcap_record(data: bytes, order: str = "<", *, length: int | None = None, n: int = 0) -> bytes:
    """Make a pcap record of second 1,700,000,000 + n and 123,456 ticks."""
    on_wire = len(data) if length is None else length
    return struct.pack(order + "IIII", 1_700_000_000 + n, 123_456, len(data), on_wire) + data


def pcap(link: int, *frames: bytes, order: str = "<", nano: bool = False) -> bytes:
    """Make a whole pcap file."""
    records = (pcap_record(frame, order, n=n) for n, frame in enumerate(frames))
    return pcap_header(link, order, nano=nano) + b"".join(records)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """Make a pcapng block around a body, which is padded to 32 bits."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    """Make a Section Header Block of unknown section length."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int, order: str = "<", *, snaplen: int = 0, tsresol: int = 6) -> bytes:
    """Make an Interface Description Block with an if_tsresol option."""
    options = struct.pack(order + "HHB3xHH", 9, 1, tsresol, 0, 0)
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order)


def enhanced(
    data: bytes, order: str = "<", *, on: int = 0, ticks: int = 0, length: int | None = None
) -> bytes:
    """Make an Enhanced Packet Block."""
    on_wire = len(data) if length is None else length
    head = struct.pack(order + "IIIII", on, ticks >> 32, ticks & 0xFFFFFFFF, len(data), on_wire)
    return block(6, head + data, order)


def simple(data: bytes, order: str = "<", *, length: int | None = None) -> bytes:
    """Make a Simple Packet Block."""
    on_wire = len(data) if length is None else length
    return block(3, struct.pack(order + "I", on_wire) + data, order)
