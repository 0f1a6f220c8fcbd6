# SPDX-License-Identifier: GPL-2.0
"""The program's format: the records of ``daemon/fast/program.h``, where each is explained."""

import enum
import struct

from qverdictd.action.decision import Verdict

MAGIC = 0x51565031
VERSION = 1
DEPTH_MAX = 128
PARTS_MAX = 1 << 24
INTERFACE_SIZE = 16
NO_NAME = 0
LARGEST = 0xFFFFFFFF
ALL_MATCHES = LARGEST

#: A verdict's number is its place.
VERDICTS = tuple(Verdict)


class Section(enum.IntEnum):
    """The sections, in the order in which they stand."""

    RULES = 0
    NODES = 1
    CHILDREN = 2
    NUMBERS = 3
    SETS = 4
    RANGES4 = 5
    RANGES6 = 6
    MACS = 7
    INTERFACES = 8
    WINDOWS = 9
    PATTERNS = 10
    REWRITES = 11
    TEMPLATES = 12
    STRINGS = 13
    BYTES = 14


class Op(enum.IntEnum):
    """What a node tests, or joins."""

    ALL = 0
    ANY = 1
    NOT = 2
    IN_NUMBERS = 3
    IN_MASKED = 4
    IN_SET = 5
    IN_MACS = 6
    IN_INTERFACES = 7
    CONTAINS = 8
    MATCHES = 9
    PAYLOAD_LENGTH = 10


class Edit(enum.IntEnum):
    """What a rewrite changes."""

    SET_NUMBER = 0
    SET_ADDRESS = 1
    REPLACE = 2
    REPLACE_PATTERN = 3
    SET_PAYLOAD = 4


RULE_MARKS = 1
RULE_LOGS = 2
NODE_AT = 1
NODE_WITHIN = 2

#: Magic, version, default, on_error, size, the fields' fingerprint; sections follow.
HEADER = struct.Struct("=IHBBQI4x")
SECTION = struct.Struct("=QQ")
HEADER_SIZE = HEADER.size + len(Section) * SECTION.size

#: Condition, first rewrite, rewrites, mark's value and mask, queue, verdict, flags, name.
RULE = struct.Struct("=IIIIIHBBI4x")
#: Op, field, flags, first, count, extra.
NODE = struct.Struct("=BBHIII")
INDEX = struct.Struct("=I")
#: Low and high.
NUMBERS = struct.Struct("=II")
#: First and count, of IPv4 and IPv6.
SET = struct.Struct("=IIII")
RANGE4 = struct.Struct("=II")
RANGE6 = struct.Struct("=16s16s")
MAC = struct.Struct("=6s2x")
#: Name, its length, whether it is a prefix.
INTERFACE = struct.Struct(f"={INTERFACE_SIZE}sB?6x")
WINDOW = struct.Struct("=II")
#: Edit, field, a, b, count, extra.
REWRITE = struct.Struct("=BB2xIIII")
#: Group, string.
TEMPLATE = struct.Struct("=II")
#: Offset, length.
STRING = struct.Struct("=II")

RECORDS = {
    Section.RULES: RULE,
    Section.NODES: NODE,
    Section.CHILDREN: INDEX,
    Section.NUMBERS: NUMBERS,
    Section.SETS: SET,
    Section.RANGES4: RANGE4,
    Section.RANGES6: RANGE6,
    Section.MACS: MAC,
    Section.INTERFACES: INTERFACE,
    Section.WINDOWS: WINDOW,
    Section.PATTERNS: INDEX,
    Section.REWRITES: REWRITE,
    Section.TEMPLATES: TEMPLATE,
    Section.STRINGS: STRING,
    Section.BYTES: struct.Struct("=c"),
}
