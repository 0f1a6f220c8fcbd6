# SPDX-License-Identifier: GPL-2.0
"""What the parts found last, kept in .cache: a part can be measured again without the others."""

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path

from bench.figure import Figure, Findings, Goal, Table
from bench.report import Chapter
from bench.tools import HERE

_FOLDER = HERE.parent / ".cache" / "bench"


def _as_the_trees(path: Path) -> None:
    """Give what root made to the tree's owner."""
    owner = HERE.stat()
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def put(name: str, chapter: Chapter) -> None:
    """Keep a part's chapter."""
    for folder in (_FOLDER.parent, _FOLDER):
        if not folder.exists():
            folder.mkdir()
            _as_the_trees(folder)
    file = _FOLDER / f"{name}.json"
    file.write_text(json.dumps(dataclasses.asdict(chapter), indent=1))
    _as_the_trees(file)


def get(name: str) -> Chapter | None:
    """Return a part's chapter, if it was ever measured."""
    file = _FOLDER / f"{name}.json"
    if not file.exists():
        return None
    kept = json.loads(file.read_text())
    found = kept.pop("findings")
    if not isinstance(found, str):
        figures = [Figure(**one | {"goal": Goal(**one["goal"])}) for one in found["figures"]]
        tables = [
            Table(tuple(one["columns"]), [tuple(row) for row in one["rows"]])
            for one in found["tables"]
        ]
        found = Findings(figures, tables, found["notes"])
    return Chapter(findings=found, **kept)


def clear(names: Iterable[str]) -> None:
    """Forget some parts: a run of all of these begins."""
    for name in names:
        (_FOLDER / f"{name}.json").unlink(missing_ok=True)
