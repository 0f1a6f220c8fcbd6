# SPDX-License-Identifier: GPL-2.0
"""What the verifier refuses, and how it says so."""

import errno
import struct
from collections.abc import Callable
from typing import Any

import pytest

from qverdictd._fast import ProgramError, verify
from qverdictd.packet.numbering import FINGERPRINT, NUMBER_OF
from qverdictd.policy.lower import lower
from qverdictd.policy.program import (
    DEPTH_MAX,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    PARTS_MAX,
    RECORDS,
    SECTION,
    Edit,
    Op,
    Section,
)
from qverdictd.policy.sections import assembled
from tests.engine.policies import policy

TTL, SRC, DST = NUMBER_OF["ttl"], NUMBER_OF["src"], NUMBER_OF["dst"]
IN, MAC, PORT = NUMBER_OF["in"], NUMBER_OF["mac.src"], NUMBER_OF["port"]

#: Records of a small program by section: two rules, each kind of node and edit.
Parts = dict[Section, list[Any]]


def parts() -> Parts:
    """Return a program's records, which the verifier takes."""
    return {
        Section.RULES: [
            (9, 0, 2, 0, 0, 0, 1, 0, 1),
            (11, 2, 3, 0x10, 0xF0, 7, 3, 1, 2),
        ],
        Section.NODES: [
            (Op.IN_NUMBERS, TTL, 0, 0, 2, 0),
            (Op.IN_MASKED, NUMBER_OF["tcp.flags"], 0, 2, 0, 18),
            (Op.IN_SET, SRC, 0, 0, 0, 3),
            (Op.IN_MACS, MAC, 0, 0, 2, 0),
            (Op.IN_INTERFACES, IN, 0, 0, 2, 0),
            (Op.CONTAINS, 0, 1, 1, 0, 4),
            (Op.MATCHES, 0, 2, 0, 0, 0),
            (Op.PAYLOAD_LENGTH, 0, 0, 1, 1, 0),
            (Op.ANY, 0, 0, 0, 3, 0),
            (Op.ALL, 0, 0, 3, 6, 0),
            (Op.NOT, 0, 0, 9, 0, 0),
            (Op.ALL, 0, 0, 9, 1, 0),
        ],
        Section.CHILDREN: [(0,), (1,), (2,), (3,), (4,), (5,), (6,), (7,), (8,), (10,)],
        Section.NUMBERS: [(1, 1), (3, 9)],
        Section.SETS: [(0, 2, 0, 1), (2, 1, 1, 0)],
        Section.RANGES4: [(1, 5), (7, 9), (0, 0xFFFFFFFF)],
        Section.RANGES6: [(bytes(16), b"\xff" * 16)],
        Section.MACS: [(b"\x02\0\0\0\0\1",), (b"\x02\0\0\0\0\2",)],
        Section.INTERFACES: [(b"eth0", 4, False), (b"", 0, True)],
        Section.WINDOWS: [(0, 5)],
        Section.PATTERNS: [(1,)],
        Section.REWRITES: [
            (Edit.SET_NUMBER, TTL, 64, 0, 0, 0),
            (Edit.SET_ADDRESS, DST, 4, 0, 0, 0),
            (Edit.REPLACE, 0, 1, 0, 5, 0),
            (Edit.REPLACE_PATTERN, 0, 0, 0, 0xFFFFFFFF, 2),
            (Edit.SET_PAYLOAD, 0, 2, 0, 0, 0),
        ],
        Section.TEMPLATES: [(9, 0), (0, 2)],
        Section.STRINGS: [(0, 0), (0, 3), (3, 1), (4, 2), (6, 4)],
        Section.BYTES: [(bytes((byte,)),) for byte in b"abcxyzABCD"],
    }


def put_together(parts: Parts) -> bytes:
    packed = {kind: b"".join(RECORDS[kind].pack(*one) for one in parts[kind]) for kind in Section}
    return assembled(1, 0, packed)


def refusal(program: bytes) -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        verify(program)
    return caught.value


def test_the_program_here_is_right() -> None:
    verify(put_together(parts()))


def change(section: Section, index: int, member: int, value: Any) -> Callable[[Parts], None]:
    def changing(parts: Parts) -> None:
        record = list(parts[section][index])
        record[member] = value
        parts[section][index] = tuple(record)

    return changing


RULE, NODE, CHILD = Section.RULES, Section.NODES, Section.CHILDREN
NUMBER, SET, RANGE4 = Section.NUMBERS, Section.SETS, Section.RANGES4
INTERFACE, WINDOW, PATTERN = Section.INTERFACES, Section.WINDOWS, Section.PATTERNS
REWRITE, TEMPLATE, STRING = Section.REWRITES, Section.TEMPLATES, Section.STRINGS


