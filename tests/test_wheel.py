# SPDX-License-Identifier: GPL-2.0
"""The wheel that pip builds from a clean clone: all of the package, and it runs."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.test_tree import ROOT, tracked

PACKAGE = Path("daemon/qverdictd")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of the tracked files, with the tools of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    for file in tracked():
        copy = folder / "clone" / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
        copy.chmod(file.stat().st_mode)
    tools = Path(sysconfig.get_path("scripts"))
    built = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-index"),
            *("--no-deps", "--no-build-isolation", "--wheel-dir", "out", "./clone"),
        ],
        cwd=folder,
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    (made,) = (folder / "out").iterdir()
    return made


def test_the_wheel_has_the_whole_package(wheel: Path) -> None:
    extension = "qverdictd/_fast" + sysconfig.get_config_var("EXT_SUFFIX")
    wanted = {
        str(file.relative_to(ROOT / "daemon"))
        for file in tracked()
        if file.is_relative_to(ROOT / PACKAGE)
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        scripts = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "qverdictd=qverdictd.__main__:main" in archive.read(scripts).decode().replace(
            " ", ""
        )
    assert names == wanted | {extension}


def test_what_the_wheel_has_runs(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    rules = ROOT / "rules/rules.yaml"
    code = (
        "import qverdictd._fast, sys; from qverdictd.cli import main;"
        f"assert qverdictd._fast.__file__.startswith({str(tmp_path)!r});"
        f"sys.exit(main(['check', {str(rules)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "good" in done.stdout
