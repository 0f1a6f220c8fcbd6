# SPDX-License-Identifier: GPL-2.0
"""Files watched on a real file system, changed in all the ways in which people change them."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qverdictd.control import folders as folders_module
from qverdictd.control import watch as watch_module
from qverdictd.control.folders import Folders, Touched, lookups
from qverdictd.control.inotify import Inotify
from qverdictd.control.watch import Watch
from qverdictd.policy.stamp import Stamp

FAST = {"_QUIET": 0.1, "_LONGEST": 1.0, "_GONE": 0.5}
"""Instead of the real times, in the same order."""
LATE = 0.6
"""Seconds after which nothing more comes."""


class Told:
    """Takes what is told, and says what of it was not asked for yet."""

    def __init__(self) -> None:
        self._files: list[frozenset[str]] = []
        self._come = threading.Condition()

    def __call__(self, files: frozenset[str]) -> None:
        with self._come:
            self._files.append(files)
            self._come.notify()

    def next(self, patience: float = 10) -> set[str]:
        """Return the names of the files of which is told next; empty: of none."""
        with self._come:
            self._come.wait_for(lambda: self._files, patience)
            return {Path(name).name for name in self._files.pop(0)} if self._files else set()

    def nothing(self) -> bool:
        return not self.next(LATE)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    for name, value in FAST.items():
        monkeypatch.setattr(watch_module, name, value)
    return Told()


@pytest.fixture
def watch(told: Told) -> Iterator[Watch]:
    watch = Watch(told)
    yield watch
    watch.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sets" / "block.txt"
    file.parent.mkdir()
    file.write_text("one\n")
    return file


def follow(watch: Watch, *files: Path) -> None:
    """Have files watched that were read just now, and wait until they are."""
    watch.follow({str(file): Stamp.of(file.stat()) for file in files})
    time.sleep(0.1)


def write(file: Path) -> None:
    file.write_text("two\n")


def append(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("two\n")


def rename_over(file: Path) -> None:
    new = file.with_suffix(".new")
    new.write_text("two\n")
    new.rename(file)


def aside_and_new(file: Path) -> None:
    """Change it as vim does, with a backup."""
    file.rename(file.with_suffix(".txt~"))
    file.write_text("two\n")


def remove_and_write(file: Path) -> None:
    file.unlink()
    time.sleep(0.2)  # longer than what counts as quiet
    file.write_text("two\n")


def remove_and_link(file: Path) -> None:
    other = file.with_name("other")
    other.write_text("two\n")
    file.unlink()
    file.hardlink_to(other)


def remove_and_symlink(file: Path) -> None:
    other = file.parent.parent / "other"
    other.write_text("two\n")
    file.unlink()
    file.symlink_to("../other")


def folder_for_folder(file: Path) -> None:
    new = file.parent.with_name("new")
    new.mkdir()
    (new / file.name).write_text("two\n")
    file.parent.rename(file.parent.with_name("old"))
    new.rename(file.parent)


def folder_anew(file: Path) -> None:
    shutil.rmtree(file.parent)
    time.sleep(0.2)
    file.parent.mkdir()
    file.write_text("two\n")


def in_place_same_size(file: Path) -> None:
    with file.open("r+") as stream:
        stream.write("two\n")


WAYS = (
    write,
    append,
    rename_over,
    aside_and_new,
    remove_and_write,
    remove_and_link,
    remove_and_symlink,
    folder_for_folder,
    folder_anew,
    in_place_same_size,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_change_is_told_once_and_so_is_the_next(
    watch: Watch, told: Told, file: Path, way: Callable[[Path], None]
) -> None:
    follow(watch, file)
    for _ in range(2):
        way(file)
        assert told.next() == {"block.txt"}
        assert told.nothing()
        shutil.rmtree(file.parent.with_name("old"), ignore_errors=True)
        file.with_name("other").unlink(missing_ok=True)


def test_through_links_at_every_place(watch: Watch, told: Told, tmp_path: Path) -> None:
    """/sets -> var/current -> v1, v1/block.txt -> ../lists/a: each link, and what is at the end."""
    for version in ("v1", "v2"):
        (tmp_path / "var" / version).mkdir(parents=True)
        (tmp_path / "var" / version / "block.txt").symlink_to("../../lists/a")
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "a").write_text("a\n")
    (lists / "b").write_text("b\n")
    current, sets = tmp_path / "var/current", tmp_path / "sets"
    current.symlink_to("v1")
    sets.symlink_to(current)
    file = sets / "block.txt"
    follow(watch, file)
    write(lists / "a")
    assert told.next() == {"block.txt"}
    in_v1 = tmp_path / "var/v1/block.txt"
    in_v1.unlink()
    in_v1.symlink_to(lists / "b")
    assert told.next() == {"block.txt"}
    write(lists / "a")
    assert told.nothing()
    # As deployments do it: a new link is moved over the old one, all at once.
    (tmp_path / "var/next").symlink_to("v2")
    (tmp_path / "var/next").rename(current)
    assert told.next() == {"block.txt"}
    write(lists / "b")
    assert told.nothing()
    rename_over(lists / "a")
    assert told.next() == {"block.txt"}


def test_a_link_that_leads_to_the_same_file_is_no_change(
    watch: Watch, told: Told, file: Path
) -> None:
    link = file.parent.parent / "link"
    link.symlink_to(file)
    follow(watch, link)
    link.unlink()
    link.symlink_to(file)
    assert told.nothing()


def test_writing_takes_its_time(watch: Watch, told: Told, file: Path) -> None:
    follow(watch, file)
    file.unlink()
    with file.open("w") as stream:
        for _ in range(10):
            stream.write("line\n")
            stream.flush()
            time.sleep(0.12)
        assert told.nothing()
    assert told.next() == {"block.txt"}
    assert told.nothing()


def test_several_steps_are_told_once(watch: Watch, told: Told, file: Path) -> None:
    follow(watch, file)
    for _ in range(10):
        append(file)
    assert told.next() == {"block.txt"}
    assert told.nothing()


def test_what_never_comes_to_rest_is_told_of_all_the_same(
    watch: Watch, told: Told, file: Path
) -> None:
    follow(watch, file)
    deadline = time.monotonic() + 10
    while not told.next(0.01):
        append(file)
        assert time.monotonic() < deadline
    append(file)
    assert told.next() == {"block.txt"}
    assert told.nothing()


def test_what_is_gone_is_told_of_and_again_when_it_comes(
    watch: Watch, told: Told, file: Path
) -> None:
    follow(watch, file)
    before = time.monotonic()
    shutil.rmtree(file.parent)
    assert told.next() == {"block.txt"}
    assert time.monotonic() - before >= FAST["_GONE"]
    assert told.nothing()
    file.parent.mkdir()
    assert told.nothing()
    file.write_text("again\n")
    assert told.next() == {"block.txt"}


def test_a_change_between_reading_and_watching(watch: Watch, told: Told, file: Path) -> None:
    read = Stamp.of(file.stat())
    append(file)
    watch.follow({str(file): read})
    assert told.next() == {"block.txt"}
    assert told.nothing()


def test_only_those_that_are_followed(watch: Watch, told: Told, file: Path) -> None:
    other = file.with_name("other.txt")
    other.write_text("x\n")
    follow(watch, file)
    append(other)
    assert told.nothing()
    follow(watch, file, other)
    append(other)
    append(file)
    assert told.next() | told.next(LATE) == {"block.txt", "other.txt"}
    follow(watch, other)
    append(file)
    assert told.nothing()
    follow(watch)
    append(other)
    assert told.nothing()


def test_a_file_with_two_names_for_it(watch: Watch, told: Told, file: Path) -> None:
    same = file.parent / ".." / "sets" / "." / "block.txt"
    follow(watch, file, same)
    append(file)
    assert told.next() == {"block.txt"}
    assert told.nothing()


def test_lost_events_are_made_up_for(watch: Watch, told: Told, file: Path) -> None:
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    follow(watch, file)
    names = [str(file.parent / name) for name in ("a", "b")]
    os.close(os.open(names[0], os.O_CREAT))
    held = threading.Event()

    folders = watch._folders
    assert folders is not None
    touched = folders.touched

    def later() -> Iterator[Touched]:
        held.wait(30)
        return touched()

    folders.touched = later  # type: ignore[method-assign]
    try:
        for turn in range(most + 100):
            os.rename(names[turn % 2], names[(turn + 1) % 2])  # noqa: PTH104
        append(file)
    finally:
        held.set()
    assert told.next() == {"block.txt"}


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def watches(inotify: Inotify) -> int:
    text = Path(f"/proc/self/fdinfo/{inotify.fileno()}").read_text()
    return text.count("inotify wd:")


def test_nothing_is_left_behind(told: Told, file: Path) -> None:
    before, threads = descriptors(), threading.active_count()
    watch = Watch(told)
    follow(watch, file)
    folders = watch._folders
    assert folders is not None
    first = watches(folders._inotify)
    for _ in range(3):
        folder_for_folder(file)
        assert told.next() == {"block.txt"}
        shutil.rmtree(file.parent.with_name("old"))
    assert watches(folders._inotify) == first == len(file.parts) - 1
    follow(watch)
    assert watches(folders._inotify) == 0
    watch.close()
    assert (descriptors(), threading.active_count()) == (before, threads)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b/x")
    (tmp_path / "b").symlink_to("a")
    assert len(list(lookups(tmp_path / "a"))) < 500


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_watched_is_said_once(
    file: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing(Inotify):
        def watch(self, folder: Path) -> int:
            if folder == file.parent:
                raise OSError(number, os.strerror(number))
            return super().watch(folder)

    monkeypatch.setattr(folders_module, "Inotify", Refusing)
    folders = Folders()
    folders.follow(str(file))
    folders.follow(str(file))
    folders.close()
    (said,) = capsys.readouterr().err.splitlines()
    assert f"what changes in {file.parent} is not noticed: {os.strerror(number)}" in said
    assert ("max_user_watches" in said) == (number == errno.ENOSPC)


def test_no_inotify_at_all(
    file: Path, told: Told, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> Folders:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(watch_module, "Folders", refuse)
    watch = Watch(told)
    follow(watch, file)
    watch.close()
    assert "set files are not watched: [Errno 24] Too many open files" in capsys.readouterr().err
