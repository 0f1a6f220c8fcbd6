# SPDX-License-Identifier: GPL-2.0
"""Without memory: ``tests/fast/starve.c`` over every scenario."""

import re
import subprocess
from pathlib import Path

import pytest

from qverdictd.policy.load import load
from qverdictd.policy.lower import lower
from tests.fast import built
from tests.vectors import FILES, scenario


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_whole_or_not_at_all(file: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(lower(load(scenario(file).write_to(tmp_path / "policy"))))
    ended = subprocess.run([built("starve"), program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr  # where RE2 may have complained, and gone on
    found = re.fullmatch(r"(\d+) failed\n", ended.stdout)
    assert found is not None
    assert int(found[1]) > 20
