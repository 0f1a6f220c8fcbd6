# SPDX-License-Identifier: GPL-2.0
"""A program that cannot be loaded says so in a line."""

import subprocess
import sys

import pytest

from qverdictd.errors import Exit


@pytest.mark.parametrize("missing", ["qverdictd._fast", "pydantic"])
@pytest.mark.parametrize("words", [["--help"], ["run"]])
def test_what_is_not_installed(missing: str, words: list[str]) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; "
        "from qverdictd.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], check=False, capture_output=True, text=True
    )
    assert done.returncode == Exit.UNAVAILABLE
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"qverdictd: import of {missing} halted")
    assert "install it again" in line
    assert done.stdout == ""
