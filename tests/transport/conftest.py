# SPDX-License-Identifier: GPL-2.0
"""Fixtures of the transports' tests."""

from pathlib import Path

import pytest

from .replays import Make


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that writes a capture, always to the same file, and returns its path."""

    def write(content: bytes) -> Path:
        path = tmp_path / "in.pcap"
        path.write_bytes(content)
        return path

    return write
