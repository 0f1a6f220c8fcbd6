# SPDX-License-Identifier: GPL-2.0
"""Entries of the journal, their fields, and the catalog that explains them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qverdictd.action.decision import Decision, Log, Reason, Verdict
from qverdictd.control import journal
from qverdictd.control.journal import Event, say
from qverdictd.control.viewer import log_entries
from qverdictd.packet.build import build

CATALOG = Path(__file__).parents[2] / "systemd" / "qverdictd.catalog"


class Entries:
    """Takes what would go to the journal."""

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []
        self.full = False

    def __call__(self, message: str, **fields: str) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        self.taken.append({"MESSAGE": message, **fields})


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> Entries:
    taken = Entries()
    monkeypatch.setattr(journal, "journal", lambda: taken)
    return taken


def test_fields(entries: Entries, capsys: pytest.CaptureFixture[str]) -> None:
    say("ready: queue 0", Event.READY, queues=0, transport=None)
    say("odd", level="warning", rule="r1")
    assert entries.taken == [
        {
            "MESSAGE": "ready: queue 0", "PRIORITY": "6",
            "MESSAGE_ID": Event.READY.value, "QVERDICT_QUEUES": "0",
        },
        {"MESSAGE": "odd", "PRIORITY": "4", "QVERDICT_RULE": "r1"},
    ]  # fmt: skip
    assert capsys.readouterr().err == ""


def test_a_journal_that_takes_nothing(entries: Entries, capsys: pytest.CaptureFixture[str]) -> None:
    entries.full = True
    say("still said", Event.READY)
    assert capsys.readouterr().err == "qverdictd: still said\n"


def test_what_rules_log() -> None:
    raw = build({"proto": 17, "src": bytes([192, 0, 2, 1]), "dport": 53}, b"")
    decision = Decision(
        Verdict.DROP, Reason.RULE, "two", logs=(Log("one"), Log("two", "error", "seen:"))
    )
    entries = Entries()
    log = log_entries(entries)
    assert list(log(raw, decision, 0.0)) == []
    first, second = entries.taken
    assert first["MESSAGE"].startswith("one: ")
    assert second["MESSAGE"].startswith("seen: two: ")
    assert (first["QVERDICT_RULE"], second["QVERDICT_RULE"]) == ("one", "two")
    assert (first["PRIORITY"], second["PRIORITY"]) == ("6", "3")
    assert second["MESSAGE_ID"] == Event.LOGGED.value
    assert second["QVERDICT_VERDICT"] == "drop"
    assert second["QVERDICT_SRC"] == "192.0.2.1"
    assert second["QVERDICT_DPORT"] == "53"
    entries.full = True
    assert [line.split(":")[0] for line in log(raw, decision, 0.0)] == ["info", "error"]


@pytest.fixture
def catalog() -> str:
    return CATALOG.read_text()


def test_every_event_is_explained_and_nothing_else(catalog: str) -> None:
    explained = re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.MULTILINE)
    assert explained == [event.value for event in Event]


def test_the_catalog_names_only_fields_that_entries_have(catalog: str) -> None:
    source = "".join(
        (Path(journal.__file__).parents[1] / name).read_text()
        for name in ("app.py", "loader.py", "control/record.py")
    )
    for name in re.findall(r"@QVERDICT_([A-Z]+)@", catalog):
        assert re.search(rf'\b{name.lower()}=|"{name.lower()}"', source), name


def test_the_journal_reads_the_catalog(tmp_path: Path, catalog: str) -> None:
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    (folder / "qverdictd.catalog").write_text(catalog)
    for words in (["--update-catalog"], ["--list-catalog"]):
        done = subprocess.run(
            ["journalctl", f"--root={tmp_path}", *words], capture_output=True, text=True, check=True
        )
    assert len(done.stdout.splitlines()) == len(Event)


def test_elsewhere_nothing_of_systemd_is_loaded() -> None:
    done = subprocess.run(
        [
            sys.executable, "-c",
            "import sys; from qverdictd.control.journal import journal\n"
            "assert journal() is None and 'systemd' not in sys.modules",
        ],
        env={"JOURNAL_STREAM": "1:2"},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0
