"""The record of a run holds what the observer saw, and counts as the paper does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_run, runs
from tests.reference.runs import Decoded, decode
from tests.reference.strategies import GateSpec, gate_specs


def make_record(run: Run, decoded: Decoded) -> ReplayRecord:
    record = ReplayRecord(run.config, run.steps, run.rows, run.weights.dtype)
    for observation in decoded.observations:
        record.observe(observation)
    return record


@given(runs(), gate_specs, st.none() | st.integers(0, 2))
def test_every_field_is_what_was_seen(run: Run, spec: GateSpec, max_chain: int | None) -> None:
    replay = ReplayConfig(run.tokens_per_frame, max_chain=max_chain)
    decoded = decode(run, spec.make(run.config.num_hidden_layers), replay=replay)
    record = make_record(run, decoded)
    assert np.array_equal(record.replayed, decoded.replayed)
    assert np.array_equal(record.eligible, decoded.eligible)
    assert np.array_equal(record.chains, decoded.chains)
    for seen in decoded.observations:
        place = seen.token_index, seen.layer_index
        assert seen.decision.measures is not None
        assert np.array_equal(record.measures[place], seen.decision.measures, equal_nan=True)
        if seen.score is None or seen.score_heads is None:
            assert np.isnan(record.scores[place]).all()
            assert np.isnan(record.score_heads[place]).all()
        else:
            assert np.array_equal(record.scores[place], seen.score)
            assert np.array_equal(record.score_heads[place], seen.score_heads)


@given(runs(), gate_specs, st.none() | st.integers(0, 2))
def test_ratios_count_all_and_eligible_decisions(
    run: Run, spec: GateSpec, max_chain: int | None
) -> None:
    replay = ReplayConfig(run.tokens_per_frame, max_chain=max_chain)
    decoded = decode(run, spec.make(run.config.num_hidden_layers), replay=replay)
    record = make_record(run, decoded)
    replays, eligible = int(decoded.replayed.sum()), int(decoded.eligible.sum())
    assert record.replay_ratio == replays / decoded.replayed.size
    assert record.eligible_ratio == (replays / eligible if eligible else 0)
    assert (record.chains > 0).sum() == replays


def test_scores_of_the_gate_are_its_measures() -> None:
    run = make_run(0)
    decoded = decode(run, TemporalAttentionScoreGate(FixedThresholds([0.1, None])))
    record = make_record(run, decoded)
    assert np.array_equal(record.measures, record.scores.astype(np.float64), equal_nan=True)
    assert np.isnan(record.measures[:, 1]).all()
    assert np.isnan(record.measures[:3]).all()
    assert np.isfinite(record.measures[3:, 0]).all()


def test_scores_out_of_the_window_are_counted_once_per_layer_and_step() -> None:
    run = make_run(0, tokens_per_frame=3, frames=3)  # 8 steps, 5 of them scored
    for window, expected in ((3, 5 * 2), (4, 0)):
        gate = TemporalAttentionScoreGate(FixedThresholds([0.1, 0.2]))
        decoded = decode(run, gate, sparse=SparseAttention(window, 1))
        assert make_record(run, decoded).num_extra_scores == expected


def test_an_empty_run_replays_nothing() -> None:
    run = make_run(0)
    record = ReplayRecord(run.config, 0, 2, np.dtype(np.float32))
    assert record.replay_ratio == record.eligible_ratio == 0
    assert record.score_heads.shape == (0, 2, 2, 4)


def test_types_of_the_fields() -> None:
    run = make_run(0)
    record = ReplayRecord(run.config, 5, 2, np.dtype(np.float32))
    assert record.scores.dtype == record.score_heads.dtype == np.float32
    assert record.measures.dtype == np.float64
    assert record.eligible.dtype == record.replayed.dtype == bool
    assert record.chains.dtype == np.int32
    assert record.scores.shape == record.measures.shape == (5, 2, 2)
