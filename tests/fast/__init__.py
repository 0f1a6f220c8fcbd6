# SPDX-License-Identifier: GPL-2.0
"""Tests of the engine in C; those here build with it, and ``tests/engine`` runs them."""

import os
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]


def built(name: str) -> Path:
    """Return a test program, of the build that ``QVERDICTD_BUILD`` names."""
    build = TREE / os.environ.get("QVERDICTD_BUILD", "build/release")
    return build / "tests/fast" / name
