"""Every command in README.md parses, and every file it points to exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from fastcar.cli.main import COMMANDS as TABLE
from fastcar.cli.main import fastcar
from tests.test_makefile import get_phony_targets

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = "\n".join(re.findall(r"```console\n(.*?)```", README, re.S)).replace("\\\n", " ")
COMMANDS = [line for line in CONSOLE.splitlines() if line.startswith("fastcar ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_command_parses(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    command = fastcar.get_command(click.Context(fastcar), name)
    assert command is not None
    command.make_context(name, arguments)


def test_readme_shows_every_command() -> None:
    assert {line.split()[1] for line in COMMANDS} == set(TABLE)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^make ([a-z-]+)", CONSOLE, re.M))
    assert targets
    assert targets <= get_phony_targets()


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^):]+)\)", README))))
def test_linked_file_exists(link: str) -> None:
    assert (ROOT / link).exists()
