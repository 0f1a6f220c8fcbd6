# SPDX-License-Identifier: GPL-2.0
"""What all parts need: compiled programs, written policies, and how thorough to be."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench import policies
from bench.policies import FiveTuple

HERE = Path(__file__).parent
BUILD = Path("/run/bench")
"""On the world's own /run: whoever runs us, as root or not, nothing is left in the tree."""


@dataclass(frozen=True, slots=True)
class Options:
    """How thorough a run is."""

    rounds: int
    seconds: float
    """CPU time of one program's turn."""
    engine: str
    """What our daemon judges with: native, or reference to try the benchmark itself."""
    quick: bool
    """A smoke run, whose figures mean nothing."""
    programs: str
    """Of the live programs, those whose name holds this text."""
    minutes: float
    """How long a daemon is to endure under load."""
    reloads: int
    """How many of them another one is to endure."""
    rate: int
    """Packets a second that both have to judge."""


def compiled(name: str) -> Path:
    """Compile one of our C programs; return the binary."""
    BUILD.mkdir(parents=True, exist_ok=True)
    binary, source = BUILD / name, HERE / f"{name}.c"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-O2", "-pthread"]
    subprocess.run(["cc", *flags, "-o", binary, source], check=True)
    return binary


def written(name: str, text: str) -> Path:
    """Write a file that a program reads; return it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / name
    file.write_text(text)
    return file


def policy(name: str, rules: list[FiveTuple], *, rewrite: bool = False) -> Path:
    """Write rules as a policy of ours; return the file."""
    return written(f"{name}.yaml", policies.yaml(rules, rewrite=rewrite))


def configuration(engine: str) -> Path:
    """Write the daemon's configuration; return the file."""
    return written(f"qverdictd-{engine}.yaml", f"engine: {engine}\n")


def qverdictd() -> Path:
    """Return the daemon's program."""
    return Path(sys.executable).parent / "qverdictd"


def needs(program: str) -> str:
    """Return a program's path. Raises RuntimeError where it is not installed."""
    path = shutil.which(program)
    if path is None:
        raise RuntimeError(f"{program} is not installed: apt-get install {program}")
    return path


def say(message: str) -> None:
    """Tell whoever waits how far we are."""
    print(message, file=sys.stderr, flush=True)
