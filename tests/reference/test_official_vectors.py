"""The numbers of the published code (tests/vectors/official), reproduced by a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.trace import Trace, make_score_gate, run_trace
from fastcar.strategies import Run
from tests.reference.rounding import compute_decode_bound
from tests.reference.runs import decode

Arrays = dict[str, np.ndarray[Any, Any]]
TOLERANCE = 1e-4
REPLAY = ReplayConfig(tokens_per_frame=16, semantics=Semantics.PUBLISHED)
RUNS = ("dense", "mid30")


def load_arrays(directory: Path, name: str) -> Arrays:
    with np.load(directory / f"{name}.npz") as arrays:
        return dict(arrays)


def load_run(directory: Path, dtype: Any = np.float32) -> Run:
    config, weights = load_checkpoint(directory, dtype)
    tokens = load_arrays(directory, "tokens")
    prompt_ids = tokens["prompt_ids"]
    everything = np.ones(prompt_ids.shape, bool)
    return Run(config, weights, prompt_ids, everything, tokens["forced_ids"], 16)


def get_thresholds(published: Arrays) -> list[float | None]:
    return [None if np.isnan(tau) else float(tau) for tau in published["thresholds"]]


@pytest.fixture(scope="module", params=[(name, fused) for name in RUNS for fused in (False, True)])
def pair(request: pytest.FixtureRequest, official_vectors: Path) -> tuple[Arrays, Trace]:
    """Published arrays and our trace, by plain and by fused attention."""
    name, fused = request.param
    run = load_run(official_vectors)
    published = load_arrays(official_vectors, f"run_f32_{name}")
    gate = make_score_gate(get_thresholds(published), 3, Semantics.PUBLISHED)
    trace = run_trace(
        run.config, run.weights, run.prompt_ids, run.forced_ids, REPLAY, gate, fused=fused
    )
    return published, trace


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("prefill_logits", "prefill_logits"),
        ("logits", "logits"),
        ("score_heads", "score_heads"),
        ("tas", "tas"),
        ("mlp_used", "mlp_used"),
        ("layer_out", "layer_out"),
    ],
)
def test_numbers_agree_and_are_missing_at_the_same_places(
    pair: tuple[Arrays, Trace], theirs: str, ours: str
) -> None:
    published, trace = pair
    np.testing.assert_allclose(
        getattr(trace, ours), published[theirs], rtol=0, atol=TOLERANCE, equal_nan=True
    )


def test_every_decision_is_equal(pair: tuple[Arrays, Trace]) -> None:
    published, trace = pair
    assert np.array_equal(trace.replayed, published["mask"])
    assert np.array_equal(trace.eligible, published["eligible"])


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", RUNS)
def test_the_final_key_value_cache_agrees(official_vectors: Path, name: str, fused: bool) -> None:
    published = load_arrays(official_vectors, f"run_f32_{name}")
    gate = make_score_gate(get_thresholds(published), 3, Semantics.PUBLISHED)
    decoded = decode(load_run(official_vectors), gate, replay=REPLAY, fused=fused)
    for ours, theirs in ((decoded.keys, "kv_k"), (decoded.values, "kv_v")):
        np.testing.assert_allclose(ours, published[theirs], rtol=0, atol=TOLERANCE)


def test_the_recorded_thresholds_lie_away_from_every_score(official_vectors: Path) -> None:
    """Rounding cannot flip a recorded decision, so exact equality is a fair demand."""
    published = load_arrays(official_vectors, "run_f32_mid30")
    margin = np.nanmin(np.abs(published["tas"] - published["thresholds"][:, None]))
    assert margin > 10 * TOLERANCE


def test_the_recorded_decisions_tell_the_variants_apart(official_vectors: Path) -> None:
    published = load_arrays(official_vectors, "run_f32_mid30")
    gate = make_score_gate(get_thresholds(published), 3, Semantics.PAPER)
    decoded = decode(load_run(official_vectors), gate, replay=ReplayConfig(16))
    assert (decoded.replayed != published["mask"]).any()


@pytest.mark.parametrize("thresholds", [None, 0.4041, -1e9])
def test_a_padded_row_is_the_row_alone_without_padding(
    official_vectors: Path, thresholds: float | None
) -> None:
    whole = load_run(official_vectors, np.float64)
    tokens = load_arrays(official_vectors, "tokens")
    mask = tokens["padded_prompt_mask"].astype(bool)
    assert not mask.all()
    padded = Run(
        whole.config, whole.weights, tokens["padded_prompt_ids"], mask, whole.forced_ids, 16
    )
    together = decode(padded, make_score_gate([thresholds], 3, REPLAY.semantics), replay=REPLAY)
    bound = compute_decode_bound(whole)
    for row in range(3):
        padding = int((~mask[row]).sum())
        alone = decode(
            Run(
                whole.config,
                whole.weights,
                padded.prompt_ids[[row], padding:],
                np.ones((1, 5 - padding), bool),
                padded.forced_ids[[row]],
                16,
            ),
            make_score_gate([thresholds], 3, REPLAY.semantics),
            replay=REPLAY,
        )
        assert np.array_equal(alone.replayed[:, :, 0], together.replayed[:, :, row])
        assert np.abs(alone.logits[:, 0] - together.logits[:, row]).max() <= bound
        assert np.abs(alone.keys[:, 0] - together.keys[:, row, :, padding:]).max() <= bound