@pytest.mark.parametrize(
    ("changed", "rule", "text"),
    [
        # Rules.
        (change(RULE, 0, 0, 12), 0, "node 12 of 12"),
        (change(RULE, 0, 0, 8), 0, "its condition, node 8, joins nothing"),
        (change(RULE, 1, 1, 1), 1, "rewrites 1 and 3 more of 5"),
        (change(RULE, 1, 2, 4), 1, "rewrites 2 and 4 more of 5"),
        (change(RULE, 1, 2, 2), None, "1 rewrites and 0 templates of no rule"),
        (change(RULE, 0, 3, 1), 0, "a mark without its flag"),
        (change(RULE, 1, 3, 0x110), 1, "mark 0x110 outside its mask 0xf0"),
        (change(RULE, 0, 5, 1), 0, "verdict 1, queue 1"),
        (change(RULE, 0, 6, 5), 0, "verdict 5, queue 0"),
        (change(RULE, 0, 7, 4), 0, "flags 0x4, reserved 0x0"),
        (change(RULE, 1, 8, 5), 1, "name: string 5 of 5"),
        # Nodes; each fault is laid at the rule that needs the node first.
        (change(NODE, 0, 0, 11), 0, "node 0: op 11 of 11"),
        (change(NODE, 0, 1, 200), 0, "node 0: field 200 of 25"),
        (change(NODE, 0, 1, SRC), 0, f"node 0: op {Op.IN_NUMBERS} on src"),
        (change(NODE, 0, 1, PORT), 0, f"node 0: op {Op.IN_NUMBERS} on port"),
        (change(NODE, 2, 1, TTL), 0, f"node 2: op {Op.IN_SET} on ttl"),
        (change(NODE, 5, 1, TTL), 0, f"node 5: op {Op.CONTAINS} with a field, {TTL}"),
        (change(NODE, 0, 2, 1), 0, f"node 0: op {Op.IN_NUMBERS} has what it does not use"),
        (change(NODE, 2, 4, 1), 0, f"node 2: op {Op.IN_SET} has what it does not use"),
        (change(NODE, 8, 5, 1), 0, f"node 8: op {Op.ANY} has what it does not use"),
        (change(NODE, 0, 3, 1), 0, "node 0: number 1 and 2 more of 2"),
        (change(NODE, 0, 4, 0xFFFFFFFF), 0, "node 0: number 0 and 4294967295 more of 2"),
        (change(NODE, 0, 5, 5), 0, "node 0: name: string 5 of 5"),
        (change(NODE, 1, 3, 3), 0, "node 1: value 0x3 outside its mask 0x12"),
        (change(NODE, 2, 3, 2), 0, "node 2: set 2 of 2"),
        (change(NODE, 3, 3, 1), 0, "node 3: mac 1 and 2 more of 2"),
        (change(NODE, 4, 4, 3), 0, "node 4: interfaces 0 and 3 more of 2"),
        (change(NODE, 5, 3, 0), 0, "node 5: looks for string 0, which is empty"),
        (change(NODE, 5, 3, 9), 0, "node 5: string 9 of 5"),
        (change(NODE, 5, 2, 3), 0, "node 5: flags 0x3"),
        (change(NODE, 5, 2, 0), 0, "node 5: place 4 without a flag"),
        (change(NODE, 6, 2, 1), 0, f"node 6: op {Op.MATCHES} at an offset"),
        (change(NODE, 6, 3, 1), 0, "node 6: pattern 1 of 1"),
        (change(NODE, 6, 5, 1), 0, "node 6: window 1 of 1"),
        (change(NODE, 7, 4, 2), 0, "node 7: number 1 and 2 more of 2"),
        (change(NODE, 9, 3, 2), 0, "node 9: children from 2 on, not from 3"),
        (change(NODE, 9, 4, 8), 0, "node 9: children 3 and 8 more of 10"),
        (change(NODE, 11, 4, 0), None, "1 children of no node"),
        (change(NODE, 10, 3, 10), 1, "node 10: refers to node 10, not to one before it"),
        (change(CHILD, 9, 0, 11), 1, "node 11: refers to node 11, not to one before it"),
        # What nodes refer to.
        (change(NUMBER, 1, 0, 2), 0, "node 0: number 1 breaks their order"),
        (change(NUMBER, 0, 1, 0xFFFFFFFF), 0, "node 0: number 1 breaks their order"),
        (change(NUMBER, 1, 0, 10), None, "number 1 runs backwards: 10 to 9"),
        (change(Section.MACS, 1, 0, b"\x02\0\0\0\0\1"), 0, "node 3: mac 1 breaks their order"),
        (change(SET, 1, 0, 1), None, "set 1: ranges 1 and 1 more of 3, 1 and 0 more of 1"),
        (change(SET, 0, 3, 2), None, "set 0: ranges 0 and 2 more of 3, 0 and 2 more of 1"),
        (change(SET, 1, 1, 0), None, "ranges of no set"),
        (change(RANGE4, 0, 1, 6), None, "set 0: ranges out of order"),
        (change(RANGE4, 0, 0, 6), None, "set 0: ranges out of order"),
        (change(INTERFACE, 0, 1, 3), None, "interface 0: reserved bytes are used"),
        (change(INTERFACE, 0, 1, 16), None, "interface 0: length 16, prefix 0"),
        (change(INTERFACE, 1, 2, False), None, "interface 1: length 0, prefix 0"),
        (change(WINDOW, 0, 0, 5), None, "window 0 is empty: 5 to 5"),
        (change(PATTERN, 0, 0, 5), None, "pattern 0: string 5 of 5"),
        # Rewrites.
        (change(REWRITE, 0, 0, 5), 0, f"rewrite 0: edit 5 of field {TTL} with 64, 0, 0, 0"),
        (change(REWRITE, 0, 1, 3), 0, "rewrite 0: edit 0 of field 3 with 64, 0, 0, 0"),
        (change(REWRITE, 0, 1, 77), 0, "rewrite 0: edit 0 of field 77 with 64, 0, 0, 0"),
        (change(REWRITE, 0, 2, 256), 0, f"rewrite 0: edit 0 of field {TTL} with 256, 0, 0, 0"),
        (change(REWRITE, 1, 1, TTL), 0, f"rewrite 1: edit 1 of field {TTL} with 4, 0, 0, 0"),
        (change(REWRITE, 1, 2, 3), 0, f"rewrite 1: edit 1 of field {DST} with 3, 0, 0, 0"),
        (change(REWRITE, 2, 2, 0), 1, "rewrite 2: edit 2 of field 0 with 0, 0, 5, 0"),
        (change(REWRITE, 2, 3, 5), 1, "rewrite 2: edit 2 of field 0 with 1, 5, 5, 0"),
        (change(REWRITE, 2, 4, 0), 1, "rewrite 2: edit 2 of field 0 with 1, 0, 0, 0"),
        (change(REWRITE, 3, 2, 1), 1, "rewrite 3: pattern 1 of 1"),
        (change(REWRITE, 3, 5, 3), 1, "rewrite 3: templates 0 and 3 more of 2"),
        (change(REWRITE, 4, 4, 1), 1, "rewrite 4: edit 4 of field 0 with 2, 0, 1, 0"),
        (change(TEMPLATE, 0, 0, 10), 1, "template 0: group 10, string 0"),
        (change(TEMPLATE, 0, 1, 1), 1, "template 0: group 9, string 1"),
        (change(TEMPLATE, 1, 1, 5), 1, "template 1: group 0, string 5"),
        # Strings.
        (change(STRING, 0, 1, 1), None, "string 0 is not the empty one"),
        (change(STRING, 3, 1, 7), None, "string 3: 7 bytes at 4 of 10"),
        (change(STRING, 3, 0, 0xFFFFFFFF), None, "string 3: 2 bytes at 4294967295 of 10"),
    ],
)
def test_each_number_is_checked(
    changed: Callable[[Parts], None], rule: int | None, text: str
) -> None:
    broken = parts()
    changed(broken)
    refused = refusal(put_together(broken))
    assert (refused.rule, refused.text, refused.error) == (rule, text, errno.EINVAL)


