"""The trace: the arrays of a teacher-forced run, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.trace import Trace, make_score_gate, run_trace
from fastcar.strategies import Run, make_run, runs
from tests.reference.runs import decode
from tests.reference.strategies import GateSpec, attention_options, gate_specs


def trace_run(run: Run, gate: Any, replay: ReplayConfig | None = None, **options: Any) -> Trace:
    replay = ReplayConfig(run.tokens_per_frame) if replay is None else replay
    return run_trace(
        run.config,
        run.weights,
        run.prompt_ids,
        run.forced_ids,
        replay,
        gate,
        run.prompt_mask,
        **options,
    )


@given(runs(), gate_specs, attention_options)
def test_equals_what_a_decoder_shows(run: Run, spec: GateSpec, options: dict[str, Any]) -> None:
    layers = run.config.num_hidden_layers
    trace = trace_run(run, spec.make(layers), **options)
    decoded = decode(run, spec.make(layers), **options)
    assert np.array_equal(trace.prefill_logits, decoded.prefill_logits)
    assert np.array_equal(trace.logits, decoded.logits)
    assert np.array_equal(trace.mlp_used, decoded.outputs)
    assert np.array_equal(trace.replayed, decoded.replayed)
    assert np.array_equal(trace.eligible, decoded.eligible[:, 0])
    for seen in decoded.observations:
        place = seen.token_index, seen.layer_index
        assert np.array_equal(trace.layer_out[place], seen.layer_out)
        if seen.score is not None and seen.score_heads is not None:
            assert np.array_equal(trace.tas[place], seen.score)
            assert np.array_equal(trace.score_heads[place], seen.score_heads)


def test_shapes_and_types() -> None:
    run = make_run(0)  # S = 8, L = 2, B = 3, H = 4, D = 12, V = 11, P = 4
    trace = trace_run(run, make_score_gate([0.0], 2, Semantics.PAPER))
    shapes = {name: getattr(trace, name).shape for name in vars(trace)}
    assert shapes == {
        "prefill_logits": (3, 4, 11),
        "logits": (8, 3, 11),
        "score_heads": (8, 2, 3, 4),
        "tas": (8, 2, 3),
        "eligible": (8, 3),
        "replayed": (8, 2, 3),
        "mlp_used": (8, 2, 3, 12),
        "layer_out": (8, 2, 3, 12),
    }
    assert trace.eligible.dtype == trace.replayed.dtype == bool
    floats = {getattr(trace, name).dtype.name for name in shapes} - {"bool"}
    assert floats == {"float32"}


@pytest.mark.parametrize("thresholds", [[None], [None, None]])
def test_a_run_without_thresholds_is_dense(thresholds: list[float | None]) -> None:
    assert make_score_gate(thresholds, 2, Semantics.PAPER) is None
    trace = trace_run(make_run(0), None)
    assert not trace.eligible.any()
    assert np.isnan(trace.tas).all()


def test_eligibility_does_not_count_chains() -> None:
    run = make_run(0)
    replay = ReplayConfig(3, max_chain=0)
    trace = trace_run(run, make_score_gate([-np.inf], 2, Semantics.PAPER), replay)
    assert np.array_equal(trace.eligible, np.repeat(np.arange(8) >= 3, 3).reshape(8, 3))
    assert not trace.replayed.any()


@given(st.lists(st.none() | st.floats(-1, 1), min_size=3, max_size=3))
def test_thresholds_reach_their_layers(values: list[float | None]) -> None:
    gate = make_score_gate(values, 3, Semantics.PUBLISHED)
    if all(value is None for value in values):
        assert gate is None
        return
    assert isinstance(gate, TemporalAttentionScoreGate)
    assert gate.strict
    for layer, value in enumerate(values):
        assert gate.is_active(layer) == (value is not None)
        if value is not None:
            assert gate.thresholds.get(layer) == value


def test_one_threshold_is_for_all_layers() -> None:
    gate = make_score_gate([0.5], 3, Semantics.PAPER)
    assert isinstance(gate, TemporalAttentionScoreGate)
    assert not gate.strict
    assert [gate.thresholds.get(layer) for layer in range(3)] == [0.5] * 3


def test_refuses_another_number_of_thresholds() -> None:
    message = r"^tau = \(0.1, 0.2\): must be 1 or 3 values$"
    with pytest.raises(ArgumentError, match=message):
        make_score_gate([0.1, 0.2], 3, Semantics.PAPER)


def test_refuses_a_threshold_that_is_not_a_number() -> None:
    message = r"^tau = nan: must be a number, inf, -inf or none$"
    with pytest.raises(ArgumentError, match=message):
        make_score_gate([float("nan")], 3, Semantics.PAPER)


@pytest.mark.parametrize("shape", [(3,), (2, 8)])
def test_refuses_tokens_of_other_rows(shape: tuple[int, ...]) -> None:
    run = make_run(0)
    message = r"^forced_ids shape = \(.+\): must be \[3, steps\]$"
    with pytest.raises(ArgumentError, match=message):
        run_trace(
            run.config,
            run.weights,
            run.prompt_ids,
            np.zeros(shape, np.int64),
            ReplayConfig(3),
        )


def test_refuses_more_tokens_than_the_model_has_positions() -> None:
    run = make_run(0, steps=61)
    message = r"^prompt plus generated tokens = 65: must be in \[1, max_.+ = 64\]$"
    with pytest.raises(ArgumentError, match=message):
        trace_run(run, None)
