"""Every command in README.md and docs/ parses and runs, and every file they point to exists."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from fastcar.cli.main import COMMANDS as TABLE
from fastcar.cli.main import fastcar
from tests.test_makefile import get_phony_targets

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
LONG = ("generate", "analyze", "cosim", "prove")
"""Commands whose examples take more than a minute together; they run at night."""


def list_commands(text: str) -> list[str]:
    """Lines that call fastcar in the console blocks of a page."""
    console = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    return [line for line in console.splitlines() if line.startswith("fastcar ")]


RUN = (ROOT / "docs" / "commands.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md")))
"""Pages whose examples need nothing of the reader."""


def collect(pages: Iterable[Path]) -> list[str]:
    """All commands of some pages, each once."""
    return sorted({line for page in pages for line in list_commands(page.read_text("utf-8"))})


SHOWN = collect(PAGES)


def get_name(line: str) -> str:
    """Name of the command of a line."""
    return line.split()[1]


@pytest.mark.parametrize("line", SHOWN)
def test_command_parses(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    command = fastcar.get_command(click.Context(fastcar), name)
    assert command is not None
    command.make_context(name, arguments)


def test_the_page_of_commands_shows_every_command() -> None:
    lines = list_commands((ROOT / "docs" / "commands.md").read_text(encoding="utf-8"))
    assert {get_name(line) for line in lines} == set(TABLE)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            line, marks=pytest.mark.nightly if get_name(line) in LONG else pytest.mark.slow
        )
        for line in collect(RUN)
        if "my_program.py" not in line
    ],
)
def test_command_runs(line: str, tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    words = [sys.executable, "-m", *shlex.split(line, comments=True)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    console = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    assert set(re.findall(r"^make ([a-z-]+)", console, re.MULTILINE)) <= get_phony_targets()


def test_readme_has_two_commands() -> None:
    console = "\n".join(re.findall(r"```console\n(.*?)```", README.read_text("utf-8"), re.DOTALL))
    assert re.findall(r"^(?:make|fastcar) \S+", console, re.MULTILINE) == [
        "make demo",
        "make docs-serve",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linked_files_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^):#\s]+)(?:#[^)\s]*)?\)", page.read_text(encoding="utf-8"))
    assert [one for one in targets if not (page.parent / one).exists()] == []
