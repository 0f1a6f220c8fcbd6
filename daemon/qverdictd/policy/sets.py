# SPDX-License-Identifier: GPL-2.0
"""Named sets: from a policy's ``sets`` and the files that they name."""

import os
from codecs import BOM_UTF8
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path as FilePath

from qverdictd.errors import PolicyError, Problem
from qverdictd.packet.ranges import AddressLines
from qverdictd.policy.document import SetShape
from qverdictd.policy.literals import ValueReadError, set_member
from qverdictd.policy.members import Addresses, Members, union
from qverdictd.policy.model import NamedSet, Place
from qverdictd.policy.source import MOST_PROBLEMS, Node, Path, Source
from qverdictd.policy.stamp import Stamp

#: Larger set files are refused; 1,000,000 prefixes have about 20 MB.
LARGEST_SET_FILE = 256 << 20


def read_set(name: str, shape: SetShape, source: Source, path: Path) -> NamedSet | None:
    """Return the set, or None with its problems noted in the source."""
    before = len(source.problems)
    values: list[Members] = []
    for index, raw in enumerate(shape.values or []):
        try:
            values.append(set_member(shape.type, raw))
        except ValueReadError as error:
            source.problem(str(error), (*path, "values", index))
    file = None if shape.file is None else FilePath(source.name).parent / shape.file
    found, stamp = _read_file(file, shape.type, source, (*path, "file")) if file else ([], None)
    if len(source.problems) > before:
        return None
    joined = union([*values, *found])
    if not joined:
        source.problem(f"set {name!r} is empty: it would match nothing", path, of_key=True)
        return None
    place = Place(source.name, *source.root.place(path, of_key=True))
    return NamedSet(
        name, shape.type, joined[0], str(file) if file else None, tuple(values), place, stamp
    )


def read_again(named: NamedSet) -> NamedSet:
    """Return a set as its file is now. Raises `PolicyError` with every problem."""
    assert named.file is not None
    assert named.place is not None
    source = Source(named.place.file)
    source.root = Node(None, named.place.line, named.place.column)  # problems are told there
    found, stamp = _read_file(FilePath(named.file), named.type, source, ())
    joined = union([*named.values, *found])
    if not joined and not source.problems:
        source.problem(f"set {named.name!r} is empty: it would match nothing")
    if source.problems:
        raise PolicyError(source.problems)
    return replace(named, members=joined[0], stamp=stamp)


def _read_file(
    file: FilePath, type_: str, source: Source, path: Path
) -> tuple[list[Members], Stamp | None]:
    """Read one value a line; blank lines and what follows a ``#`` do not count."""
    try:
        with file.open("rb") as stream:
            stamp = Stamp.of(os.fstat(stream.fileno()))
            data = stream.read(LARGEST_SET_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        why = error.strerror if isinstance(error, OSError) else error
        source.problem(f"cannot read {file}: {why}", path)
        return [], None
    if len(data) > LARGEST_SET_FILE:
        source.problem(f"{file} is larger than {LARGEST_SET_FILE >> 20} MiB", path)
        return [], None
    if type_ == "cidr":
        lines = AddressLines(data)
        parts = _read_lines(lines, type_, file, source)
        plain = Addresses(*lines.ranges())
        return [*parts, plain] if plain.v4 or plain.v6 else parts, stamp
    numbered = enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), 1)
    return _read_lines(numbered, type_, file, source), stamp


def _read_lines(
    lines: Iterable[tuple[int, bytes]], type_: str, file: FilePath, source: Source
) -> list[Members]:
    parts: list[Members] = []
    for number, raw in lines:
        line = raw.decode("utf-8", "replace")
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            parts.append(set_member(type_, text))
        except ValueReadError as error:
            if len(source.problems) >= MOST_PROBLEMS:
                break
            column = len(line) - len(line.lstrip()) + 1
            source.problems.append(Problem(str(file), number, column, str(error)))
    return parts
