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
COMMANDS_PAGE = ROOT / "docs" / "commands.md"
LONG = ("generate", "analyze", "sweep", "report")
"""Commands whose examples take minutes, or need what those leave; they run at night."""
OF_THE_READER = "conformance"
"""The command that runs a program of the reader's."""


def list_commands(text: str) -> list[str]:
    """Lines that call fastcar in the console blocks of a page."""
    console = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    return [line for line in console.splitlines() if line.startswith("fastcar ")]


RUN = (COMMANDS_PAGE, *sorted((ROOT / "docs" / "tutorials").glob("*.md")))
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
    lines = list_commands(COMMANDS_PAGE.read_text(encoding="utf-8"))
    assert {get_name(line) for line in lines} == set(TABLE)


def run_in_order(lines: Iterable[str], folder: Path) -> None:
    """Run commands one after the other in a folder that has the tests' vectors."""
    (folder / "tests").symlink_to(ROOT / "tests")
    for line in lines:
        words = [sys.executable, "-m", *shlex.split(line, comments=True)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr if done.returncode else "") == (0, ""), line


@pytest.mark.slow
@pytest.mark.parametrize("page", [one for one in RUN if collect([one])], ids=lambda page: page.stem)
def test_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    lines = list_commands(page.read_text(encoding="utf-8"))
    run_in_order([one for one in lines if get_name(one) not in (*LONG, OF_THE_READER)], tmp_path)


@pytest.mark.nightly
def test_all_examples_of_the_page_of_commands_run(tmp_path: Path) -> None:
    lines = list_commands(COMMANDS_PAGE.read_text(encoding="utf-8"))
    run_in_order([one for one in lines if get_name(one) != OF_THE_READER], tmp_path)


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
