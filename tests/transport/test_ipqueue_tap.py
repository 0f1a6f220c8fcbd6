# SPDX-License-Identifier: GPL-2.0
"""The tap's reader: records in their order, and how many are missing."""

from qverdictd.transport.ipqueue_tap import TapReader
from qverdictd.wire.ipqueue_tap import TapRecord, encode_tap
from qverdictd.wire.netlink import encode_message

from .ipqueue_module import Link, Module


def record(number: int) -> TapRecord:
    addresses = (bytes(16), bytes(16))
    return TapRecord._make([number, *range(6), *addresses, *range(10)])


def test_records_in_order_and_the_lost_ones_counted() -> None:
    link = Link(Module())
    tap = TapReader(link)
    assert tap.read() == (0, [])
    link.say(encode_tap(1000, [record(0), record(1)]))  # others listened before us
    link.say(encode_tap(1002, [record(2)]))
    assert tap.read() == (0, [record(0), record(1), record(2)])
    link.say(encode_tap(1008, [record(8)]))
    link.say(encode_tap(1010, [record(10)]))
    assert tap.read() == (6, [record(8), record(10)])
    link.say(encode_tap(1011, [record(11)]))
    assert tap.read() == (0, [record(11)])


def test_what_is_no_record_of_the_modules_is_not_shown_but_missed() -> None:
    link = Link(Module())
    tap = TapReader(link)
    link.say(encode_tap(0, [record(0)]))
    link.say(encode_tap(1, [record(1)]), sender=4711)
    link.say(encode_tap(1, [record(1)])[:-8])
    link.say(b"junk")
    assert tap.read() == (0, [record(0)])
    link.say(encode_message(0x25, bytes(20)))
    link.say(encode_message(0x21, encode_tap(2, [record(2)])[16:]))
    link.say(encode_tap(3, [record(3)]))
    assert tap.read() == (2, [record(3)])
