from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.bench.shipped.earlier import AbsentError, check_out
from tools.bench.shipped.plan import STEPS, TEMPERATURE
from tools.bench.shipped.player import ShippedPlayer
from tools.bench.worker import Worker, WorkerError
from tools.paths import ROOT

IDENTITY = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of a package; the second one changes it."""
    root = tmp_path / "repository"
    (root / "reference").mkdir(parents=True)
    git(root, "init", "--quiet")
    for text in ("first", "second"):
        (root / "reference" / "__init__.py").write_text(f"WHO = {text!r}\n")
        (root / "other.py").write_text("")
        git(root, "add", ".")
        git(root, *IDENTITY, "commit", "--quiet", "--message", text)
    return root


def git(root: Path, *arguments: str) -> str:
    """What git says."""
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@needs_git
def test_the_package_is_that_of_the_commit(repository: Path, tmp_path: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD~1")
    found = check_out(commit, tmp_path, repository)
    assert (found / "reference" / "__init__.py").read_text() == "WHO = 'first'\n"
    assert [path.name for path in found.iterdir()] == ["reference"]
    # a second time nothing is written: compiled kernels lie there
    (found / "kept").touch()
    assert check_out(commit, tmp_path, repository) == found
    assert (found / "kept").exists()


@needs_git
def test_a_commit_that_is_not_there_is_told(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match=r"^git archive 0123abc: fatal: .*0123abc"):
        check_out("0123abc", tmp_path, repository)
    assert not list(tmp_path.glob("earlier-*"))


@needs_git
def test_a_folder_without_history_is_told(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match=r"^git archive 19b5edc: fatal: "):
        check_out("19b5edc", tmp_path, Path("/"))


def test_without_git_it_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AbsentError, match=r"^git: No such file or directory$"):
        check_out("19b5edc", tmp_path)


def test_a_quick_run_looks_for_none(tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match=r"^a quick run leaves it out$"):
        check_out("", tmp_path)


def test_todays_package_does_not_play_for_the_earlier_one(tmp_path: Path) -> None:
    # the working directory of a contender has a package of the same name
    with (
        Worker(f"earlier-{tmp_path}") as worker,
        pytest.raises(WorkerError, match=r"ImportError|ModuleNotFoundError"),
    ):
        worker.ask("get_peak")


@pytest.mark.slow
def test_the_engine_of_the_folder_decodes_the_prompts_it_is_given(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "reference", tmp_path / "reference", ignore=ignored)
    today = ShippedPlayer()
    ids = today.open(2, 1, TEMPERATURE)["prompt_ids"]
    today.run(STEPS, 1)
    with Worker(f"earlier-{tmp_path}") as worker:
        worker.ask("open", ids, TEMPERATURE)
        answer = worker.ask("run", "whatever", 1)
        assert worker.ask("get_tokens") == today.get_tokens()
        assert worker.ask("get_peak") > 1 << 20
    assert answer["cpu"] > 0
    assert answer["clock"] > 0
