"""Sums of changes against their rule, stated again from what was fed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.gates.accumulated import FrameAccumulatedGate
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run
from tests.examples import examples
from tests.reference.gates.watched import (
    any_runs,
    check,
    each_place,
    limits,
    make_gate,
    total,
    warmups,
    watch,
)


@examples(30)
@given(any_runs, st.floats(0.8, 4), limits, warmups)
def test_changes_accumulate_from_frame_to_frame_until_one_computes(
    run: Run, level: float, max_chain: int | None, warmup_frames: int
) -> None:
    seen = watch(run, make_gate("accumulated", run, level), max_chain, warmup_frames)
    expected = np.full(seen.measures.shape, np.nan)
    for layer, row, tokens in each_place(run):
        accumulated, previous = 0.0, None
        for token in tokens:
            x = seen.inputs[token, layer, row].astype(float)
            if previous is not None:  # of the step before, computed or not
                change = np.mean(np.abs(x - previous)) / (np.mean(np.abs(previous)) + 1e-8)
                accumulated = expected[token, layer, row] = accumulated + change
            if not seen.replayed[token, layer, row]:
                accumulated = 0.0
            previous = x
    check(run, seen, expected, level)


@examples(30)
@given(any_runs, st.floats(0.8, 4), limits, warmups, st.sampled_from([-np.inf, np.inf]))
def test_a_frame_decides_together_by_the_change_of_the_frame_before(
    run: Run, level: float, max_chain: int | None, warmup_frames: int, other: float
) -> None:
    thresholds = [level] + [other] * (run.config.num_hidden_layers - 1)
    gate = FrameAccumulatedGate(FixedThresholds(thresholds))
    seen = watch(run, gate, max_chain, warmup_frames)
    expected = np.full(seen.measures.shape, np.nan)
    frame_tokens = run.tokens_per_frame
    for row in range(run.rows):
        accumulated = 0.0
        for start in range(0, run.steps, frame_tokens):
            frames = [
                seen.embedded[start - back * frame_tokens : start - (back - 1) * frame_tokens, row]
                for back in (1, 2)
                if start >= back * frame_tokens
            ]
            whole = slice(start, start + frame_tokens)
            if len(frames) == 2:
                change = total((frames[0] - frames[1]).ravel()) / total(frames[1].ravel())
                accumulated += change
                expected[whole, :, row] = accumulated
            if not seen.replayed[start, 0, row]:
                accumulated = 0.0
    assert np.allclose(seen.measures, expected, rtol=1e-5, equal_nan=True)
    for token in range(run.steps):
        start = token - token % frame_tokens
        first = seen.replayed[start, 0]
        assert np.array_equal(seen.replayed[token], first & seen.eligible[token])
        if token == start:
            assert np.array_equal(
                first, (seen.measures[start, 0] <= level) & seen.eligible[start, 0]
            )
