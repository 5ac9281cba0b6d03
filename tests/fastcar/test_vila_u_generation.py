"""Videos of a recorded VILA-U model by function and by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcar
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.vila_u.pixel_decoder import to_bytes
from fastcar.vila_u_generation import VilaUGeneration
from tests.fastcar.commands import SPEC, check_refused, list_files, run_command
from tests.vila_u_files import VECTORS, load_codes, load_prompt, load_vectors

Capture = pytest.CaptureFixture[str]
MODEL = VECTORS / "A2" / "checkpoint"


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    ids, mask = load_prompt("A2")
    np.savez(tmp_path / "prompt.npz", prompt_ids=ids, prompt_mask=mask)
    return tmp_path / "prompt.npz"


def generate(prompt: Path | None, **options: Any) -> VilaUGeneration:
    settings: dict[str, Any] = {
        "temperature": 0.0,
        "repeats": 1,
        "engine": "numpy",
        "tau": 0.1,
    } | options
    settings["prompt_ids"] = prompt
    found = fastcar.generate(MODEL, **settings)
    assert isinstance(found, VilaUGeneration)
    return found


def test_the_recorded_video_is_drawn(prompt: Path) -> None:
    found = generate(prompt)
    np.testing.assert_array_equal(found.dense.token_ids, load_codes("A2", "greedy_batch"))
    recorded = load_vectors("A2", "greedy_video")
    twin = fastcar.generate(
        MODEL, prompt_ids=save_prompt(prompt.parent, recorded), temperature=0.0, repeats=1, tau=9.0
    )
    assert isinstance(twin, VilaUGeneration)
    wanted = to_bytes(recorded["pixels"]).transpose(0, 1, 3, 4, 2)
    assert abs(twin.dense_frames.astype(int) - wanted).max() <= 1
    np.testing.assert_array_equal(twin.dense_frames, twin.replay_frames)  # nothing replayed


def save_prompt(folder: Path, recorded: dict[str, Any]) -> Path:
    path = folder / "twin.npz"
    np.savez(path, prompt_ids=recorded["input_ids"], prompt_mask=recorded["attention_mask"])
    return path


def test_a_ratio_is_reached_on_the_videos_themselves(prompt: Path) -> None:
    found = generate(prompt, tau=None, target_ratio=0.3, closed_loop_runs=3)
    assert found.choice.method == "calibrated"
    assert abs(found.replay.record.replay_ratio - 0.3) < 0.05
    assert found.choice.open_loop_ratio == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("gate", ["input", "codes", "motion", "random"])
def test_other_gates_decide_too(prompt: Path, gate: str) -> None:
    found = generate(prompt, gate=gate, tau=None, target_ratio=0.3, closed_loop_runs=None)
    assert 0.1 < found.replay.record.replay_ratio <= 0.6
    assert found.replay.record.replayed[9:].any()


def test_batches_draw_each_prompt_more_than_once(prompt: Path) -> None:
    found = generate(prompt, batch=2, frames=1, temperature=1.0, top_k=20)
    codes = found.dense.token_ids
    assert codes.shape == (4, 9, 4)
    assert (codes[0] != codes[1]).any()
    assert found.model.labels == tuple(f"prompt.npz:{index}" for index in (0, 0, 1, 1))


def test_files_of_the_command(capsys: Capture, tmp_path: Path, prompt: Path) -> None:
    out = tmp_path / "out"
    options = ("--prompt-ids", prompt, "--temperature", 0, "--tau", "0.1", "--frames", 2)
    arguments = ("--checkpoint", MODEL, *options, "--repeats", 1, "--out", out, "--json", *SPEC)
    outcome = run_command(capsys, "generate", *arguments)
    assert outcome.status == 0, outcome.err
    names = {"report.json", "sheet.png", "video_00.gif", "video_01.gif"}
    assert names <= set(list_files(out))
    report = json.loads((out / "report.json").read_text())
    assert report["model"]["tokens_per_frame"] == 9
    assert len(report["provenance"]["weights_sha256"]) == 64
    assert report["replay"]["by_frame"][0] == 0
    assert report["request"]["sampling"] == {"temperature": 0.0, "top_k": 900, "top_p": 0.96}


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"temperature": None}, r"^top_k = 900: must be at most n_embed = 33$"),
        ({"clips": "held_out:0"}, r"^continue = .*left out: VILA-U has no recorded clips$"),
        ({"calibration_clips": 2}, r"^calibration_clips = 2: must be left out"),
        ({"correct": 2}, r"^correct = 2: must be left out: VILA-U has no recorded clips$"),
        ({"gate": "input", "tau": None, "max_error": 1}, r"^max_error = .*certified errors"),
        ({"frames": 48}, r"^frames = 48: must be at most 46, the model's position limit$"),
        ({"prompts": "a cat"}, r"^prompt, prompt_ids = 'both': must be one of the two$"),
    ],
)
def test_what_vila_u_cannot_serve_is_refused(
    prompt: Path, options: dict[str, Any], limit: str
) -> None:
    with pytest.raises(ArgumentError, match=limit):
        generate(prompt, **options)


def test_prompts_are_needed_and_are_of_vila_u_alone(prompt: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^prompt, prompt_ids = 'neither'"):
        generate(None)
    with pytest.raises(ArgumentError, match=r"^prompt_ids = .*of a VILA-U directory alone$"):
        fastcar.generate(prompts="3 up", prompt_ids=prompt)


def test_commands_that_do_not_take_vila_u_say_which_do(
    capsys: Capture, tmp_path: Path, prompt: Path
) -> None:
    out = ("--out", tmp_path / "out")
    tokens = ("--tokens", prompt, "--tokens-per-frame", 9)
    for command, options in (
        ("analyze", out),
        ("analyze", (*tokens, *out)),
        ("cosim", ()),
        ("export", out),
        ("prove", ("--statement", "P-04")),
        ("predict", tokens),
    ):
        outcome = run_command(capsys, command, "--checkpoint", MODEL, *options)
        check_refused(outcome, ("VILA-U is taken by trace, generate, quantize, predict",))
    with pytest.raises(CheckpointError, match="VILA-U is taken by"):
        fastcar.load_checkpoint(MODEL)
    with pytest.raises(CheckpointError, match="of VILA-U run_vila_u_trace"):
        fastcar.trace(MODEL, [1], [1], tokens_per_frame=9)


def test_predict_takes_the_sizes_of_the_body(capsys: Capture) -> None:
    options = ("--draws", 2, "--cores", 2, "--batch", 2, "--ratio", 0.5, "--json")
    outcome = run_command(capsys, "predict", "--checkpoint", MODEL, *options)
    assert outcome.status == 0, outcome.err
    body = run_command(capsys, "predict", "--checkpoint", MODEL / "llm", *options)
    assert json.loads(outcome.out)["rows"] == json.loads(body.out)["rows"]


def test_quantised_directories_are_taken_by_trace_and_generate(
    capsys: Capture, tmp_path: Path, prompt: Path
) -> None:
    small = tmp_path / "int8"
    outcome = run_command(capsys, "quantize", "--checkpoint", MODEL, "--out", small)
    assert outcome.status == 0, outcome.err
    found = fastcar.generate(
        small, prompt_ids=prompt, frames=1, temperature=0.0, repeats=1, tau=0.0, engine="numpy"
    )
    assert found.dense.token_ids.shape == (2, 9, 4)
