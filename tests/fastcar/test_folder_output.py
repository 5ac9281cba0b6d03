"""Result folders: whole or not there, replaced in one step, and what is the user's stays."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastcar.exchange
from fastcar.folder_output import check_writable_directory, write_directory_atomically
from fastcar.output import write_atomically
from fastcar.ownership import MARKER_FILE
from fastcar.reference.errors import OutputError

FORBIDDEN = Path("/proc/fastcar")
"""Where even a superuser can create nothing."""


def fill(path: Path, names: str, text: str = "new", is_forced: bool = False) -> None:
    """A run that writes files with names of one letter."""
    with write_directory_atomically(path, "test", is_forced) as partial:
        for name in names:
            (partial / name).write_text(text)


def read(path: Path) -> dict[str, str]:
    """All files but the marker."""
    return {
        str(entry.relative_to(path)): entry.read_text()
        for entry in sorted(path.rglob("*"))
        if entry.is_file() and entry.name != MARKER_FILE
    }


@pytest.fixture(params=["one step", "two steps", "file by file"])
def folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty directory, by the way in which it is replaced."""
    path = tmp_path / "out"
    path.mkdir()
    if request.param == "two steps":
        monkeypatch.setattr(fastcar.exchange, "exchange", lambda first, second: False)
    if request.param == "file by file":
        monkeypatch.chdir(path)
    yield path
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    assert not [entry for entry in path.rglob(".*") if entry.name != MARKER_FILE]


@pytest.mark.parametrize("path", ["new", "new/deep/er", "folder"])
def test_directory_appears_whole(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    check_writable_directory(tmp_path / path)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]
    fill(tmp_path / path, "ab")
    assert read(tmp_path / path) == {"a": "new", "b": "new"}
    assert not list(tmp_path.rglob("*partial*"))


def test_an_older_result_is_replaced_and_none_of_its_files_stays(folder: Path) -> None:
    with write_directory_atomically(folder, "test") as partial:
        (partial / "figures").mkdir()
        for name in ("a", "b", "figures/c"):
            (partial / name).write_text("old")
    fill(folder, "bd")
    assert read(folder) == {"b": "new", "d": "new"}
    assert not (folder / "figures").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "notes").write_text("mine"),
        lambda path: (path / "a").write_text("OLD"),
        lambda path: (path / "a").write_text("longer"),
        lambda path: (path / "empty").mkdir(),
        lambda path: (path / "link").symlink_to("a"),
        lambda path: (path / MARKER_FILE).unlink(),
        lambda path: (path / MARKER_FILE).write_text("[" * 100_000),
        lambda path: (path / MARKER_FILE).write_text('{"fastcar": 1, "files": 3}'),
    ],
    ids=["added", "changed", "grown", "folder", "link", "unmarked", "damaged", "wrong"],
)
def test_what_is_not_ours_is_refused_and_stays(folder: Path, change: object) -> None:
    fill(folder, "ab", "old")
    change(folder)  # type: ignore[operator]
    before = sorted(folder.rglob("*")), read(folder)
    with pytest.raises(OutputError, match=r"must be a new or an empty directory.*--force keeps"):
        check_writable_directory(folder, is_forced=False)
    with pytest.raises(OutputError, match="not written by us or changed since"):
        fill(folder, "ab")
    assert (sorted(folder.rglob("*")), read(folder)) == before


def test_what_comes_while_a_run_works_is_refused_as_well(folder: Path) -> None:
    def work() -> None:
        with write_directory_atomically(folder, "test") as partial:
            (partial / "a").write_text("new")
            (folder / "notes").write_text("mine")

    with pytest.raises(OutputError, match="holds notes, not written"):
        work()
    assert read(folder) == {"notes": "mine"}


def test_a_forced_result_keeps_everything_that_is_not_ours(folder: Path) -> None:
    fill(folder, "abc", "old")
    (folder / "a").write_text("mine")
    (folder / "notes").write_text("mine")
    (folder / "b.kept").write_text("mine")
    (folder / "d").mkdir()
    (folder / "d" / "deep").write_text("mine")
    (folder / "b").unlink()
    (folder / "b").mkdir()
    fill(folder, "abd", is_forced=True)
    assert read(folder) == {
        **dict.fromkeys("abd", "new"),
        **dict.fromkeys(("a.kept", "notes", "b.kept", "d.kept/deep"), "mine"),
    }
    assert (folder / "b.kept2").is_dir()
    fill(folder, "a", is_forced=True)
    assert read(folder) == {
        "a": "new",
        **dict.fromkeys(("a.kept", "notes", "b.kept", "d.kept/deep"), "mine"),
    }


def test_a_marker_of_another_folder_owns_nothing(tmp_path: Path) -> None:
    fill(tmp_path / "ours", "ab")
    users = tmp_path / "users"
    users.mkdir()
    (users / "a").write_text("mine")
    (users / MARKER_FILE).write_bytes((tmp_path / "ours" / MARKER_FILE).read_bytes())
    with pytest.raises(OutputError, match="holds a, not written by us"):
        fill(users, "ab")
    assert read(users) == {"a": "mine"}


def test_who_works_inside_is_not_left_in_a_removed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", "a", "old")
    monkeypatch.chdir(tmp_path / "out")
    fill(tmp_path / "out", "b")
    assert Path().samefile(tmp_path / "out")
    assert read(Path()) == read(tmp_path / "out") == {"b": "new"}


def test_who_works_below_is_not_left_in_a_removed_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "mine")
    fill(tmp_path / "out", "b", is_forced=True)
    assert Path().samefile(tmp_path / "out" / "mine")
    assert read(tmp_path / "out") == {"b": "new"}


