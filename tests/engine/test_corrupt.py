# SPDX-License-Identifier: GPL-2.0
"""Corrupt programs are refused or do no harm: ``tests/fast/corrupt.c`` over some scenarios."""

import re
import subprocess
from pathlib import Path

import pytest

from qverdictd.policy.load import load
from qverdictd.policy.lower import lower
from qverdictd.policy.program import Edit, Op, Section
from qverdictd.policy.records import Records
from tests.fast import built
from tests.vectors import FILES, scenario

#: Few, as thousands of engines are built for each; together they have all that programs can have.
SCENARIOS = ("action-failed", "continue", "cut", "marks", "nests", "payload", "sets")


def program_of(name: str, folder: Path) -> bytes:
    (file,) = (file for file in FILES if file.stem == name)
    return lower(load(scenario(file).write_to(folder / name)))


def test_the_scenarios_have_all_that_programs_can_have(tmp_path: Path) -> None:
    sections, ops, edits = set[int](), set[int](), set[int]()
    for name in SCENARIOS:
        records = Records(program_of(name, tmp_path))
        sections |= {kind for kind in Section if records.count(kind)}
        nodes = records.records(Section.NODES, 0, records.count(Section.NODES))
        ops |= {node[0] for node in nodes}
        rewrites = records.records(Section.REWRITES, 0, records.count(Section.REWRITES))
        edits |= {rewrite[0] for rewrite in rewrites}
    assert (sections, ops, edits) == (set(Section), set(Op), set(Edit))


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_change_is_harmless(name: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(program_of(name, tmp_path))
    ended = subprocess.run([built("corrupt"), program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = re.fullmatch(r"(\d+) refused, (\d+) run\n", ended.stdout)
    assert found is not None
    refused, run = map(int, found.groups())
    assert refused > 8 * program.stat().st_size / 2
    assert run > 1
