"""Every command on a video model that takes no prompt (D-57)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcar
from fastcar.gallery import name_video
from fastcar.generation import run_generation
from fastcar.report import build_report
from fastcar.request import GenerationRequest
from tests.fastcar.commands import SPEC, check_refused, list_files, run_command
from tests.fastcar.tiny_video_model import NUM_CODES, save_tiny_video_model

pytestmark = pytest.mark.usefixtures("hardware_built_once")
Capture = pytest.CaptureFixture[str]
SHORT = ("--repeats", 1, "--closed-loop-runs", 1, *SPEC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Codes 0 to 11, "begin" 12; clips by their source beside those that commands ask for."""
    splits = "calibration", "held_out", "cube"
    return save_tiny_video_model(tmp_path / "street", takes_prompts=False, splits=splits)


def read_json(capsys: Capture, command: str, *options: object) -> dict[str, Any]:
    """The report of a command that must succeed."""
    outcome = run_command(capsys, command, *options, "--json")
    assert outcome.status == 0, outcome.err
    report: dict[str, Any] = json.loads(outcome.out)
    return report


def test_videos_start_from_begin_alone(capsys: Capture, directory: Path) -> None:
    out = directory.parent / "out"
    options = ("--checkpoint", directory, "--batch", 2, *SHORT, "--out", out)
    report = read_json(capsys, "generate", *options)
    entries = [{"label": "begin", "prompt": None, "gif": f"video_0{index}.gif"} for index in (0, 1)]
    assert report["videos"] == entries
    assert (report["request"]["guidance"], report["request"]["prompts"]) == (None, [])
    assert "digit" not in json.dumps(report)
    assert list_files(out) == [
        ".fastcar",
        "records.npz",
        "report.json",
        "sheet.png",
        "video_00.gif",
        "video_01.gif",
    ]


def test_clips_of_any_source_are_continued(capsys: Capture, directory: Path) -> None:
    options = ("--checkpoint", directory, "--continue", "cube:0-1", *SHORT)
    report = read_json(capsys, "generate", *options, "--out", directory.parent / "out")
    found = [(entry["label"], entry["prompt"]) for entry in report["videos"]]
    assert found == [("cube:0", None), ("cube:1", None)]
    assert report["quality"]["dense_against_truth"]["first_frame"] == 2


def test_titles_name_the_clip_or_the_model(directory: Path) -> None:
    model = fastcar.load_model(directory)
    for clips, title in (((), "street"), (("cube:1",), "cube:1")):
        request = GenerationRequest(clips=clips, tau=(0.0,), repeats=1, engine="numpy")
        generation = run_generation(model, request)
        entry = build_report(generation)["videos"][0]
        assert name_video(generation, entry) == title


def test_begin_is_fed_and_never_drawn(directory: Path) -> None:
    videos = fastcar.generate(directory, batch=8, temperature=50, tau=0, repeats=1, engine="numpy")
    assert videos.sources.encoded.conditional.tolist() == [[NUM_CODES]] * 8
    assert videos.dense.token_ids.max() < NUM_CODES


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (("--prompt", "3 up"), ("prompt = '3 up'", "left out", "takes no prompt")),
        (("--guidance", 2), ("guidance = 2.0", "left out", "takes no prompt")),
        (("--continue", "cube:0", "--guidance", 1), ("guidance = 1.0", "takes no prompt")),
        (("--continue", "cube:6"), ("continue = 'cube:6'", "below 6")),
        (("--continue", "castel:0"), ("clips = 'castel'", "['calibration', 'cube', 'held_out']")),
        (("--frames", 16), ("frames = 16", "at most 15")),
    ],
)
def test_what_such_a_model_cannot_do_is_refused(
    capsys: Capture, directory: Path, wishes: tuple[object, ...], words: tuple[str, ...]
) -> None:
    out = directory.parent / "out"
    outcome = run_command(capsys, "generate", "--checkpoint", directory, *wishes, "--out", out)
    check_refused(outcome, words)
    assert not out.exists()


def test_a_trace_begins_with_begin(capsys: Capture, directory: Path) -> None:
    tokens, out = directory.parent / "tokens.npz", directory.parent / "trace.npz"
    clips = fastcar.load_model(directory).load_clips("cube")
    np.savez(tokens, prompt_ids=np.full((6, 1), NUM_CODES), forced_ids=clips.token_ids[:, :9])
    options = ("--tokens", tokens, "--tokens-per-frame", 4, "--out", out, *SPEC)
    read_json(capsys, "trace", "--checkpoint", directory, *options)
    with np.load(out) as arrays:
        assert arrays["prefill_logits"].shape == (6, 1, NUM_CODES + 1)


def test_the_statements_hold_on_its_clips(capsys: Capture, directory: Path) -> None:
    options = ("--statement", "P-04", "--instances", 3, "--processes", 1)
    report = read_json(capsys, "prove", "--checkpoint", directory, *options)
    assert report["holds"]
    assert report["tokens"]["source"].endswith("of the recorded held_out clips")


def test_the_hardware_equals_the_reference(capsys: Capture, directory: Path) -> None:
    options = ("--batch", 2, "--lanes", 8, "--calibration-clips", 2, "--num-tokens", 2)
    report = read_json(capsys, "cosim", "--checkpoint", directory, *options)
    assert report["equal"]


def test_the_hardware_decodes_from_begin_on(capsys: Capture, directory: Path) -> None:
    options = ("--scope", "decoder", "--frames", 2, "--batch", 2, "--lanes", 8)
    report = read_json(
        capsys, "cosim", "--checkpoint", directory, *options, "--calibration-clips", 2
    )
    assert report["equal"]
    assert (report["runs"], report["prompt_runs"]) == (7 + 1, 1)


def test_the_integers_stand_for_the_same_model(capsys: Capture, directory: Path) -> None:
    int8 = directory.parent / "int8"
    read_json(capsys, "quantize", "--checkpoint", directory, "--out", int8)
    model = fastcar.load_model(int8)
    assert not model.takes_prompts
    assert len(model.load_clips("cube").token_ids) == 6


def test_its_tokens_are_exported(capsys: Capture, directory: Path) -> None:
    options = ("--slots", 2, "--out", directory.parent / "verilog")
    report = read_json(capsys, "export", "--checkpoint", directory, *options)
    assert report["recorded"].startswith("tokens of street, token 6, ")


def test_cycles_are_predicted_on_its_decisions(capsys: Capture, directory: Path) -> None:
    report = read_json(capsys, "predict", "--checkpoint", directory, "--draws", 1)
    assert (report["preset"], report["decisions"]) == ("street", "measured")


@pytest.mark.slow
def test_the_analysis_has_pixels_and_no_digits(capsys: Capture, directory: Path) -> None:
    out = directory.parent / "out"
    options = ("--quick", "--processes", 1, "--out", out)
    report = read_json(capsys, "analyze", "--checkpoint", directory, *options)
    assert "free_running" in report["findings"]
    assert "digit" not in (out / "findings.md").read_text(encoding="utf-8")
