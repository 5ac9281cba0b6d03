"""`--correct` and `--correction`: fitted, written, read again, counted, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcar
from fastcar.reference.correction import Correction, load_correction
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.video.model import load_video_model
from tests.fastcar.commands import SPEC, check_refused, list_files, run_command
from tests.fastcar.own_models import TOKENS_PER_FRAME, write_own_model
from tests.fastcar.tiny_video_model import TINY_CONFIG, save_tiny_video_model

Capture = pytest.CaptureFixture[str]

RANK = 3
LONG = ("--continue", "held_out:0-1", "--gate", "input", "--repeats", 1, *SPEC)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_video_model(tmp_path_factory.mktemp("tiny"))


def generate(capsys: Capture, model: Path, out: Path, *options: object) -> dict[str, Any]:
    arguments = ("generate", "--checkpoint", model, *LONG, "--json", "--out", out)
    outcome = run_command(capsys, *arguments, *options)
    assert outcome.status == 0, outcome.err
    report: dict[str, Any] = json.loads(outcome.out)
    return report


def test_a_fit_is_reported_and_its_file_gives_the_same_videos(
    capsys: Capture, model: Path, tmp_path: Path
) -> None:
    first = generate(capsys, model, tmp_path / "a", "--correct", RANK, "--calibration-clips", 2)
    file = tmp_path / "a" / "correction.safetensors"
    assert list_files(tmp_path / "a").count(file.name) == 1
    assert load_correction(file).rank == RANK
    per_replay = 2 * TINY_CONFIG.hidden_size * RANK
    assert first["correction"] == {
        "rank": RANK,
        "source": f"2 calibration clips of 4 frames of {model.name}",
        "multiplications_per_replay": per_replay,
        "mlp_multiplications": 3 * TINY_CONFIG.hidden_size * TINY_CONFIG.intermediate_size,
    }
    work = first["mlp_work"]
    decisions = 15 * TINY_CONFIG.num_hidden_layers * 2
    assert work["correction"] == round(first["replay"]["ratio"] * decisions) * per_replay > 0
    spent = work["gate"] + work["correction"]
    assert work["saved_share"] == (work["saved"] - spent) / work["dense"]
    options = ("--correction", file, "--calibration-clips", 2)
    second = generate(capsys, model, tmp_path / "b", *options)
    assert second["request"]["correction"] == str(file)
    for name in ("gate", "replay", "correction", "mlp_work", "quality"):
        assert second[name] == first[name], name
    plain = generate(capsys, model, tmp_path / "c", "--calibration-clips", 2)
    assert plain["correction"] is None
    assert plain["quality"] != first["quality"]


def test_a_budget_pays_for_corrections_too(capsys: Capture, model: Path, tmp_path: Path) -> None:
    report = generate(capsys, model, tmp_path, "--correct", RANK, "--budget", 0.6)
    plain = generate(capsys, model, tmp_path, "--budget", 0.6)
    aimed = [one["gate"]["target_ratio"] for one in (report, plain)]
    work = report["mlp_work"]
    share = report["correction"]["multiplications_per_replay"] / (work["dense"] / 90)
    assert aimed[0] * (1 - share) == pytest.approx(aimed[1])


def test_python_takes_a_correction_itself(model: Path) -> None:
    settings: dict[str, Any] = {"clips": "held_out:0", "gate": "input", "tau": 5, "repeats": 1}
    settings |= {"model": load_video_model(model), "engine": "numpy"}
    fitted = fastcar.generate(**settings, correct=RANK)
    assert isinstance(fitted.correction, Correction)
    given = fastcar.generate(**settings, correction=fitted.correction)
    assert np.array_equal(fitted.replay.token_ids, given.replay.token_ids)
    assert np.array_equal(fitted.replay.nats, given.replay.nats)


REFUSED: tuple[tuple[tuple[object, ...], tuple[str, ...]], ...] = (
    (("--correct", 0), ("correct = 0", "at least 1")),
    (("--correct", 17), ("correct = 17", "from 1 to 16")),
    (("--correct", 2, "--correction", "{file}"), ("correct = 2", "without correction")),
    (("--correct", 2, "--max-error", 1), ("correct = 2", "without max_error")),
    (("--correction", "{file}", "--max-error", 1), ("correction", "without max_error")),
    (("--correction", "{file}"), ("correction layers, width = (2, 8)", "(3, 16)")),
    (("--correction", "{model}/model.safetensors"), ("unknown tensor", "'down' or 'up'")),
    (("--correction", "{model}/none"), ("none",)),
)


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_what_contradicts_or_does_not_fit_is_refused(
    capsys: Capture,
    model: Path,
    tmp_path: Path,
    options: tuple[object, ...],
    words: tuple[str, ...],
) -> None:
    file = tmp_path / "other.safetensors"
    Correction(np.ones((2, 1, 8)), np.ones((2, 8, 1))).save(file)
    filled = [str(option).format(file=file, model=model) for option in options]
    arguments = ("generate", "--checkpoint", model, *LONG, "--out", tmp_path / "out")
    check_refused(run_command(capsys, *arguments, *filled), words)
    assert not (tmp_path / "out").exists()


def test_a_trace_is_corrected(capsys: Capture, tmp_path: Path) -> None:
    checkpoint, tokens = write_own_model(tmp_path, "grouped_query")
    config, _ = load_checkpoint(checkpoint)
    shape = config.num_hidden_layers, config.hidden_size
    rng, file = np.random.default_rng(0), tmp_path / "correction.safetensors"
    Correction(rng.standard_normal((shape[0], 2, shape[1])), rng.standard_normal((*shape, 2))).save(
        file
    )
    given_files = "--checkpoint", checkpoint, "--tokens", tokens
    common = ("trace", *given_files, "--tokens-per-frame", TOKENS_PER_FRAME, "--tau", "-inf", *SPEC)
    used = []
    for index, options in enumerate(((), ("--correction", file))):
        out = tmp_path / f"{index}.npz"
        outcome = run_command(capsys, *common, *options, "--out", out)
        assert outcome.status == 0, outcome.err
        with np.load(out) as arrays:
            used.append(arrays["mlp_used"])
    assert np.array_equal(used[0][:TOKENS_PER_FRAME], used[1][:TOKENS_PER_FRAME])
    assert not np.array_equal(used[0][TOKENS_PER_FRAME], used[1][TOKENS_PER_FRAME])
    given = np.load(tokens)
    found = fastcar.trace(
        checkpoint,
        given["prompt_ids"],
        given["forced_ids"],
        tokens_per_frame=TOKENS_PER_FRAME,
        tau=-np.inf,
        correction=file,
        engine="numpy",
    )
    assert np.array_equal(found.mlp_used, used[1])
    refused = run_command(capsys, *common, "--correction", file, "--out", file)
    check_refused(refused, ("correction.safetensors",))
