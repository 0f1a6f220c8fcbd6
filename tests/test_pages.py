# SPDX-License-Identifier: GPL-2.0
"""The manual's pages, the completion and the configuration that is shipped: made, not written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qverdictd.control.config import Config, read_config

TREE = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    subprocess.run([sys.executable, TREE / "build-aux/pages", folder], check=True)
    return folder


def options(*words: str) -> set[str]:
    """Return the options that a command's help names."""
    command = Path(sys.executable).with_name("qverdictd")
    done = subprocess.run([command, *words, "--help"], capture_output=True, text=True, check=True)
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", done.stdout))


def commands() -> list[str]:
    command = Path(sys.executable).with_name("qverdictd")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    return re.findall(r"^    ([a-z]+) ", done.stdout, re.MULTILINE)


def test_every_command_has_a_page_with_all_its_options(pages: Path) -> None:
    names = commands()
    assert {"run", "check", "attach", "detach", "doctor"} <= set(names)
    main = (pages / "qverdictd.1").read_text()
    for name in names:
        page = (pages / f"qverdictd-{name}.1").read_text().replace("\\-", "-")
        assert options(name) <= set(re.findall(r"--[a-z][a-z-]*", page)), name
        assert f"qverdictd\\-{name}\\fR(1)" in main
    assert len(list(pages.glob("*.1"))) == len(names) + 1


def test_the_pages_are_read_without_a_warning(pages: Path) -> None:
    for page in pages.glob("*.[15]"):
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z", page],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == "", page.name


def test_every_key_of_the_configuration_is_explained(pages: Path, tmp_path: Path) -> None:
    page = (pages / "qverdictd.yaml.5").read_text().replace("\\-", "-")
    shipped = (pages / "qverdictd.yaml").read_text()
    for name, field in Config.model_fields.items():
        assert field.description, name
        assert f"\\fB{name}\\fR" in page
        assert re.search(rf"^#{name}:", shipped, re.MULTILINE)
    # What is shipped says nothing; with the comments taken off it says what holds anyway.
    file = tmp_path / "qverdictd.yaml"
    file.write_text(shipped)
    assert read_config(file) == Config()
    told = re.sub(r"^#(\w+: \S)", r"\1", shipped, flags=re.MULTILINE)
    assert told.count("\nqueues: 0\n") == 1
    file.write_text(told)
    assert read_config(file) == Config()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("qverdictd do", ["doctor"]),
        ("qverdictd attach --hook pre", ["prerouting"]),
        ("qverdictd attach --dp", ["--dport"]),
        ("qverdictd run --transport ip", ["ipqueue"]),
        ("qverdictd detach --d", ["--dry-run"]),
    ],
)
def test_the_completion(pages: Path, line: str, offered: list[str]) -> None:
    words = line.split(" ")
    script = (
        f"source {pages / 'qverdictd.bash'}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        "_qverdictd; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered
