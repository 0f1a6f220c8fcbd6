# SPDX-License-Identifier: GPL-2.0
"""That the generators' packets are right to begin with, by the validator."""

from hypothesis import given

from ..generators.packets import Fragments, Made, fragmented, wholes
from .validator import assert_network_right, assert_scapy_rebuilds, assert_transport_right


@given(wholes())
def test_whole_packets_are_right(made: Made) -> None:
    assert_network_right(made, made.data)
    if made.transport_at is not None:
        segment = made.data[made.transport_at :]
        unchecked = made.proto == 17 and segment[6:8] == b"\0\0"
        assert_transport_right(made, made.data, segment, unchecked=unchecked)
        assert_scapy_rebuilds(made, made.data)


@given(fragmented())
def test_fragments_are_right_together(cut: Fragments) -> None:
    first, later = cut.first, cut.later
    assert_network_right(first, first.data)
    assert_network_right(later, later.data)
    assert later.data.endswith(cut.rest)
    if first.transport_at is not None:
        segment = first.data[first.transport_at :] + cut.rest
        unchecked = first.proto == 17 and segment[6:8] == b"\0\0"
        assert_transport_right(first, first.data, segment, unchecked=unchecked)