def test_a_working_directory_that_is_gone_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for text in ("old", "new"):
        fill(tmp_path / "out", "a", text)
    assert read(tmp_path / "out") == {"a": "new"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("path", ["old", "new/deep"])
def test_interrupted_directory_leaves_what_was_there(
    tmp_path: Path, path: str, failure: type[BaseException]
) -> None:
    fill(tmp_path / "old", "a", "old")

    def fill_half() -> None:
        with write_directory_atomically(tmp_path / path, "test") as partial:
            (partial / "a").write_text("half")
            raise failure

    with pytest.raises(failure):
        fill_half()
    assert read(tmp_path) == {"old/a": "old"}


def test_failure_while_moving_puts_the_old_files_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, "ac", "old")

    def fail(self: Path, target: Path) -> Path:
        if self.name == "c" or "partial" in self.name:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", fail)
    monkeypatch.setattr(Path, "replace", fail)
    monkeypatch.setattr(fastcar.exchange, "exchange", lambda first, second: False)
    with pytest.raises(OutputError, match="input/output error"):
        fill(folder, "abc")
    assert read(folder) == {"a": "old", "c": "old"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file", "must be a directory; a file stands there"),
        ("file/below", "must lie in a directory"),
        ("a" * 300, "must be writable; file name too long"),
        ("", "must be a path"),
        (str(FORBIDDEN), "must be writable"),
    ],
)
def test_unwritable_directory_is_refused(
    tmp_path: Path, path: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match=reason):
        check_writable_directory(path)
    with pytest.raises(OutputError, match=reason), write_directory_atomically(path, "test"):
        pytest.fail("a place that cannot be written was opened")
    assert read(tmp_path) == {"file": "old"}


def test_an_interruption_while_a_folder_is_replaced_comes_afterwards(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at every rename, and again while things are put in order."""
    fill(folder, "ab", "old")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    rename = os.rename

    def interrupt(source: Path, target: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        rename(source, target)
        signal.raise_signal(signal.SIGINT)

    try:
        monkeypatch.setattr(Path, "rename", interrupt)
        monkeypatch.setattr(Path, "replace", interrupt)
        monkeypatch.setattr(os, "close", _interrupting(os.close))
        with pytest.raises(KeyboardInterrupt):
            fill(folder, "bc")
    finally:
        signal.signal(signal.SIGINT, before)
    assert read(folder) in ({"b": "new", "c": "new"}, {"a": "old", "b": "old"})


def _interrupting(function: object) -> object:
    def call(*given: object) -> object:
        signal.raise_signal(signal.SIGINT)
        return function(*given)  # type: ignore[operator]

    return call


KILLED = """
import os, signal, sys
from pathlib import Path
import fastcar.exchange
from fastcar.folder_output import write_directory_atomically
from fastcar.reference import hidden_paths

folder, has_exchange = Path(sys.argv[1]), sys.argv[2] == "one step"
if not has_exchange:
    fastcar.exchange.exchange = lambda first, second: False
OURS = {"folder_output.py", "output.py", "exchange.py", "hidden_paths.py"}

def write(names, text):
    with write_directory_atomically(folder, "test", True) as partial:
        for name in names:
            (partial / name).write_text(text)

def kill_at(moment):
    "End this process at a line of ours, counted from the start of the write."
    count = 0
    def trace(frame, event, value):
        nonlocal count
        if os.path.basename(frame.f_code.co_filename) not in OURS:
            return None
        if event == "line":
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace
    sys.settrace(trace)
    write("bc", "new")
    sys.settrace(None)
    os._exit(0)

def read():
    return {path.name: path.read_text() for path in folder.glob("[!.]*")}

OLD, NEW = {"a": "old", "b": "old", "mine": "!"}, {"b": "new", "c": "new", "mine": "!"}
write("ab", "old")
(folder / "mine").write_text("!")
found, moment = [], 0
while True:
    moment += 1
    child = os.fork()
    if not child:
        kill_at(moment)
    if os.waitpid(child, 0)[1] == 0:
        break
    if has_exchange:
        assert read() in (OLD, NEW), (moment, read())
    hidden_paths.remove_abandoned(folder, folder.parent)
    assert read() in (OLD, NEW), (moment, read())
    assert [path.name for path in folder.parent.iterdir()] == [folder.name], moment
    found.append(read() == NEW)
    if found[-1]:
        write("ab", "old")
print(moment, found.count(True), found == sorted(found))
"""


@pytest.mark.parametrize("way", ["one step", "two steps"])
def test_a_kill_at_any_line_leaves_the_old_result_or_the_new_one(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "room" / "out"
    folder.parent.mkdir()
    if way == "one step" and not _can_exchange(tmp_path):
        pytest.skip("this file system cannot exchange two names")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), way],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    moments, num_new, is_sorted = done.stdout.split()
    assert int(moments) > 100
    assert int(num_new) > 5
    assert is_sorted == "True"


def _can_exchange(folder: Path) -> bool:
    places = folder / "first", folder / "second"
    for place in places:
        place.mkdir()
    return fastcar.exchange.exchange(*places)


def test_who_may_read_a_result_may_read_the_next_one(tmp_path: Path) -> None:
    folder, file = tmp_path / "out", tmp_path / "report.json"
    for _ in range(2):
        with write_directory_atomically(folder, "generate") as partial:
            (partial / "report.json").write_text("{}")
        with write_atomically(file) as partial:
            partial.write_text("{}")
        folder.chmod(0o700)
        file.chmod(0o600)
    with write_directory_atomically(folder, "generate") as partial:
        (partial / "report.json").write_text("{}")
    with write_atomically(file) as partial:
        partial.write_text("{}")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
