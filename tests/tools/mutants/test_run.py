"""A caught bug is told from a survivor, and from a test that fails without it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from tools.mutants import run
from tools.mutants.mutant import Mutant, MutantError, compute_mutated
from tools.mutants.run import UNTRIED, check_clean, planted, run_all, run_tests

MUTANT = Mutant("planted", "module.py", "x = 1", "x = 2", ("test_module.py",))


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


@pytest.mark.slow
def test_a_test_that_fails_without_a_bug_is_an_error(tree: Path) -> None:
    trees: SimpleQueue[Path] = SimpleQueue()
    trees.put(tree)
    check_clean(trees, ["test_module.py", "test_other.py"])
    (tree / "module.py").write_text("x = 0\n")
    with pytest.raises(MutantError, match=r"^test_module\.py::test_x fails without any mutant$"):
        check_clean(trees, ["test_other.py", "test_module.py"])
    assert trees.get() == tree


@pytest.mark.slow
def test_survivors_and_catchers_are_told_in_order(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plant_copies(monkeypatch, tree)
    survivor = replace(MUTANT, name="unseen", tests=("test_other.py",))
    outcomes = run_all([MUTANT, survivor], num_workers=2)
    assert [outcome.caught_by for outcome in outcomes] == ["test_module.py::test_x", None]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["planted", "unseen"]
    assert lines[1].endswith("SURVIVED")


@pytest.mark.slow
def test_names_of_parameters_may_come_from_the_bug(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "test_module.py").write_text(
        "import pytest\nfrom module import x\n\n@pytest.mark.parametrize('y', [x])\n"
        "def test_x(y: int) -> None:\n    assert y == 1\n"
    )
    plant_copies(monkeypatch, tree)
    [outcome] = run_all([MUTANT], num_workers=1)
    assert outcome.caught_by == "test_module.py::test_x[2]"


def test_a_bug_whose_tests_are_skipped_is_no_survivor(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    skip = "import pytest\n\n@pytest.mark.skip\ndef test_y() -> None:\n    assert False\n"
    (tree / "test_skipped.py").write_text(skip)
    plant_copies(monkeypatch, tree)
    [outcome] = run_all([replace(MUTANT, tests=("test_skipped.py", "test_other.py"))], 1)
    assert outcome.caught_by == UNTRIED
    assert capsys.readouterr().out.rstrip().endswith(UNTRIED)


@pytest.mark.slow
def test_a_test_that_catches_everything_catches_nothing(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "test_module.py").write_text("def test_x() -> None:\n    assert False\n")
    plant_copies(monkeypatch, tree)
    with pytest.raises(MutantError, match=r"^test_module\.py::test_x fails without any mutant$"):
        run_all([MUTANT], num_workers=1)


def plant_copies(monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    """Bugs are planted in copies of a small tree."""

    def copy(target: Path) -> Path:
        return Path(shutil.copytree(tree, target, dirs_exist_ok=True))

    monkeypatch.setattr(run, "make_tree", copy)


@pytest.mark.parametrize(("old", "found"), [("x = 3", 0), (" = 1", 2)])
def test_refuses_a_text_that_is_not_there_once(old: str, found: int) -> None:
    message = rf"^planted: text found {found} times in module\.py: must be once$"
    with pytest.raises(MutantError, match=message):
        compute_mutated("x = 1\ny = 1\n", replace(MUTANT, old=old))
