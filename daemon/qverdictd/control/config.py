# SPDX-License-Identifier: GPL-2.0
"""``qverdictd.yaml``: how to run. Every key has a default, an empty file is valid."""

import contextlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PlainValidator

from qverdictd.control.wiring import AttachShape
from qverdictd.errors import PolicyError
from qverdictd.policy.document import Shape
from qverdictd.policy.literals import written
from qverdictd.policy.shape import checked
from qverdictd.policy.source import read

CONFIG_FILE = Path("/etc/qverdictd/qverdictd.yaml")
RULES_FILE = Path("/etc/qverdictd/rules.yaml")


def queue_numbers(text: str | int) -> tuple[int, ...]:
    """Read ``0`` or ``0-3``: one worker each. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", str(text))
    if found:
        first = int(found[1])
        last = int(found[2] or first)
        if first <= last <= 65535 and last - first < 256:
            return tuple(range(first, last + 1))
    raise ValueError(f"expected a queue's number, 0 to 65535, or a range such as 0-3, not {text!r}")


def _queues(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        value = written(value)  # which is no queue's number
    queue_numbers(value)
    return value


def cpu_numbers(text: str | int) -> str | tuple[int, ...]:
    """Read ``auto``, ``none``, or processors: ``2``, ``0-3``, ``0,2-3``. Raises ValueError."""
    if text in ("auto", "none"):
        return str(text)
    numbers: list[int] = []
    for part in str(text).split(","):
        found = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last:
            raise ValueError(f"expected auto, none, or processors such as 0-3 or 0,2, not {text!r}")
        numbers += range(first, last + 1)
    return tuple(numbers)


def _cpus(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        value = written(value)
    cpu_numbers(value)
    return value


_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}
_LEAST_MEMORY = 1 << 16


def memory_size(text: str | int) -> int:
    """Read ``1G``, ``512M``, ``65536K`` or bytes, in units of 1,024. Raises ValueError."""
    found = re.fullmatch(r"([0-9]{1,15})([KMG]?)", str(text))
    size = int(found[1]) << _UNITS[found[2]] if found else 0
    if not _LEAST_MEMORY <= size < 1 << 63:
        raise ValueError(f"expected memory such as 512M or 2G, at least 64K, not {text!r}")
    return size


def _memory(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int):
        value = written(value)
    memory_size(value)
    return value


class Config(Shape):
    """How to run."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    transport: Literal["auto", "ipqueue", "nfqueue", "netfilterqueue"] = Field(
        default="auto",
        description="how packets come; auto takes the module ip_queue when it is loaded, else "
        "NFQUEUE",
    )
    engine: Literal["auto", "native", "reference"] = Field(
        default="auto", description="who judges: the compiled engine (auto, native), or Python's"
    )
    engine_memory: Annotated[int | str, PlainValidator(_memory)] = Field(
        default="1G",
        description="the most that the compiled engine may build for one policy, such as 512M or "
        "2G; a reload needs it twice for a moment; one that needs more is refused",
    )
    queues: Annotated[int | str, PlainValidator(_queues)] = Field(
        default=0, description="a queue, or a range such as 0-3: one worker each"
    )
    cpus: Annotated[int | str, PlainValidator(_cpus)] = Field(
        default="auto",
        description="processors for the workers: numbers and ranges such as 0,2-3, none, or auto "
        "(all that the process may use, one each where there is more than one queue)",
    )
    overflow: Literal["drop", "accept"] = Field(
        default="drop",
        description="what the kernel does when a queue is full: drop or accept",
    )
    queue_length: int = Field(
        default=16384, ge=1, le=1 << 20, description="packets that may wait for a verdict"
    )
    linger: int = Field(
        default=30,
        ge=0,
        le=600,
        description="over ip_queue: seconds for which packets wait for the next process, when one "
        "ends without having been told to stop; 0: they are dropped at once",
    )
    copy_range: int = Field(
        default=65535, ge=1, le=65535, description="bytes of a packet that are looked at"
    )
    rules: str = Field(default=str(RULES_FILE), description="the policy")
    watch_sets: bool = Field(
        default=True,
        description="whether a set is read again when its file changes; else it is at a reload",
    )
    attach: AttachShape | None = Field(
        default=None,
        description="which packets the kernel is to send to the queues, for attach and detach; "
        "left out: the rules that do so are yours",
    )


def read_config(file: Path | None) -> Config:
    """Read the configuration; None: the usual file, or defaults where there is none.

    Raises `PolicyError` with every problem.
    """
    if file is None:
        file = CONFIG_FILE
        with contextlib.suppress(PermissionError):  # which reading it will tell of
            if not file.exists():
                return Config()
    source = read(file, "configuration")
    config: Config | None = None
    if source.whole:
        config = Config() if source.root.value is None else checked(source, source.root, Config, ())
    if config is None or source.problems:
        raise PolicyError(source.problems)
    return config
