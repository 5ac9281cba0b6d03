"""The planted bugs fit the code, and the tool tells a caught one from a survivor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from fastcar.proofs.registry import STEMS
from tools.mutants.__main__ import (
    MUTANTS,
    MutantError,
    check_clean,
    check_list,
    compute_mutated,
    main,
    planted,
    run_tests,
)
from tools.mutants.mutant import Mutant
from tools.paths import ROOT

MUTANT = Mutant("planted", "module.py", "x = 1", "x = 2", ("test_module.py",))
COSIM_STEMS = (
    "program/assembler",
    "program/compiler",
    "program/memory_image",
    "backends/memory_model",
    "engine",
    "lockstep",
    "statistics",
    "report",
    "wave",
    "export/recording",
    "cycles/cycle_model",
    "cycles/cycle_recursion",
    "backends/pyrtl_backend",
    "backends/verilator_backend",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with one module, one test and the profile that the tool asks for."""
    (tmp_path / "module.py").write_text("x = 1\ny = 1\n")
    (tmp_path / "test_module.py").write_text(
        "from module import x\n\ndef test_x() -> None:\n    assert x == 1\n"
    )
    (tmp_path / "test_other.py").write_text("def test_nothing() -> None:\n    assert True\n")
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\n")
    return tmp_path


def test_every_planted_bug_fits_the_code() -> None:
    check_list(MUTANTS)


def test_the_replay_rule_has_its_mutants() -> None:
    assert sum(mutant.path == "reference/replay.py" for mutant in MUTANTS) >= 10


@pytest.mark.parametrize("number", STEMS)
def test_every_statement_has_its_mutants(number: str) -> None:
    assert sum(mutant.name.startswith(f"{number} ") for mutant in MUTANTS) >= 2


@pytest.mark.parametrize(
    "unit", sorted(p.name for p in (ROOT / "rtl").glob("[a-z]*.py") if p.stem != "core_ports")
)
def test_every_unit_of_the_hardware_has_its_mutants(unit: str) -> None:
    assert any(mutant.path == f"rtl/{unit}" for mutant in MUTANTS)


@pytest.mark.parametrize("stem", COSIM_STEMS)
def test_every_part_of_the_co_simulation_has_its_mutants(stem: str) -> None:
    assert any(mutant.path == f"cosim/{stem}.py" for mutant in MUTANTS)


def test_a_caught_bug_names_the_test_and_a_survivor_none(tree: Path) -> None:
    files = {path: path.read_text() for path in tree.iterdir() if path.suffix == ".py"}
    with planted(tree, MUTANT):
        assert (tree / "module.py").read_text() == "x = 2\ny = 1\n"
        assert run_tests(tree, ["test_module.py"]) == "test_module.py::test_x"
        assert run_tests(tree, ["test_other.py"]) is None
    assert files == {path: path.read_text() for path in files}


def test_a_test_file_that_cannot_be_collected_catches_nothing(tree: Path) -> None:
    (tree / "test_module.py").write_text("import missing_module\n")
    with pytest.raises(MutantError, match=r"^pytest ended with \d:"):
        run_tests(tree, ["test_module.py"])


def test_a_test_that_fails_without_a_bug_is_an_error(tree: Path) -> None:
    trees: SimpleQueue[Path] = SimpleQueue()
    trees.put(tree)
    check_clean(trees, ["test_module.py", "test_other.py"])
    (tree / "module.py").write_text("x = 0\n")
    with pytest.raises(MutantError, match=r"^test_module\.py::test_x fails without any mutant$"):
        check_clean(trees, ["test_other.py", "test_module.py"])
    assert trees.get() == tree


@pytest.mark.parametrize(("old", "found"), [("x = 3", 0), (" = 1", 2)])
def test_refuses_a_text_that_is_not_there_once(old: str, found: int) -> None:
    message = rf"^planted: text found {found} times in module\.py: must be once$"
    with pytest.raises(MutantError, match=message):
        compute_mutated("x = 1\ny = 1\n", replace(MUTANT, old=old))


def test_refuses_a_name_twice_and_a_missing_test(tree: Path) -> None:
    with pytest.raises(MutantError, match=r"^planted: name stands twice in the list$"):
        check_list([MUTANT, MUTANT], tree)
    with pytest.raises(MutantError, match=r"^planted: no test file test_gone\.py$"):
        check_list([replace(MUTANT, tests=("test_gone.py",))], tree)
    with pytest.raises(MutantError, match=r"^planted: no test test_y in test_module\.py$"):
        check_list([replace(MUTANT, tests=("test_module.py::test_y",))], tree)
    check_list([replace(MUTANT, tests=("test_module.py::test_x",))], tree)


def test_a_word_that_names_no_mutant_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.mutants.__main__.MUTANTS", ())
    assert main([]) == 1
    assert "no mutant" in capsys.readouterr().err
