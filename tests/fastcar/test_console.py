"""Progress without a terminal, notes and warnings, choices that mean well."""

from __future__ import annotations

import re
import time

import click
import pytest

from fastcar.cli import console
from fastcar.cli.main import COMMANDS, fastcar
from fastcar.cli.options import NearestChoice
from tests.fastcar.commands import check_refused, run_command

Capture = pytest.CaptureFixture[str]
DEADLINE_SECONDS = 60.0


def wait_for_lines(capsys: Capture, number: int) -> str:
    """What stderr shows once it has that many lines."""
    text, end = "", time.monotonic() + DEADLINE_SECONDS
    while text.count("\n") < number and time.monotonic() < end:
        time.sleep(0.01)
        text += capsys.readouterr().err
    return text


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 0.01)


@pytest.mark.usefixtures("hurried")
def test_a_stage_without_a_word_is_heard_of(capsys: Capture) -> None:
    with console.show_progress("tokens") as progress:
        progress("build pyrtl", 0, 0)
        first = wait_for_lines(capsys, 2)
        progress("lock_step", 3, 7)
        second = wait_for_lines(capsys, 2)
    assert re.fullmatch(r"(fastcar: build pyrtl: \d+ s\n)+", first)
    assert second.endswith("\n")
    assert re.fullmatch(r"fastcar: lock step: 3/7 tokens, \d+ s", second.splitlines()[-1])


@pytest.mark.usefixtures("hurried")
def test_the_lines_end_with_the_block(capsys: Capture) -> None:
    with console.show_progress() as progress:
        progress("decode", 1, 2)
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_short_work_says_nothing(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "LINE_SECONDS", 3600.0)
    with console.show_progress() as progress:
        progress("decode", 1, 2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("word", ["tas", "TAS", "Tas"])
def test_a_choice_has_no_case(word: str) -> None:
    assert NearestChoice(["tas", "input"]).convert(word, None, None) == "tas"


def test_a_wrong_choice_is_told_the_nearest_word() -> None:
    with pytest.raises(click.BadParameter, match=r"Did you mean 'input'\?$"):
        NearestChoice(["tas", "input"]).convert("imput", None, None)
    with pytest.raises(click.BadParameter) as caught:
        NearestChoice(["tas", "input"]).convert("zzz", None, None)
    assert "Did you mean" not in caught.value.message


def test_a_wrong_command_is_told_the_nearest_one(capsys: Capture) -> None:
    check_refused(run_command(capsys, "generat"), ["'generat'", "Did you mean 'generate'?"])
    check_refused(run_command(capsys, "zzz"), ["'zzz'", "Commands: generate, "])


def test_a_percentage_is_told_the_share(capsys: Capture) -> None:
    options = ("--prompt", "3 up", "--out", "out/never")
    outcome = run_command(capsys, "generate", *options, "--target-ratio", "30")
    check_refused(outcome, ["target_ratio = 30.0", "as 0.3 for 30 %"])


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_of_the_help_are_parsed(name: str) -> None:
    """As far as options and their values go; files that are written in capitals are the user's."""
    command = fastcar.get_command(click.Context(fastcar), name)
    assert command is not None
    examples = re.findall(rf"^\s*fastcar {name}(.*)$", command.help or "", re.M)
    assert examples, "every command has an example"
    for example in examples:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', example)]
        command.make_context(name, words)
