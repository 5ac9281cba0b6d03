"""The planted bugs fit the code, and the tool tells a caught one from a survivor."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fastcar.proofs.registry import STEMS
from tools.mutants.__main__ import MUTANTS, check_list, count_commits, main
from tools.mutants.mutant import Mutant, MutantError
from tools.mutants.run import Outcome
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
    "wave/recording",
    "wave/window",
    "wave/changes",
    "wave/vcd_file",
    "wave/fst_file",
    "wave/side_files",
    "export/recording",
    "cycles/cycle_model",
    "cycles/cycle_recursion",
    "backends/pyrtl_backend",
    "backends/verilator_backend",
)


def test_every_planted_bug_fits_the_code() -> None:
    check_list(MUTANTS)


def test_the_replay_rule_has_its_mutants() -> None:
    paths = "reference/replay.py", "reference/replacement.py"
    assert sum(mutant.path in paths for mutant in MUTANTS) >= 16


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


def test_parts_rotate_with_the_commits_and_leave_nothing_out(
    monkeypatch: pytest.MonkeyPatch, tree: Path
) -> None:
    seen: list[str] = []
    monkeypatch.setattr("tools.mutants.__main__.check_list", lambda chosen: None)

    def note(chosen: Sequence[Mutant], num_workers: int, scheduler: None) -> list[Outcome]:
        seen.extend(mutant.name for mutant in chosen)
        return []

    monkeypatch.setattr("tools.mutants.__main__.run_all", note)
    for commits in range(90, 97):
        monkeypatch.setattr("tools.mutants.__main__.count_commits", lambda n=commits: n)
        assert main(["--rotate", "7"]) == 0
    assert sorted(seen) == sorted(mutant.name for mutant in MUTANTS)


def test_commits_are_those_of_the_repository(tmp_path: Path) -> None:
    assert count_commits(tmp_path) == 0
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    for _ in range(2):
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    assert count_commits(tmp_path) == 2
    shallow = tmp_path / "shallow"
    source = f"file://{tmp_path}"
    subprocess.run(["git", "clone", "-q", "--depth", "1", source, str(shallow)], check=True)
    with pytest.raises(MutantError, match="must not be shallow"):
        count_commits(shallow)


@pytest.mark.parametrize("text", ["0", "-1", "x"])
def test_refuses_a_rotation_that_is_no_number(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--rotate", text])
    assert "must be a whole number, at least 1" in capsys.readouterr().err
