# SPDX-License-Identifier: GPL-2.0
"""Where each link type's frames hold their network packet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Ether, Loopback

from qverdictd.packet.raw import AF_INET, AF_INET6
from qverdictd.transport.linktype import LINK_TYPES, Network, known

from .captures import HEADERS, IPV4, IPV6, MAC, cooked, cooked2, ethernet


@pytest.mark.parametrize("kind", HEADERS)
def test_hand_made_headers(kind: str) -> None:
    link, header4, header6, header_other, has_mac = HEADERS[kind]
    locate = LINK_TYPES[link].locate
    mac = MAC if has_mac else None
    assert locate(header4 + IPV4) == Network(len(header4), AF_INET, mac)
    assert locate(header6 + IPV6) == Network(len(header6), AF_INET6, mac)
    if header_other is not None:
        assert locate(header_other + IPV4) is None


@pytest.mark.parametrize("kind", HEADERS)
def test_a_cut_header_holds_no_packet_and_a_cut_packet_still_has_its_place(kind: str) -> None:
    link, header, _, _, has_mac = HEADERS[kind]
    locate = LINK_TYPES[link].locate
    for end in range(len(header)):
        assert locate(header[:end]) is None
    for end in range(1 if link in (12, 14, 101) else 0, len(IPV4)):
        found = locate(header + IPV4[:end])
        assert found == Network(len(header), AF_INET, MAC if has_mac else None)


@pytest.mark.parametrize(
    ("link", "frame", "network"),
    [
        (1, Ether(src="02:00:5e:10:00:01") / IP() / UDP(), IP),
        (1, Ether(src="02:00:5e:10:00:01") / Dot1Q() / IPv6() / UDP(), IPv6),
        (1, Ether(src="02:00:5e:10:00:01") / Dot1AD() / Dot1Q() / IP() / UDP(), IP),
        (113, CookedLinux(src=MAC, lladdrlen=6) / IP() / UDP(), IP),
        (113, CookedLinux(src=MAC, lladdrlen=6) / IPv6() / UDP(), IPv6),
        (276, CookedLinuxV2(src=MAC, lladdrlen=6) / IP() / UDP(), IP),
        (276, CookedLinuxV2(src=MAC, lladdrlen=6) / IPv6() / UDP(), IPv6),
        (0, Loopback() / IP() / UDP(), IP),
    ],
    ids=lambda value: getattr(value, "__name__", "") if isinstance(value, type) else None,
)
def test_frames_that_scapy_makes(link: int, frame: Ether, network: type) -> None:
    found = LINK_TYPES[link].locate(bytes(frame))
    assert found is not None
    assert bytes(frame)[found.offset :] == bytes(frame[network])
    assert found.family == (AF_INET if network is IP else AF_INET6)
    assert found.mac == (None if link == 0 else MAC)


@pytest.mark.parametrize("frame", [Ether() / ARP(), Ether() / Dot1Q() / ARP(), b"\xff" * 60])
def test_what_is_not_ip_holds_no_packet(frame: bytes) -> None:
    assert LINK_TYPES[1].locate(bytes(frame)) is None


def test_a_raw_packet_of_no_version_is_still_a_packet() -> None:
    """It claims to be IP: it must be judged (on_error), not waved through."""
    for frame in (b"", b"\x50" + IPV4[1:], b"\x00"):
        assert LINK_TYPES[101].locate(frame) == Network(0, 0)
    assert LINK_TYPES[228].locate(b"\x60") == Network(0, AF_INET)
    assert LINK_TYPES[229].locate(b"\x45") == Network(0, AF_INET6)


def test_cooked_frames_without_an_ethertype() -> None:
    """The protocol of a netlink or radiotap capture is no EtherType, even when it looks so."""
    for arphrd in (770, 803, 824):
        assert LINK_TYPES[113].locate(cooked(0x0800, arphrd) + IPV4) is None
        assert LINK_TYPES[276].locate(cooked2(0x0800, arphrd) + IPV4) is None


def test_cooked_frames_without_a_hardware_address() -> None:
    none = bytearray(cooked(0x0800, 772))
    none[5] = 0
    assert LINK_TYPES[113].locate(bytes(none) + IPV4) == Network(16, AF_INET)
    none = bytearray(cooked2(0x0800, 772))
    none[11] = 0
    assert LINK_TYPES[276].locate(bytes(none) + IPV4) == Network(20, AF_INET)


def test_openbsd_loopback_is_in_network_byte_order_only() -> None:
    assert LINK_TYPES[108].locate(b"\2\0\0\0" + IPV4) is None


def test_tags_without_end() -> None:
    assert LINK_TYPES[1].locate(ethernet(0x0800, *[0x8100] * 16000)) is not None
    assert LINK_TYPES[1].locate(b"\x81\x00" * 130_000) is None


@given(st.sampled_from(sorted(LINK_TYPES)), st.binary(max_size=64))
def test_any_bytes_are_located_inside_the_frame_or_not_at_all(link: int, frame: bytes) -> None:
    found = LINK_TYPES[link].locate(frame)
    if found is not None:
        assert 0 <= found.offset <= len(frame)
        assert found.mac is None or len(found.mac) == 6


def test_known_names_every_number() -> None:
    assert all(f"{number} (" in known() for number in LINK_TYPES)
