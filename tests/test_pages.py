# SPDX-License-Identifier: GPL-2.0
"""The manual's pages, the completion and the configuration that is shipped: made, not written."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
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


def test_every_shell_reads_its_completion(pages: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = pages / f"qverdictd.{shell}"
        subprocess.run([shell, "-n", script], check=True)
        text = script.read_text()
        assert all(option in text for option in ("doctor", "netfilterqueue", "overflow"))


#: What is typed, with the tabulator at its end, and what becomes of the line.
TYPED = {
    "qverdictd doc": "qverdictd doctor",
    "qverdictd attach --hook pre": "qverdictd attach --hook prerouting",
    "qverdictd attach --dp": "qverdictd attach --dport",
    "qverdictd run --transport ip": "qverdictd run --transport ipqueue",
    "qverdictd detach --d": "qverdictd detach --dry-run",
    "qverdictd check rul": "qverdictd check rules.yaml",
    "qverdictd run --rules rul": "qverdictd run --rules rules.yaml",
}

#: What makes each shell, at a terminal, print what a line has become instead of running it.
SET_UP = {
    "bash": "unset HISTFILE; bind 'set bell-style none'; PS1=; source {script}",
    "zsh": "fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; PS1=",
}


@pytest.mark.parametrize("shell", SET_UP)
def test_completion_at_a_terminal(pages: Path, tmp_path: Path, shell: str) -> None:
    (tmp_path / "rules.yaml").touch()
    (tmp_path / "functions").mkdir()
    shutil.copy(pages / "qverdictd.zsh", tmp_path / "functions/_qverdictd")
    script = pages / f"qverdictd.{shell}"
    ours, theirs = pty.openpty()
    quiet = ["--norc", "-i"] if shell == "bash" else ["-f", "-i"]
    process = subprocess.Popen(
        [shell, *quiet],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(tmp_path)},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        begin = SET_UP[shell].format(script=script, folder=tmp_path / "functions")
        stub = 'qverdictd() { echo "<qverdictd $*>"; }'
        os.write(ours, f"{begin}; {stub}; echo rea''dy\n".encode())
        read_until(ours, "ready\r\n")
        for typed, completed in TYPED.items():
            os.write(ours, f"{typed}\t".encode())
            # zsh lets a completion begin only when it has read what was typed.
            time.sleep(0.3)
            os.write(ours, b"\n")
            assert f"<{completed}>" in read_until(ours, ">\r\n")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, end: str) -> str:
    """Return what a terminal shows until something is shown."""
    shown = ""
    while end not in shown:
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, shown
        shown += os.read(terminal, 65536).decode()
    return shown


def test_completion_in_fish(pages: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").touch()
    script = pages / "qverdictd.fish"
    for typed, completed in TYPED.items():
        command = f"source {script}; complete --do-complete {typed!r}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", command],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )
        offered = {line.split("\t")[0] for line in done.stdout.splitlines()}
        assert completed.split(" ")[-1] in offered, (typed, done)
