# SPDX-License-Identifier: GPL-2.0
"""The decoder against scapy's dissection of the same bytes, and against what is malformed."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from qverdictd.packet.decode import MalformedError, UnsupportedError, decode
from qverdictd.packet.fields import FIELDS, Layer
from qverdictd.packet.raw import AF_INET, AF_INET6, RawPacket
from qverdictd.packet.readers import READERS
from qverdictd.packet.value import Missing

from ..generators import pools
from ..generators.packets import Made, known_to_kernel, packets, wholes
from ..generators.transports import tcp
from .seen import seen, value_of

_OF_PACKET = [name for name in READERS if FIELDS[name].layer is not Layer.KERNEL]


@given(packets)
def test_every_field_is_what_scapy_sees(made: Made) -> None:
    packet = decode(made.raw())
    found = seen(made.data, made.family)
    assert found.get("proto", made.proto) == made.proto
    if made.transport_at is not None:
        assert packet.transport_at == made.transport_at
    assert packet.fragment == made.fragment
    unsure = {name for name, value in found.items() if value is Missing.UNKNOWN}
    got = {name: packet[name] for name in _OF_PACKET if name not in unsure}
    assert got == {name: value_of(found, name) for name in got}


@given(wholes(tcp()))
def test_payload_and_options_are_apart(made: Made) -> None:
    payload = decode(made.raw())["payload"]
    assert payload == (made.payload, len(made.payload))


@given(packets, known_to_kernel)
def test_what_the_kernel_knows_is_passed_on(made: Made, known: dict[str, object]) -> None:
    packet = decode(made.raw(**known))
    names = {"in": "indev", "out": "outdev", "mac.src": "mac"}
    for name, field in FIELDS.items():
        if field.layer is Layer.KERNEL:
            default = 0 if name == "mark" else Missing.ABSENT
            assert packet[name] == known.get(names.get(name, name), default)


def test_a_hardware_address_of_another_length_is_none() -> None:
    raw = RawPacket(1, bytes.fromhex("45000014") + bytes(16), 20, AF_INET, mac=bytes(8))
    assert decode(raw)["mac.src"] is Missing.ABSENT


@given(packets, st.binary(min_size=1, max_size=8))
def test_bytes_after_the_packets_own_end_change_nothing(made: Made, padding: bytes) -> None:
    data = made.data + padding
    bare, padded = decode(made.raw()), decode(RawPacket(1, data, len(data), made.family))
    assert [padded[name] for name in _OF_PACKET] == [bare[name] for name in _OF_PACKET]
    assert not padded.cut


def _decoded_or_refused(data: bytes, length: int, family: int, *, gso: bool = False) -> None:
    try:
        packet = decode(RawPacket(1, data, length, family, gso=gso))
    except (MalformedError, UnsupportedError):
        return
    for name in _OF_PACKET:
        assert packet[name] is not None


@given(
    st.binary(max_size=200),
    st.integers(0, 1 << 18),
    st.sampled_from((AF_INET, AF_INET6, 0, 7)),
    st.booleans(),
)
def test_random_bytes_are_decoded_or_refused(
    data: bytes, hidden: int, family: int, gso: bool
) -> None:
    _decoded_or_refused(data, len(data) + hidden, family, gso=gso)
    version = b"\x45" if family == AF_INET else b"\x60"
    _decoded_or_refused(version + data, 1 + len(data) + hidden, family, gso=gso)


@given(
    packets,
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 150),
)
def test_mutated_packets_are_decoded_or_refused(
    made: Made, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(made.data)
    for at, value in changes:
        data[at % len(data)] = value
    _decoded_or_refused(bytes(data), len(data), made.family)
    _decoded_or_refused(bytes(data[:cut]), len(data), made.family)


@given(wholes(tcp()), st.sampled_from(pools.MARKS))
def test_values_are_read_once(made: Made, mark: int) -> None:
    packet = decode(made.raw(mark=mark))
    assert packet["sport"] is packet["sport"]
    assert dict(packet) == {"sport": packet["sport"]}


def test_the_longest_chain_of_headers_takes_little_memory() -> None:
    # As many extension headers as a packet holds: each walks eight bytes on.
    chain = bytes((60, 0, 1, 4, 0, 0, 0, 0)) * (65528 // 8)
    data = bytes.fromhex("60000000") + len(chain).to_bytes(2, "big") + b"\x3c\x40" + bytes(32)
    data += chain[:-8] + bytes((59, *chain[-7:]))
    tracemalloc.start()
    packet = decode(RawPacket(1, data, len(data), AF_INET6))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert packet["proto"] == 59
    assert most < 20_000
