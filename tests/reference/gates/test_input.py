"""Distances of inputs: to those that were last computed."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.gates.input import InputGate
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run
from tests.examples import examples
from tests.reference.gates.queries import CONFIG, FLOAT64, draw_residual, make_query, normalise
from tests.reference.gates.watched import (
    any_runs,
    check,
    each_place,
    limits,
    make_gate,
    warmups,
    watch,
)


@given(st.integers(0, 2**16))
def test_input_gate_measures_the_distance_to_the_last_computed_input(seed: int) -> None:
    gate = InputGate(FixedThresholds([1.0]))
    gate.reset(CONFIG, 3, 2, FLOAT64)
    residuals = [draw_residual(seed + frame) for frame in range(4)]
    replays = [np.zeros(3, bool), *(np.random.default_rng(seed).random((3, 3)) < 0.5)]
    last = np.full(residuals[0].shape, np.nan)
    for frame, (residual, replayed) in enumerate(zip(residuals, replays, strict=True)):
        query = make_query(residual, token_index=2 * frame)
        other_place = make_query(residual, token_index=2 * frame + 1)
        normed = normalise(residual)
        measures = gate.measure(query)
        if frame == 0:
            assert np.isnan(measures).all()
            assert np.isnan(gate.measure(other_place)).all()
        else:
            expected = [math.dist(a, b) for a, b in zip(normed, last, strict=True)]
            assert np.allclose(measures, expected, rtol=1e-13, atol=0)
        gate.update(query, measures, replayed)
        last[~replayed] = normed[~replayed]


def test_input_gate_forgets_at_reset() -> None:
    gate = InputGate(FixedThresholds([1.0]))
    for _ in range(2):
        gate.reset(CONFIG, 3, 2, FLOAT64)
        query = make_query(draw_residual(0))
        measures = gate.measure(query)
        assert np.isnan(measures).all()
        gate.update(query, measures, np.zeros(3, bool))
        assert not gate.measure(query).any()


@examples(30)
@given(any_runs, st.floats(0.5, 1.6), limits, warmups)
def test_relative_distance_is_to_the_last_computed_input(
    run: Run, level: float, max_chain: int | None, warmup_frames: int
) -> None:
    seen = watch(run, make_gate("input-relative", run, level), max_chain, warmup_frames)
    expected = np.full(seen.measures.shape, np.nan)
    for layer, row, tokens in each_place(run):
        last = None
        for token in tokens:
            x = seen.inputs[token, layer, row]
            if last is not None:
                expected[token, layer, row] = math.dist(x, last) / math.hypot(*x)
            if not seen.replayed[token, layer, row]:
                last = x
    check(run, seen, expected, level)
