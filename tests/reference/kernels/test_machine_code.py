"""Machine code on disk: used where it is whole and of these sources, else compiled anew."""

from __future__ import annotations

import os
import pickle
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

import fastcar.reference.cache_files as cache_files
import fastcar.reference.kernels.machine_code as machine_code
from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.machine_code import KEPT_FOLDERS, get_digest, list_folders

Capture = pytest.CaptureFixture[str]


def add_one(x: Any) -> None:
    """Compiled by every test that needs a kernel: a tenth of a second."""
    x[0] += 1


def run(text: str = "") -> int:
    """Compile or load, check what comes out, and count what came from disk."""
    compiled = kernel()(add_one)
    x = np.ones(1)
    compiled(x)
    assert x[0] == 2
    return sum(compiled.stats.cache_hits.values())


@pytest.fixture(autouse=True)
def _unsaid() -> Iterator[None]:
    """Every test hears every warning."""
    cache_files._said.clear()
    yield
    cache_files._said.clear()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the user's choice."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path / f"kernels-{get_digest()}"


def test_the_second_process_finds_what_the_first_one_kept(folder: Path, capsys: Capture) -> None:
    assert [run(), run()] == [0, 1]
    assert [path.suffix for path in folder.iterdir()] == [".kernel"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("content", ["empty", "cut", "longer", "foreign", "flipped"])
def test_a_damaged_file_is_compiled_anew_and_said_once(
    folder: Path, content: str, capsys: Capture
) -> None:
    run()
    [path] = folder.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = bytes([whole[middle] ^ 1])
    damaged = {
        "empty": b"",
        "cut": whole[:-1],
        "longer": whole + b"x",
        "foreign": b"\x80\x04." * 100,
        "flipped": whole[:middle] + flipped + whole[middle + 1 :],
    }
    path.write_bytes(damaged[content])
    assert [run(), run()] == [0, 1]
    error = capsys.readouterr().err
    assert error == (
        f"fastcar: {path}: its digest is not that of its content; the kernel is compiled anew\n"
    )


def test_a_file_of_another_key_is_not_used(folder: Path, capsys: Capture) -> None:
    """Names are digests; should two be equal, the key decides."""
    run()
    [path] = folder.iterdir()
    payload = cache_files.read_checked(path)
    assert payload is not None
    key, reduced = pickle.loads(payload)
    other = machine_code._serialize.dumps(((*key[:-1], "other sources"), reduced))
    cache_files.write_checked(path, other)
    assert [run(), run()] == [0, 1]
    assert capsys.readouterr().err == ""


def test_a_whole_file_that_cannot_be_unpickled_is_compiled_anew(
    folder: Path, capsys: Capture
) -> None:
    run()
    [path] = folder.iterdir()
    cache_files.write_checked(path, b"no pickle")
    assert [run(), run()] == [0, 1]
    assert re.fullmatch(r"fastcar: .*: \w+; the kernel is compiled anew\n", capsys.readouterr().err)


def test_what_cannot_be_kept_is_compiled_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    assert [run(), run()] == [0, 0]
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "kernels cannot be kept, the next run compiles them again" in error
    assert str(tmp_path / "file") in error


def test_a_full_disk_leaves_nothing_half_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    assert [run(), run()] == [0, 0]
    assert list(folder.iterdir()) == []
    assert "no space left on device" in capsys.readouterr().err


def test_a_package_that_cannot_be_written_is_no_reason_for_stale_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The user's cache carries the same digest."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__pycache__").write_text("in the way")
    (package / "helper.py").write_text("old")
    monkeypatch.setattr(machine_code, "PACKAGE", package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = set()
    try:
        for text in ("old", "new"):
            (package / "helper.py").write_text(text)
            get_digest.cache_clear()
            names.add(list_folders()[1].name)
            assert len({path.name for path in list_folders()}) == 1
            assert [run(), run()] == [0, 1]
    finally:
        get_digest.cache_clear()
    kept = {path.name for path in (tmp_path / "cache" / "fastcar").iterdir()}
    assert kept == names
    assert len(names) == 2
    assert capsys.readouterr().err == ""


def test_a_user_without_a_home_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(Path, "home", fail)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert [path.parent.name for path in list_folders()] == ["__pycache__"]


def test_older_folders_go(folder: Path) -> None:
    for age in range(KEPT_FOLDERS + 3):
        older = folder.parent / f"kernels-{age:016x}"
        older.mkdir()
        os.utime(older, (1_000 - age, 1_000 - age))
    (folder.parent / "notes").write_text("mine")
    run()
    left = sorted(path.name for path in folder.parent.iterdir())
    young = [f"kernels-{age:016x}" for age in range(KEPT_FOLDERS - 1)]
    assert left == sorted([folder.name, "notes", *young])


def test_several_writers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    payloads = [bytes([number]) * 100_000 for number in range(8)]
    threads = [
        threading.Thread(target=cache_files.write_checked, args=(path, payload))
        for payload in payloads
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert cache_files.read_checked(path) in (None, *payloads)
    for thread in threads:
        thread.join()
    assert cache_files.read_checked(path) in payloads
    assert list(path.parent.iterdir()) == [path]


def test_any_source_of_the_package_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_code, "PACKAGE", tmp_path)
    digests = set()
    for text in ("", "LANES = 16", "LANES = 8"):
        (tmp_path / "lanes.py").write_text(text, encoding="utf-8")
        get_digest.cache_clear()
        digests.add(get_digest())
    get_digest.cache_clear()
    assert len(digests) == 3


@pytest.mark.parametrize("is_ours", [True, False])
def test_kernels_of_packages_in_this_one_count_as_used(
    is_ours: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: set[Path] = set()
    monkeypatch.setattr(machine_code, "_used", used)
    monkeypatch.setattr(machine_code, "_lost", set())
    package = (machine_code.PACKAGE if is_ours else machine_code.PACKAGE.parent) / "frame"
    kernel(package=package)(add_one)(np.ones(1))
    files = set(folder.parent.glob("kernels-*/*.kernel"))
    assert len(files) == 1
    assert used == (files if is_ours else set())
