"""`fastcar trace` of VILA-U directories: the recorded runs by command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fastcar.commands import SPEC, Outcome, check_refused, run_command
from tests.vila_u_files import VECTORS, get_thresholds, load_codes, load_prompt, load_vectors

Capture = pytest.CaptureFixture[str]
PER_FRAME = {"A1": 16, "A2": 9, "A3": 9}


def run(capsys: Capture, tmp_path: Path, model: str, *options: object, **arrays: Any) -> Outcome:
    ids, mask = load_prompt(model)
    given = {"prompt_ids": ids, "prompt_mask": mask, "codes": load_codes(model)} | arrays
    tokens, out = tmp_path / "tokens.npz", tmp_path / "trace.npz"
    np.savez(tokens, **given)
    directory = VECTORS / model / "checkpoint"
    arguments = ("--checkpoint", directory, "--tokens", tokens, "--out", out, *options)
    if "--engine" not in options:
        arguments += SPEC
    return run_command(capsys, "trace", *arguments, "--tokens-per-frame", PER_FRAME[model])


def check_recorded(tmp_path: Path, model: str) -> None:
    recorded = load_vectors(model, "replay_mid50_forced")
    with np.load(tmp_path / "trace.npz") as found:
        np.testing.assert_array_equal(found["replayed"], recorded["mask"])
        for name in ("hidden", "tas", "mlp_used"):
            np.testing.assert_allclose(
                found[name], recorded[name], rtol=0, atol=2e-5, equal_nan=True
            )
        videos, positions, depth = load_codes(model).shape
        assert found["guided_logits"].shape[:3] == (videos, positions, depth)
        assert found["eligible"].shape == (positions - 1, 2 * videos)


def join(model: str) -> str:
    taus = get_thresholds(load_vectors(model, "replay_mid50_forced"))
    return ",".join("none" if tau is None else repr(tau) for tau in taus)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize("model", ["A1", "A3"])
def test_recorded_runs_are_reproduced(
    capsys: Capture, tmp_path: Path, model: str, engine: str
) -> None:
    options = ("--semantics", "published", "--guidance", 3, "--engine", engine, "--json")
    outcome = run(capsys, tmp_path, model, "--tau", join(model), *options)
    assert outcome.status == 0, outcome.err
    summary = json.loads(outcome.out)
    assert (summary["engine"], summary["rows"]) == (engine, 4)
    assert 0 < summary["replay_ratio"] < summary["ceiling"]
    check_recorded(tmp_path, model)


def test_windows_caches_and_chains_are_those_of_any_trace(capsys: Capture, tmp_path: Path) -> None:
    options = ("--window", 30, "--sinks", 2, "--kv-cache", "int8", "--max-chain", 1)
    outcome = run(capsys, tmp_path, "A2", "--tau", "none,-9", *options, "--fused")
    assert outcome.status == 0, outcome.err
    with np.load(tmp_path / "trace.npz") as found:
        assert found["replayed"][9:18, 1].all()
        assert not found["replayed"][18:].any()
        assert np.isfinite(found["tas"][9:]).all()


@pytest.mark.parametrize(
    ("options", "arrays", "words"),
    [
        (("--guidance", "nan"), {}, ("guidance = nan", "finite")),
        (("--tau", "0,0,0"), {}, ("tau", "1 or 2 values")),
        ((), {"codes": np.zeros((2, 3), int)}, ("codes", "shape (2, 3)", "[rows, tokens, depth]")),
        ((), {"codes": np.full((2, 3, 4), 33)}, ("codes = 33", "n_embed = 33")),
        ((), {"codes": np.zeros((2, 424, 4), int)}, ("positions of a video = 424", "512")),
        ((), {"codes": np.zeros((2, 600, 4), int)}, ("codes tokens = 600", "513")),
        ((), {"prompt_ids": np.full((4, 90), 7)}, ("last prompt id of row 0 = 7", "362")),
        ((), {"prompt_ids": np.full((4, 90), 999)}, ("last prompt id of row 0 = 999", "362")),
        ((), {"prompt_mask": np.ones((4, 9), int)}, ("prompt_mask shape", "(4, 90)")),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    capsys: Capture,
    tmp_path: Path,
    options: tuple[str, ...],
    arrays: dict[str, Any],
    words: tuple[str, ...],
) -> None:
    check_refused(run(capsys, tmp_path, "A2", *options, **arrays), words)
    assert not (tmp_path / "trace.npz").exists()


def test_guidance_of_a_plain_llama_is_refused(
    capsys: Capture, tmp_path: Path, official_vectors: Path
) -> None:
    tokens = official_vectors / "tokens.npz"
    arguments = ("--checkpoint", official_vectors, "--tokens", tokens, "--tokens-per-frame", 16)
    outcome = run_command(
        capsys, "trace", *arguments, "--out", tmp_path / "t.npz", "--guidance", 2, *SPEC
    )
    check_refused(outcome, ("guidance = 2.0", "VILA-U"))
