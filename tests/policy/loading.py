# SPDX-License-Identifier: GPL-2.0
"""Writes a policy down, loads it, and says what was found wrong."""

from pathlib import Path

from qverdictd.errors import PolicyError
from qverdictd.policy.load import load


def problems(folder: Path, policy: str | bytes, **beside: str) -> list[str]:
    """Return ``LINE:COLUMN: MESSAGE`` of each problem in the policy; other files by their name.

    ``beside``: other files' texts, ``__`` in their names for ``/`` and ``_`` for a dot.
    """
    file = folder / "rules.yaml"
    file.write_bytes(policy.encode() if isinstance(policy, str) else policy)
    for name, text in beside.items():
        other = folder / name.replace("__", "/").replace("_", ".")
        other.parent.mkdir(exist_ok=True)
        other.write_text(text)
    try:
        load(file)
    except PolicyError as error:
        return [str(problem).removeprefix(f"{folder}/rules.yaml:") for problem in error.problems]
    return []
