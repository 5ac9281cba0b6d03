from __future__ import annotations

import os
from pathlib import Path

import pytest

from fastcar.output import (
    check_writable,
    check_writable_directory,
    write_atomically,
    write_directory_atomically,
)
from fastcar.reference.errors import OutputError

FORBIDDEN = Path("/proc/fastcar")
"""Where even a superuser can create nothing."""


def fill(path: Path, names: str, text: str = "new") -> None:
    with write_directory_atomically(path) as partial:
        for name in names:
            (partial / name).write_text(text)


def read_directory(path: Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in path.iterdir()}


def test_file_appears_whole_at_the_end_and_keeps_its_suffix(tmp_path: Path) -> None:
    target = tmp_path / "trace.npz"
    with write_atomically(target) as partial:
        partial.write_text("whole")
        assert partial.suffix == ".npz"
        assert partial.parent == tmp_path
        assert not target.exists()
    assert read_directory(tmp_path) == {"trace.npz": "whole"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, ValueError])
def test_any_exception_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")

    def write_half() -> None:
        with write_atomically(target) as partial:
            partial.write_text("half")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert read_directory(tmp_path) == {"report.json": "old"}


def test_a_body_that_cannot_write_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no space left"), write_atomically(tmp_path / "a"):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with write_atomically(tmp_path / "link") as partial:
        partial.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("folder", "must be a file; a directory stands there"),
        ("missing/a.npz", "its directory must exist"),
        ("file/a.npz", "its directory must exist"),
        ("pipe", "must be a regular file"),
        ("a" * 300, "must be writable; file name too long"),
        ("a\0b", "embedded null"),
        (str(FORBIDDEN), "must be writable"),
    ],
)
def test_unwritable_file_is_refused_before_and_while_writing(
    tmp_path: Path, path: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=reason):
        check_writable(tmp_path / path)
    with pytest.raises(OutputError, match=reason), write_atomically(tmp_path / path) as partial:
        partial.write_text("new")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", ["new", "new/deep/er", "folder"])
def test_check_leaves_nothing_behind(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    check_writable_directory(tmp_path / path)
    check_writable(tmp_path / "file")
    assert [entry.name for entry in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.parametrize("path", ["new", "new/deep/er", "folder"])
def test_directory_appears_whole(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    fill(tmp_path / path, "ab")
    assert read_directory(tmp_path / path) == {"a": "new", "b": "new"}
    assert not list(tmp_path.rglob("*partial*"))


def test_directory_in_use_keeps_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "notes").write_text("mine")
    fill(tmp_path, "ab")
    assert read_directory(tmp_path) == {"a": "new", "b": "new", "notes": "mine"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("path", [".", "new/deep"])
def test_interrupted_directory_leaves_nothing(
    tmp_path: Path, path: str, failure: type[BaseException]
) -> None:
    (tmp_path / "a").write_text("old")

    def fill_half() -> None:
        with write_directory_atomically(tmp_path / path) as partial:
            (partial / "a").write_text("half")
            raise failure

    with pytest.raises(failure):
        fill_half()
    assert read_directory(tmp_path) == {"a": "old"}


def test_failure_while_moving_puts_the_old_files_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "ac", "old")
    move = Path.replace

    def fail_at_c(self: Path, target: Path) -> Path:
        if self.name == "c" and self.read_text() == "new":
            raise OSError(5, "Input/output error")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_c)
    with pytest.raises(OutputError, match="input/output error"):
        fill(tmp_path, "abc")
    assert read_directory(tmp_path) == {"a": "old", "c": "old"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file", "must be a directory; a file stands there"),
        ("file/below", "must lie in a directory"),
        (str(FORBIDDEN), "must be writable"),
    ],
)
def test_unwritable_directory_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(OutputError, match=reason):
        check_writable_directory(tmp_path / path)
    with pytest.raises(OutputError, match=reason):
        fill(tmp_path / path, "a")
    assert read_directory(tmp_path) == {"file": "old"}
