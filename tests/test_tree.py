# SPDX-License-Identifier: GPL-2.0
"""What holds of every file: its licence line, its size."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = {".py", ".c", ".h", ".sh", ".yaml", ".toml", ".md", ""}
LINES = 400
WITHOUT_COMMENTS = {"debian/changelog", "debian/copyright", "debian/source/format"}
"""Their formats have none."""


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_every_source_says_its_licence_at_its_top() -> None:
    missing = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in SOURCES
        and path.name not in ("LICENSE", ".gitignore", "py.typed")
        and str(path.relative_to(ROOT)) not in WITHOUT_COMMENTS
        and "SPDX-License-Identifier: GPL-2.0" not in "".join(path.read_text().splitlines()[:4])
    ]
    assert not missing


def test_rooms_are_small() -> None:
    large = [
        f"{path.relative_to(ROOT)}: {len(lines)}"
        for path in tracked()
        if path.suffix in (".py", ".c", ".h")
        and len(lines := path.read_text().splitlines()) > LINES
    ]
    assert not large
