# SPDX-License-Identifier: GPL-2.0
"""What the tests of this folder share: a laboratory each, new."""

from collections.abc import Iterator

import pytest

from tests.netns import enter
from tests.netns.lab import Lab


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Three hosts of this test's own: see `tests.netns.lab` for the drawing."""
    if not enter.inside():
        pytest.fail(enter.HOW, pytrace=False)
    with Lab() as built:
        yield built
