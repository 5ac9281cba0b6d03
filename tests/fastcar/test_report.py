"""The report agrees with its documentation, field by field, and with the run it describes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fastcar.analysis.figures import COLOURS, NAMES
from fastcar.gallery import write_results
from fastcar.generation import Generation, run_generation
from fastcar.reference.decoder import Decoder
from fastcar.reference.gate_factory import GATE_NAMES
from fastcar.reference.video.model import load_video_model
from fastcar.report import MEASURE_KINDS, build_report, compare_frames
from fastcar.request import GenerationRequest
from fastcar.video_sources import get_sources
from tests.fastcar.commands import SPEC, check_refused, run_command
from tests.fastcar.tiny_video_model import save_tiny_video_model

SCHEMA = Path(__file__).parents[2] / "docs" / "report_schema.md"
OPAQUE = {
    "request",
    "model.config",
    "gate.curve",
    "measures.percentiles",
    "provenance.versions",
    "time.dense_seconds",
    "time.replay_seconds",
}
"""Objects that the documentation describes as a whole."""
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "number": (int, float),
    "list": (list,),
    "object": (dict,),
    "null": (type(None),),
}


@pytest.fixture(scope="module")
def generation() -> Generation:
    request = GenerationRequest(
        clips=("held_out:0-1",),
        frames=4,
        target_ratio=0.4,
        correct=2,
        calibration_clips=1,
        repeats=2,
        engine="numpy",
    )
    return run_generation(load_video_model(), request)


@pytest.fixture(scope="module")
def report(generation: Generation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("report")
    full = write_results(generation, build_report(generation), folder)
    assert json.loads((folder / "report.json").read_text()) == full
    return full


def read_schema() -> dict[str, str]:
    """Documented fields and their types."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", SCHEMA.read_text(encoding="utf-8"), re.M)
    return {field: kind.strip() for field, kind in rows}


def list_fields(value: Any, path: str = "") -> dict[str, list[Any]]:
    """Every field of a report under its documented name, with the values it takes."""
    if isinstance(value, dict) and path not in OPAQUE:
        found: dict[str, list[Any]] = {}
        for key, entry in value.items():
            name = f"{path}.{key}" if path else key
            name = re.sub(r"^quality\.[a-z_]+\.", "quality.*.", name)
            for field, values in list_fields(entry, name).items():
                found.setdefault(field, []).extend(values)
        return {**found, **({path: [value]} if path.startswith("quality.") else {})}
    if path == "videos":
        return list_fields(value[0], "videos[]")
    return {path: [value]}


def test_every_field_is_documented_and_every_documented_field_exists(
    report: dict[str, Any],
) -> None:
    fields, documented = list_fields(report), read_schema()
    assert set(fields) == set(documented)
    for field, values in fields.items():
        kinds = [kind for name in documented[field].split(" or ") for kind in JSON_TYPES[name]]
        assert all(type(value) in kinds for value in values), field


def test_numbers_agree_with_the_run(generation: Generation, report: dict[str, Any]) -> None:
    record = generation.replay.record
    replay = report["replay"]
    assert replay["ratio"] == report["gate"]["closed_loop_ratio"] == record.replay_ratio
    assert np.mean(replay["by_layer"]) == pytest.approx(replay["ratio"])
    assert sum(report["staleness"]["shares"][1:]) == pytest.approx(replay["ratio"])
    assert replay["by_frame"][0] == 0
    assert len(replay["by_frame"]) == 4
    work = report["mlp_work"]
    corrected_share = work["correction"] / work["dense"]
    assert work["saved_share"] + corrected_share == pytest.approx(replay["ratio"])
    time = report["time"]
    assert len(time["dense_run_seconds"]) == len(time["replay_run_seconds"]) == 2
    assert sum(time["dense_seconds"].values()) == min(time["dense_run_seconds"])


def test_given_frames_are_the_truth_and_do_not_count(
    generation: Generation, report: dict[str, Any]
) -> None:
    truth = generation.truth_pixels
    assert truth is not None
    assert (generation.dense_pixels[:, :2] == truth[:, :2]).all()
    assert (generation.replay_pixels[:, :2] == truth[:, :2]).all()
    for entry in report["quality"].values():
        assert entry["first_frame"] == 2
        assert len(entry["psnr_decibels_by_frame"]) == 2
        assert len(entry["ssim_by_video"]) == 2


