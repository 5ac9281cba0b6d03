"""Marks of runs with kernels: left where all is kept, believed where nothing has changed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import numba.core.config
import numpy as np
import pytest

from fastcar.reference import kernel_marks
from fastcar.reference.kernel_marks import are_kept, leave_mark
from fastcar.reference.kernels import machine_code
from fastcar.reference.kernels.compilation import kernel

config: Any = numba.core.config
"""Without types."""

KERNELS = frozenset({"mlp one", "draw"})


def add_two(x: Any) -> None:
    """Compiled by every test: a tenth of a second."""
    x[0] += 2


def use_kernel() -> None:
    """What a run with compiled kernels does."""
    x = np.ones(1)
    kernel()(add_two)(x)
    assert x[0] == 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the user's choice, and a process that has used nothing yet.

    Numba reads a changed environment anew when it compiles: it shall see the old one before the
    next test sets something in its configuration.
    """
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine_code, "_used", set())
    monkeypatch.setattr(machine_code, "_lost", set())
    yield tmp_path
    monkeypatch.undo()
    config.reload_config()


def test_kernels_of_a_run_that_left_its_mark_are_kept(folder: Path) -> None:
    assert not are_kept(KERNELS)
    use_kernel()
    assert not are_kept(KERNELS)
    leave_mark(KERNELS)
    assert are_kept(KERNELS)
    assert are_kept(KERNELS - {"draw"})
    assert not are_kept(KERNELS | {"attend one"})
    assert len(list(folder.glob("*.mark"))) == 1


def test_what_was_loaded_counts_like_what_was_compiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kernel()
    monkeypatch.setattr(machine_code, "_used", set())
    use_kernel()
    leave_mark(KERNELS)
    assert are_kept(KERNELS)


def test_marks_add_up(folder: Path) -> None:
    use_kernel()
    leave_mark(KERNELS)
    leave_mark(frozenset({"attend one"}))
    assert are_kept(KERNELS | {"attend one"})


def test_a_process_that_used_no_kernel_leaves_no_mark(folder: Path) -> None:
    leave_mark(KERNELS)
    assert not are_kept(KERNELS)
    assert list(folder.iterdir()) == []


def cut_kernel(folder: Path) -> None:
    """A file of machine code loses its last byte."""
    [path] = folder.glob("kernels-*/*.kernel")
    path.write_bytes(path.read_bytes()[:-1])


def remove_kernel(folder: Path) -> None:
    """A file of machine code goes."""
    [path] = folder.glob("kernels-*/*.kernel")
    path.unlink()


def spoil_mark(folder: Path) -> None:
    """Something else stands where the mark was."""
    [path] = folder.glob("*.mark")
    path.write_bytes(b"x" * 100)


@pytest.mark.parametrize("change", [cut_kernel, remove_kernel, spoil_mark])
def test_a_mark_without_its_files_is_not_believed(
    folder: Path, change: Callable[[Path], None]
) -> None:
    use_kernel()
    leave_mark(KERNELS)
    change(folder)
    assert not are_kept(KERNELS)
    if change is not spoil_mark:
        leave_mark(frozenset({"rotate"}))
        assert not are_kept(KERNELS | {"rotate"})


@pytest.mark.parametrize("changed", ["setting", "version", "processor", "processors", "sources"])
def test_a_mark_of_other_circumstances_is_not_believed(
    folder: Path, changed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_kernel()
    leave_mark(KERNELS)
    assert are_kept(KERNELS)
    if changed == "setting":
        monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
    elif changed == "version":
        monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0")
    elif changed == "processor":
        monkeypatch.setattr(kernel_marks, "_describe_processor", lambda: "another")
    elif changed == "processors":
        count = 1 if kernel_marks._count_processors() > 1 else 2
        monkeypatch.setattr(kernel_marks, "_count_processors", lambda: count)
    else:
        (tmp_path / "kernel.py").write_text("pass")
        monkeypatch.setattr(kernel_marks, "KERNELS", tmp_path)
    assert not are_kept(KERNELS)


def test_sources_of_packages_in_the_package_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_marks, "KERNELS", tmp_path)
    (tmp_path / "frame").mkdir()
    digests = set()
    for text in ("old", "new"):
        (tmp_path / "frame" / "kernel.py").write_text(text)
        digests.add(kernel_marks._digest_circumstances())
    assert len(digests) == 2


def test_a_kernel_that_could_not_be_kept_leaves_no_mark(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kernel()
    (folder / "file").write_text("no folder")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folder / "file"))
    use_kernel()
    leave_mark(KERNELS)
    assert not are_kept(KERNELS)


def test_a_place_that_takes_no_mark_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_kernel()
    (folder / "file").write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder / "file"))
    leave_mark(KERNELS)
    assert not are_kept(KERNELS)


def test_the_processor_is_told_by_what_does_not_change(tmp_path: Path) -> None:
    first = "processor\t: 0\nmodel name\t: A\ncpu MHz\t\t: {}\nflags\t\t: fpu avx2\n\n"
    told = set()
    for speed in (1000, 2000):
        (tmp_path / "cpuinfo").write_text(first.format(speed) + "processor\t: 1\n")
        told.add(kernel_marks._describe_processor(tmp_path / "cpuinfo"))
    (text,) = told
    assert text.splitlines()[1:] == ["model name\t: A", "flags\t\t: fpu avx2"]
    assert kernel_marks._describe_processor(tmp_path / "none")


def test_whether_kernels_are_kept_is_told_without_numba() -> None:
    program = (
        "import sys; from fastcar.reference.kernel_marks import are_kept; "
        "are_kept(frozenset()); print('numba' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
