from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fastcar.folder_output import check_writable_directory
from fastcar.output import check_writable, write_atomically
from fastcar.reference.errors import OutputError

FORBIDDEN = Path("/proc/fastcar")
"""Where even a superuser can create nothing."""


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
        ("file/a.npz", "must lie in a directory"),
        ("", "must be a path"),
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
    given = tmp_path / path if path else ""
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=reason):
        check_writable(given)
    with pytest.raises(OutputError, match=reason), write_atomically(given) as partial:
        partial.write_text("new")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("path", ["new/a.json", "new/deep/er/a.json"])
def test_missing_parents_are_made_at_the_end(tmp_path: Path, path: str) -> None:
    check_writable(tmp_path / path)
    with write_atomically(tmp_path / path) as partial:
        partial.write_text("new")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / path).read_text() == "new"
    assert not list(tmp_path.rglob("*partial*"))


def test_parents_that_were_made_for_nothing_go_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Path, target: Path) -> Path:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError), write_atomically(tmp_path / "new" / "deep" / "a") as partial:
        partial.write_text("new")
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_leaves_room_for_the_hidden_one(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 120 + ".json")
    check_writable(target)
    with write_atomically(target) as partial:
        partial.write_text("new")
        assert partial.suffix == ".json"
    assert target.read_text() == "new"


def test_a_read_only_place_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There even removing what is not there fails."""
    read_only = OSError(errno.EROFS, "Read-only file system")

    def fail(*given: object, **named: object) -> None:
        raise read_only

    for owner, name in ((os, "open"), (Path, "mkdir"), (Path, "unlink"), (Path, "touch")):
        monkeypatch.setattr(owner, name, fail)
    with pytest.raises(OutputError, match="must be writable; read-only file system"):
        check_writable(tmp_path / "a.json")
    with pytest.raises(OutputError, match="must be writable; read-only file system"):
        check_writable_directory(tmp_path / "a")


KILLED = """
import os, signal, sys
from pathlib import Path
from fastcar.output import write_atomically
with write_atomically(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print(partial, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_goes_with_the_next_one(tmp_path: Path) -> None:
    """And only that: neither what a live run holds nor what belongs to another target."""
    target, other = tmp_path / "report.json", tmp_path / "other.json"
    with start(target) as killed, start(other) as another, start(target) as alive:
        for process in (killed, another):
            process.kill()
            process.wait()
        hidden = {path.name for path in tmp_path.iterdir()}
        assert len(hidden) == 3
        check_writable(target)
        left = {path.name for path in tmp_path.iterdir()}
        assert len(left) == 2
        assert {name.split(".")[1] for name in left} == {"report", "other"}
        alive.communicate()
        assert alive.returncode == 0
    assert target.read_text() == "half"
    check_writable(other)
    assert list(tmp_path.iterdir()) == [target]


@contextmanager
def start(target: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has written half of a file."""
    command = [sys.executable, "-c", KILLED, str(target)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "partial" in process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()
