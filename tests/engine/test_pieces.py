# SPDX-License-Identifier: GPL-2.0
"""The engine's fast pieces against slow ones: ``tests/fast/pieces.c``."""

import subprocess

from tests.fast import built


def test_pieces() -> None:
    ended = subprocess.run([built("pieces")], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
