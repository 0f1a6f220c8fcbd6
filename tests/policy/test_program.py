# SPDX-License-Identifier: GPL-2.0
"""The program's format in Python is that of ``daemon/fast/program.h``."""

import re
from enum import IntEnum
from pathlib import Path

import pytest

from qverdictd.policy import program

HEADER = (Path(__file__).resolve().parents[2] / "daemon/fast/program.h").read_text()
CODE = re.sub(r"/\*.*?\*/|//[^\n]*", "", HEADER, flags=re.DOTALL)


def enumeration(name: str) -> dict[str, int]:
    """Return the constants of an enum that counts from 0 on."""
    found = re.search(rf"enum {name} {{(.*?)}};", CODE, re.DOTALL)
    assert found is not None
    names = [constant.strip() for constant in found.group(1).split(",") if constant.strip()]
    assert not any("=" in constant for constant in names)
    return {constant.removeprefix("QV_"): number for number, constant in enumerate(names)}


def constant(name: str) -> int:
    """Return the number that a constant is defined as."""
    found = re.search(rf"\bQV_{name}\b(?: =)? (?:UINT32_C\()?([0-9a-fA-Fx]+)(?: << (\d+))?", CODE)
    assert found is not None
    return int(found.group(1), 0) << int(found.group(2) or 0)


@pytest.mark.parametrize(
    ("enum", "name", "last"),
    [
        (program.Section, "qv_section_kind", "SECTIONS"),
        (program.Op, "qv_op", "OPS"),
        (program.Edit, "qv_edit", "EDITS"),
    ],
)
def test_numbers_are_the_same(enum: type[IntEnum], name: str, last: str) -> None:
    assert enumeration(name) == {member.name: member.value for member in enum} | {last: len(enum)}


def test_verdicts_are_the_same() -> None:
    numbers = {verdict.name: number for number, verdict in enumerate(program.VERDICTS)}
    assert enumeration("qv_verdict") == numbers | {"VERDICTS": len(numbers)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROGRAM_MAGIC", program.MAGIC),
        ("PROGRAM_VERSION", program.VERSION),
        ("DEPTH_MAX", program.DEPTH_MAX),
        ("PARTS_MAX", program.PARTS_MAX),
        ("INTERFACE_SIZE", program.INTERFACE_SIZE),
        ("NO_NAME", program.NO_NAME),
        ("RULE_MARKS", program.RULE_MARKS),
        ("RULE_LOGS", program.RULE_LOGS),
        ("NODE_AT", program.NODE_AT),
        ("NODE_WITHIN", program.NODE_WITHIN),
    ],
)
def test_constants_are_the_same(name: str, value: int) -> None:
    assert constant(name) == value


_SIZES = {"uint8_t": 1, "char": 1, "uint16_t": 2, "uint32_t": 4, "uint64_t": 8}


def size(record: str) -> int:
    """Return a record's bytes: its members lie one behind the other, without gaps."""
    found = re.search(rf"struct qv_{record} {{(.*?)}};", CODE, re.DOTALL)
    assert found is not None
    total = 0
    for type_, _, length in re.findall(r"(\w+) (\w+)(?:\[(\w+)\])?;", found.group(1)):
        times = constant(length.removeprefix("QV_")) if length.startswith("QV_") else length or 1
        assert total % _SIZES[type_] == 0, "a gap"
        total += _SIZES[type_] * int(times)
    return total


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        (program.Section.RULES, "rule"),
        (program.Section.NODES, "node"),
        (program.Section.NUMBERS, "numbers"),
        (program.Section.SETS, "set"),
        (program.Section.RANGES4, "range4"),
        (program.Section.RANGES6, "range6"),
        (program.Section.MACS, "mac"),
        (program.Section.INTERFACES, "interface"),
        (program.Section.WINDOWS, "window"),
        (program.Section.REWRITES, "rewrite"),
        (program.Section.TEMPLATES, "template"),
        (program.Section.STRINGS, "string"),
    ],
)
def test_records_are_as_long(kind: program.Section, record: str) -> None:
    assert program.RECORDS[kind].size == size(record)
