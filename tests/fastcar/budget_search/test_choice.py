"""`generate` with the gate "best": what the search found is what decodes the videos."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastcar import generate
from fastcar.decode_plan import list_decodes
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import load_video_model
from fastcar.report import build_report
from fastcar.request import GenerationRequest
from fastcar.video_sources import get_sources
from tests.fastcar.commands import SPEC, check_refused, run_command
from tests.fastcar.tiny_video_model import save_tiny_video_model

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_video_model(tmp_path_factory.mktemp("model"))


def test_videos_are_decoded_with_what_was_found(directory: Path) -> None:
    options = {"clips": "held_out:0-1", "frames": 3, "calibration_clips": 2, "repeats": 1}
    stages: set[str] = set()
    made = generate(
        directory,
        gate="best",
        budget=0.8,
        engine="numpy",
        progress=lambda stage, *_: stages.add(stage),
        **options,  # type: ignore[arg-type]
    )
    assert {"search", "fit"} < stages
    assert made.search is not None
    found = made.search.chosen.candidate
    assert made.choice.gate is not None
    assert made.choice.gate.name == made.request.gate == found.gate
    assert (made.correction.rank if made.correction else 0) == found.rank
    assert made.request.warmup_frames == found.warmup_frames
    report = build_report(made)
    json.dumps(report, allow_nan=False)
    shown = report["gate"]["search"]
    one = shown["candidates"][shown["chosen"]]
    assert (one["gate"], one["rank"]) == (found.gate, found.rank)
    assert one["nats_above_dense"] <= shown["candidates"][shown["best_single"]]["nats_above_dense"]
    model = load_video_model(directory)
    asked = GenerationRequest(clips=("held_out:0-1",), frames=3, gate="best", budget=0.8, repeats=1)
    planned = list_decodes(asked, model, get_sources(asked, model))
    assert len(planned) > len(made.search.trials) + 2


def test_the_command_says_what_was_found(capsys: Capture, tmp_path: Path, directory: Path) -> None:
    arguments = ("generate", "--checkpoint", directory, "--continue", "held_out:0", "--frames", 3)
    options = ("--calibration-clips", 1, "--repeats", 1, *SPEC, "--gate", "best")
    outcome = run_command(capsys, *arguments, *options, "--budget", 0.9, "--out", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    assert "search for a budget of 90.0%" in outcome.out
    assert "best single gate: " in outcome.out
    check_refused(
        run_command(capsys, *arguments, *options, "--out", tmp_path / "other"), ("gate", "budget")
    )


def test_a_budget_below_everything_is_refused(directory: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^budget = 0.01: must be from 0\.\d+ to 1$"):
        generate(directory, clips="held_out:0", gate="best", budget=0.01, engine="numpy")