_HIGHEST = 2**128 - 1


@pytest.mark.parametrize(
    ("ranges", "good"),
    [
        ([(0, _HIGHEST)], True),
        ([(5, 5), (7, 9)], True),
        ([(0x100FF, 0x1FFFF), (0x20001, 0x20001)], True),
        ([(5, 5), (6, 9)], False),
        ([(0x100FF, 0x1FFFF), (0x20000, 0x20001)], False),
        ([(5, 7), (7, 9)], False),
        ([(7, 9), (5, 5)], False),
        ([(7, 6)], False),
        ([(5, _HIGHEST), (7, 9)], False),
    ],
)
def test_ipv6_ranges_are_sorted_and_apart(ranges: list[tuple[int, int]], good: bool) -> None:
    records = parts()
    records[SET] = [(0, 0, 0, len(ranges))]
    records[RANGE4] = []
    records[Section.RANGES6] = [(low.to_bytes(16), high.to_bytes(16)) for low, high in ranges]
    if good:
        verify(put_together(records))
    else:
        assert refusal(put_together(records)).text == "set 0: ranges out of order"


def patched(offset: int, layout: str, value: int) -> bytes:
    program = bytearray(put_together(parts()))
    struct.pack_into(layout, program, offset, value)
    return bytes(program)


_SIZE = len(put_together(parts()))


