"""Skipped layers against their rule, stated again from what was computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.skip import SkipCosineGate
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_config, make_run
from tests.examples import examples
from tests.reference.gates.watched import any_runs, check, limits, warmups, watch


@examples(30)
@given(any_runs, st.floats(0.5, 1), limits, warmups, st.none() | st.integers(1, 2))
def test_a_layer_is_skipped_by_the_cosine_of_the_last_that_computed(
    run: Run, level: float, max_chain: int | None, warmup_frames: int, most_skipped: int | None
) -> None:
    layers = run.config.num_hidden_layers
    gate = SkipCosineGate(FixedThresholds([level] * layers), most_skipped=most_skipped)
    seen = watch(run, gate, max_chain, warmup_frames)
    expected = np.full(seen.measures.shape, np.nan)
    for token in range(run.steps):
        for row in range(run.rows):
            cosine, at = np.nan, 0
            for layer in range(layers):
                if layer and (most_skipped is None or layer - at <= most_skipped):
                    expected[token, layer, row] = cosine
                if not seen.replayed[token, layer, row]:
                    x, y = seen.before[token, layer, row], seen.after[token, layer, row]
                    cosine = float(np.dot(x, y) / np.sqrt(np.dot(x, x) * np.dot(y, y)))
                    at = layer
    check(run, seen, expected, level, is_score=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most_skipped": 0}, r"^most_skipped = 0: must be at least 1$"),
        ({"cold_layers": (0, 0)}, r"^cold_layers = \(0, 0\): must be at least 1 and at least 0$"),
        ({"cold_layers": (1, -1)}, r"^cold_layers = \(1, -1\): must be at least 1 and "),
    ],
)
def test_refuses_layers_that_are_no_numbers_of_layers(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        SkipCosineGate(FixedThresholds([0.0]), **options)


def test_cold_layers_compute() -> None:
    run = make_run(0, make_config(layers=4))
    gate = SkipCosineGate(FixedThresholds([-1.0] * 4), cold_layers=(1, 1))
    replayed = watch(run, gate).replayed
    assert not replayed[:, [0, -1]].any()
    assert replayed[run.tokens_per_frame :, 1:-1].all()
