"""Weights of heads, fitted: to a distance that is a sum of scores, and on recorded rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.oracle import OracleGate, ScoredOracleGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.head_weights import calibrate_head_weights, fit_head_weights
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import load_video_model
from fastcar.strategies import Run, make_config, runs
from tests.reference.runs import decode


def make_record(seed: int, steps: int = 40) -> ReplayRecord:
    rng = np.random.default_rng(seed)
    record = ReplayRecord(make_config(layers=2), steps, 3, np.dtype(np.float64))
    record.score_heads[:] = rng.standard_normal(record.score_heads.shape)
    record.eligible[:] = rng.random(record.eligible.shape) < 0.7
    return record


@given(st.integers(0, 2**16))
def test_finds_the_weights_that_made_the_distances(seed: int) -> None:
    record = make_record(seed)
    true = np.random.default_rng(seed + 1).standard_normal((2, record.score_heads.shape[-1]))
    distance = 5 - np.einsum("slbh,lh->slb", record.score_heads, true)
    record.measures[:] = np.where(record.eligible, distance, 1e9)
    assert np.allclose(fit_head_weights(record), true, atol=1e-8)


@given(st.integers(0, 2**16))
def test_no_other_weights_follow_the_distances_more_closely(seed: int) -> None:
    record = make_record(seed)
    rng = np.random.default_rng(seed + 1)
    record.measures[:] = rng.random(record.measures.shape)
    weights = fit_head_weights(record)
    for layer in range(2):
        chosen = record.eligible[:, layer]
        scores, distance = record.score_heads[:, layer][chosen], record.measures[:, layer][chosen]
        errors = [
            np.var(scores @ tried + distance)
            for tried in (weights[layer], *(weights[layer] + 0.1 * rng.standard_normal((9, 1))))
        ]
        assert errors[0] == min(errors)


@given(runs())
def test_the_scored_oracle_is_the_oracle_beside_the_score(run: Run) -> None:
    layers = run.config.num_hidden_layers
    both, oracle = (
        decode(run, gate(FixedThresholds([-np.inf] * layers)))
        for gate in (ScoredOracleGate, OracleGate)
    )
    scored = decode(run, TemporalAttentionScoreGate(FixedThresholds([np.inf] * layers)))
    assert np.array_equal(both.measures, oracle.measures)
    for one, other in zip(both.observations, scored.observations, strict=True):
        if other.score_heads is None:
            assert one.score_heads is None
            continue
        assert one.score_heads is not None
        assert np.array_equal(one.score_heads, other.score_heads)


def test_fits_the_rows_of_a_model() -> None:
    model = load_video_model()
    weights = calibrate_head_weights(model, num_clips=1, num_frames=2)
    assert weights.shape == (model.config.num_hidden_layers, model.config.num_attention_heads)
    assert np.isfinite(weights).all()
    assert weights.any()


def test_refuses_a_record_without_scores() -> None:
    record = make_record(0)
    record.eligible[:] = False
    with pytest.raises(ArgumentError, match=r"^scored tokens = 0: must be at least 1"):
        fit_head_weights(record)