@pytest.mark.parametrize(
    ("offset", "layout", "value", "text"),
    [
        (0, "=I", 0, "no program: it begins with 0x00000000"),
        (0, ">I", MAGIC, "no program: it begins with 0x31505651"),
        (4, "=H", 2, "version 2 of programs, not 1"),
        (6, "=B", 2, "verdict 2 by default, 0 on an error"),
        (7, "=B", 4, "verdict 1 by default, 4 on an error"),
        (8, "=Q", _SIZE + 1, f"{_SIZE} bytes of {_SIZE + 1}"),
        (16, "=I", FINGERPRINT ^ 1, f"made for another table of fields: 0x{FINGERPRINT ^ 1:08x}"),
        (20, "=I", 1, "reserved bytes of the header are used"),
        (24, "=Q", 256, f"rules at byte 256, not 264 of {_SIZE}"),
        (32, "=Q", 1 << 40, "1099511627776 rules do not fit"),
        (32, "=Q", 0xFFFFFFFFFFFFFFFF, "18446744073709551615 rules do not fit"),
        (32, "=Q", 3, f"nodes at byte 328, not 360 of {_SIZE}"),
        (248, "=Q", 1 << 63, f"bytes at byte 9223372036854775808, not 904 of {_SIZE}"),
        (256, "=Q", 9, f"ends at byte {_SIZE - 1} of {_SIZE}"),
    ],
)
def test_the_layout_is_checked(offset: int, layout: str, value: int, text: str) -> None:
    assert refusal(patched(offset, layout, value)).text == text


def test_gaps_are_empty() -> None:
    program = put_together(parts())
    offset, count = SECTION.unpack_from(program, HEADER.size + Section.TEMPLATES * SECTION.size)
    gap = offset - 4  # rewrites have 20 bytes
    assert program[gap:offset] == bytes(4)
    broken = program[:gap] + b"\0\0\0\1" + program[offset:]
    assert refusal(broken).text == "bytes before the templates are used"
    assert count == 2


@pytest.mark.parametrize("size", [0, 1, HEADER_SIZE - 1])
def test_what_is_shorter_than_a_header_is_no_program(size: int) -> None:
    assert refusal(put_together(parts())[:size]).text == f"{size} bytes are no program"


def test_every_cut_is_noticed() -> None:
    program = lower(policy("rules: [{name: r, match: {dport: 80}}]"))
    for size in range(len(program)):
        cut = program[:size]
        refusal(cut)
        if size >= HEADER.size:
            refusal(cut[:8] + size.to_bytes(8, "little") + cut[16:])


def chain(levels: int, children: int) -> Parts:
    """Return a rule with joins of joins, each the one before several times."""
    records: Parts = {kind: [] for kind in Section}
    records[STRING] = [(0, 0)]
    records[NODE] = [(Op.ALL, 0, 0, 0, 0, 0)]
    for level in range(1, levels):
        records[NODE].append((Op.ALL, 0, 0, len(records[CHILD]), children, 0))
        records[CHILD] += [(level - 1,)] * children
    records[RULE] = [(levels - 1, 0, 0, 0, 0, 0, 1, 0, 0)]
    return records


def test_depth_is_bounded() -> None:
    verify(put_together(chain(DEPTH_MAX, 1)))
    refused = refusal(put_together(chain(DEPTH_MAX + 1, 1)))
    assert (refused.rule, refused.text) == (0, f"node {DEPTH_MAX}: deeper than {DEPTH_MAX}")


def test_shared_nodes_do_not_multiply_without_bound() -> None:
    verify(put_together(chain(24, 2)))  # 2 ** 24 - 1 parts
    for levels in (25, 40, 100):
        refused = refusal(put_together(chain(levels, 2)))
        assert (refused.rule, refused.error) == (0, errno.E2BIG)
        assert refused.text == f"the conditions up to here have more than {PARTS_MAX} parts"


def test_shared_conditions_add_up_over_rules() -> None:
    records = chain(23, 2)  # 2 ** 23 - 1 parts: twice is fine
    records[RULE] *= 2
    verify(put_together(records))
    records[RULE] *= 2
    assert refusal(put_together(records)).rule == 2
