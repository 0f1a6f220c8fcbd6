# SPDX-License-Identifier: GPL-2.0
"""Corrupt programs are refused or do no harm: ``tests/fast/corrupt.c`` over every scenario."""

import re
import subprocess
from pathlib import Path

import pytest

from qverdictd.policy.load import load
from qverdictd.policy.lower import lower
from tests.fast import built
from tests.vectors import FILES, scenario


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_change_is_harmless(file: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(lower(load(scenario(file).write_to(tmp_path / "policy"))))
    ended = subprocess.run([built("corrupt"), program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = re.fullmatch(r"(\d+) refused, (\d+) run\n", ended.stdout)
    assert found is not None
    refused, run = map(int, found.groups())
    assert refused > 8 * program.stat().st_size / 2
    assert run > 1
