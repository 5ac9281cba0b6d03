"""`--model NAME`: a shipped model for every command, in place of a directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastcar.reference.video import shipped_models
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.reference.video.shipped_models import FOLDERS
from tests.fastcar.commands import MODEL_COMMANDS, SPEC, check_refused, run_command
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tests.fastcar.wrong_inputs import list_options

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tiny models stand in place of the shipped ones, one of them without prompts."""
    monkeypatch.setattr(shipped_models, "ROOT", tmp_path)
    save_tiny_video_model(tmp_path / FOLDERS["moving_digits"])
    save_tiny_video_model(tmp_path / FOLDERS["real_video"], takes_prompts=False)
    return tmp_path


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_every_command_takes_a_model_beside_a_checkpoint(command: str) -> None:
    names = [option.opts[0] for option in list_options(command)]
    assert {"--model", "--checkpoint"} <= set(names)


@pytest.mark.parametrize("before", [True, False])
def test_the_model_of_the_name_is_taken_wherever_it_stands(
    capsys: Capture, shipped: Path, before: bool
) -> None:
    named, others = ("--model", "real_video"), ("--tau", "0", "--repeats", 1, *SPEC)
    out = ("--json", "--out", shipped / "out")
    options = (*named, *others, *out) if before else (*others, *out, *named)
    outcome = run_command(capsys, "generate", *options)
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["model"]["directory"] == str(shipped / FOLDERS["real_video"])


def test_a_required_checkpoint_may_be_named(capsys: Capture, shipped: Path) -> None:
    out = shipped / "int8"
    outcome = run_command(capsys, "quantize", "--model", "real_video", "--out", out)
    assert outcome.status == 0, outcome.err
    assert (out / "video.json").read_bytes() == (
        shipped / FOLDERS["real_video"] / "video.json"
    ).read_bytes()
    outcome = run_command(capsys, "quantize", "--out", shipped / "more")
    check_refused(outcome, ("Missing option", "--checkpoint"))


def test_no_model_is_the_preset_of_a_prediction(capsys: Capture, shipped: Path) -> None:
    named = run_command(capsys, "predict", "--model", "real_video", "--draws", 1, "--json")
    assert json.loads(named.out)["preset"] == FOLDERS["real_video"]
    unnamed = run_command(capsys, "predict", "--draws", 1, "--json")
    assert json.loads(unnamed.out)["preset"] == "demo"


def test_the_default_is_the_shipped_model_of_moving_digits(capsys: Capture, tmp_path: Path) -> None:
    options = ("--prompt", "3 up", "--frames", 1, "--tau", "none", "--repeats", 1, *SPEC)
    reports = []
    for given in ((), ("--model", "moving_digits"), ("--checkpoint", SHIPPED_MODEL)):
        out = ("--json", "--out", tmp_path / "out")
        outcome = run_command(capsys, "generate", *options, *given, *out)
        assert outcome.status == 0, outcome.err
        reports.append(json.loads(outcome.out)["model"])
    assert reports[0] == reports[1] == reports[2]
    assert reports[0]["directory"] == str(SHIPPED_MODEL)


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_an_unknown_name_is_told_those_that_are_here(
    capsys: Capture, shipped: Path, command: str
) -> None:
    outcome = run_command(capsys, command, "--model", "real")
    check_refused(outcome, ("model = 'real': must be one of moving_digits, real_video",))


@pytest.mark.parametrize("command", MODEL_COMMANDS)
def test_a_name_and_a_directory_exclude_each_other(
    capsys: Capture, shipped: Path, command: str
) -> None:
    name, directory = ("--model", "real_video"), ("--checkpoint", shipped / FOLDERS["real_video"])
    for options in ((*name, *directory), (*directory, *name)):
        outcome = run_command(capsys, command, *options)
        check_refused(outcome, ("model, checkpoint = 'both': must be one of the two",))
