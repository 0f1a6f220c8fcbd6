# SPDX-License-Identifier: GPL-2.0
"""The captures that ship are those that the scripts beside them make."""

from pathlib import Path

from tests.captures.make import DEMO, make


def test_the_demo_s_capture_is_made_by_its_script(tmp_path: Path) -> None:
    again = tmp_path / "demo.pcap"
    make(again)
    assert again.read_bytes() == DEMO.read_bytes(), "run: .venv/bin/python -m tests.captures.make"
