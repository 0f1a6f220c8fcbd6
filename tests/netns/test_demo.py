# SPDX-License-Identifier: GPL-2.0
"""The demo is right about the policy as shipped, and notices when a policy does something else."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.netns import enter
from tests.netns.demo import CAPTURE, ROOT, RULES, table
from tests.netns.demo_cases import CASES
from tests.netns.demo_live import live
from tests.netns.demo_replay import replay


@pytest.fixture(autouse=True)
def _in_a_world() -> None:
    if not enter.inside():
        pytest.fail(enter.HOW, pytrace=False)


@pytest.fixture
def without_greeting(tmp_path: Path) -> Path:
    """Change the greeting, the mark and the blocklist of the policy as shipped."""
    text = RULES.read_text().partition("\ntests:")[0]
    text = text.replace("good evening", "good morning").replace("set: 0x10", "set: 0x20")
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "blocklist.txt").write_text("192.0.2.200\n")
    changed = tmp_path / "rules.yaml"
    changed.write_text(text)
    return changed


def test_the_demo_passes_as_a_user_runs_it() -> None:
    demo = [sys.executable, "-m", "tests.netns.demo"]
    done = subprocess.run(demo, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  ok\n") == len(CASES)
    assert "-A FORWARD -j QUEUE" in done.stdout


def test_the_replay_passes_too() -> None:
    assert table(replay(RULES, CAPTURE)) == 0


# Of each family: the greeting, the mark, and the source that is not blocked any more.


def test_a_changed_policy_is_noticed_live(without_greeting: Path) -> None:
    assert table(live(without_greeting)) == 6


def test_a_changed_policy_is_noticed_in_the_replay(without_greeting: Path) -> None:
    assert table(replay(without_greeting, CAPTURE)) == 6


def test_nothing_is_left_behind() -> None:
    table(live(RULES))
    assert not list(Path("/run/netns").iterdir())
