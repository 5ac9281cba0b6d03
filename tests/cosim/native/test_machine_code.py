"""Machine code on disk: found again, checked before it is used, and never a reason to fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fastcar.cosim.native import NativeSimulation, machine_code
from fastcar.reference import cache_files
from tests.cosim.native.blocks import make_accumulator

TEXT = "define i64 @run() {\n ret i64 42\n}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache_files, "_said", set())
    return tmp_path / "fastcar" / "native"


def forbid_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(text: str) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr(machine_code, "compile_text", refuse)


def call(text: str) -> int:
    code = machine_code.MachineCode(text)
    return int(code.run(0, 0, 0, 0, 0, 0))


def test_a_second_simulation_does_not_compile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    NativeSimulation(tracer=None, block=make_accumulator())
    forbid_compiling(monkeypatch)
    simulation = NativeSimulation(tracer=None, block=make_accumulator())
    simulation.run(3, {"add": 2, "clear": 0})
    assert simulation.inspect("sum") == 4
    with pytest.raises(AssertionError, match="compiled again"):
        NativeSimulation(tracer=None, block=make_accumulator(is_asserted=True))


PROGRAM = """
import sys
from fastcar.cosim.native import NativeSimulation
from random import Random
from tests.cosim.native.random_blocks import make_random_block
made = make_random_block(Random(5))
NativeSimulation(tracer=None, memory_value_map=made.memory_values, block=made.block, observe="all")
"""


def test_another_process_finds_the_code_whatever_its_hash_seed(folder: Path) -> None:
    for seed in ("1", "2"):
        environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PYTHONHASHSEED": seed}
        environment["XDG_CACHE_HOME"] = str(folder.parent.parent)
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
        assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-1], "its digest is not that of its content"),
        (lambda content: b"", "its digest is not that of its content"),
        (lambda content: content[:99] + b"!" + content[100:], "its digest is not that"),
    ],
)
def test_a_damaged_file_is_compiled_anew(
    folder: Path, capfd: pytest.CaptureFixture[str], damage: object, reason: str
) -> None:
    assert call(TEXT) == 42
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    assert callable(damage)
    path.write_bytes(damage(whole))
    assert call(TEXT) == 42
    error = capfd.readouterr().err
    assert error.startswith(f"fastcar: {path}: {reason}")
    assert error.count("\n") == 1
    assert cache_files.read_checked(path) is not None


def test_a_whole_file_of_other_code_is_compiled_anew(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    call(TEXT)
    (path,) = folder.iterdir()
    other = TEXT.replace("42", "43")
    target = folder / f"{machine_code.compute_key(other).hex()}.o"
    target.write_bytes(path.read_bytes())
    assert call(other) == 43
    assert "it was written for something else" in capfd.readouterr().err
    assert call(other) == 43
    assert capfd.readouterr().err == ""


def test_a_folder_that_cannot_be_made_costs_a_line(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder.parent.mkdir()
    folder.write_text("a file")
    assert call(TEXT) == 42
    error = capfd.readouterr().err
    assert error.startswith("fastcar: machine code cannot be kept, the next run compiles again: ")
    assert error.count("\n") == 1


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_code, "get_user_cache", lambda: None)
    assert call(TEXT) == 42


def test_the_code_that_was_not_used_for_longest_goes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_code, "KEPT_FILES", 2)
    for number in range(3):
        call(TEXT.replace("42", str(number)))
    names = {path.stem for path in folder.iterdir()}
    assert names == {machine_code.compute_key(TEXT.replace("42", str(n))).hex() for n in (1, 2)}


@pytest.mark.parametrize("what", ["processor", "features", "version", "optimisation", "passes"])
def test_the_key_holds_all_that_decides(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine_code.compute_key(TEXT)
    assert machine_code.compute_key(TEXT + " ") != before
    name, features = machine_code._describe_processor()
    if what == "version":
        monkeypatch.setattr("llvmlite.__version__", "0")
    elif what == "optimisation":
        monkeypatch.setattr(machine_code, "OPTIMISATION", 9)
    elif what == "passes":
        monkeypatch.setattr(machine_code, "PASSES", ("always_inliner",))
    else:
        pair = ("other", features) if what == "processor" else (name, "+other")
        monkeypatch.setattr(machine_code, "_describe_processor", lambda: pair)
    assert machine_code.compute_key(TEXT) != before


def test_code_with_constants_in_memory_runs() -> None:
    """Constants may lie too far away to be reached by their distance."""
    text = (
        "@table = internal constant [2 x i64] [i64 7, i64 42]\n"
        "define i64 @run(i64 %n) {\n %at = getelementptr i64, ptr @table, i64 %n\n"
        " %more = getelementptr i64, ptr %at, i64 1\n %v = load i64, ptr %more\n ret i64 %v\n}\n"
    )
    assert call(text) == 42