def test_repeated_runs_are_the_same_run(generation: Generation) -> None:
    clips = ("held_out:0-1",)
    request = GenerationRequest(clips=clips, frames=4, tau=(None,), repeats=1, engine="numpy")
    again = run_generation(generation.model, request)
    assert (again.dense.token_ids == generation.dense.token_ids).all()
    assert (again.replay.token_ids == generation.dense.token_ids).all()


def test_start_places_are_drawn_from_the_seed_once_per_video() -> None:
    model = load_video_model()
    request = GenerationRequest(prompts=("3 up", "4 left from 1,2"), batch=3, seed=5)
    sources = get_sources(request, model)
    assert sources.labels == ("3 up",) * 3 + ("4 left from 1,2",) * 3
    assert all(prompt and prompt.start_x is not None for prompt in sources.prompts)
    assert len(set(sources.prompts[:3])) > 1
    assert {str(prompt) for prompt in sources.prompts[3:]} == {"4 left from 1,2"}
    assert get_sources(request, model).prompts == sources.prompts


def test_comparison_of_frames() -> None:
    wanted = np.zeros((2, 3, 8, 8), np.float32)
    pixels = wanted.copy()
    pixels[1, 2] = 0.05
    entry = compare_frames(pixels, wanted, first_frame=1)
    assert entry is not None
    assert entry["psnr_decibels_by_frame"] == pytest.approx([100, 29.03], abs=0.01)
    assert entry["psnr_decibels_by_video"] == pytest.approx([100, 29.03], abs=0.01)
    assert entry["psnr_decibels"] == pytest.approx(32.04, abs=0.01)
    assert (entry["identical_share"], entry["on_path_share"]) == (0.75, 1.0)
    assert compare_frames(pixels, wanted, first_frame=3) is None


@pytest.mark.parametrize(
    "gate",
    [("--tau", "0"), ("--calibration-clips", "2", "--closed-loop-runs", "1"), ("--adaptive",)],
)
def test_a_video_of_one_token_has_a_report_of_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, gate: tuple[str, ...]
) -> None:
    model = save_tiny_video_model(tmp_path / "model", patch_pixels=8, frames=1)
    clips = load_file(model / "clips.safetensors")
    one_token = {
        name: np.ascontiguousarray(array[:, :1]) if name.endswith("ids") else array
        for name, array in clips.items()
    }
    save_file(one_token, model / "clips.safetensors")
    options = ("--prompt", "3 up", "--checkpoint", model, "--repeats", "1", *gate, *SPEC)
    outcome = run_command(capsys, "generate", *options, "--out", tmp_path / "out")
    note = "replay did nothing: no token was fed behind the prompt"
    assert (outcome.status, outcome.err) == (0, f"fastcar: warning: {note}\n")
    assert "(ceiling -)" in outcome.out
    assert "MLP multiplications: - saved (0 of 0; the gate costs 0)" in outcome.out
    assert "mean -, of replayed ones -, longest 0" in outcome.out
    assert "nan" not in outcome.out
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    nothing = {"ratio": None, "ceiling": None, "eligible_ratio": None}
    ratios = {"by_layer": [None] * 3, "by_frame": [None]}
    assert report["replay"] == {**nothing, **ratios, "note": note}
    assert set(report["gate"]["correction_ratios"]) <= {None}
    assert report["gate"]["curve"] is report["gate"]["closed_loop_ratio"] is None
    assert report["gate"]["open_loop_ratio"] is report["time"]["amdahl_speed_up"] is None


def test_frames_too_small_for_ssim_are_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastcar.frame_size.SSIM_WINDOW_PIXELS", 9)
    monkeypatch.setattr(Decoder, "prefill", lambda *_: pytest.fail("decoded"))
    model = save_tiny_video_model(tmp_path / "model")
    options = ("--prompt", "3 up", "--checkpoint", model, "--tau", "0")
    outcome = run_command(capsys, "generate", *options, "--out", tmp_path / "out")
    check_refused(outcome, ("frame size = (8, 8)", "at least 9 pixels"))


def test_every_gate_that_compares_something_has_a_word_for_it_and_a_colour() -> None:
    assert set(MEASURE_KINDS) == set(GATE_NAMES) - {"periodic"}
    assert set(COLOURS) == set(NAMES) == {*GATE_NAMES, "dense"}
    assert len(set(COLOURS.values())) == len(COLOURS)
