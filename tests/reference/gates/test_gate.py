"""What all gates share: places, comparisons, numbers of thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds, Thresholds
from fastcar.strategies import make_config
from tests.reference.gates.queries import (
    draw_residual,
    make_query,
)


@given(st.integers(0, 40), st.integers(1, 9))
def test_frame_and_location_make_the_token(token_index: int, tokens_per_frame: int) -> None:
    query = make_query(draw_residual(0), token_index, tokens_per_frame)
    assert query.frame_index * tokens_per_frame + query.location_index == token_index
    assert 0 <= query.location_index < tokens_per_frame


@pytest.mark.parametrize(
    ("gate", "replays"),
    [
        (TemporalAttentionScoreGate(FixedThresholds([0.5])), [False, True, True, False]),
        (TemporalAttentionScoreGate(FixedThresholds([0.5]), True), [False, False, True, False]),
        (InputGate(FixedThresholds([0.5])), [True, True, False, False]),
        (InputGate(FixedThresholds([0.5]), True), [True, False, False, False]),
        (OracleGate(FixedThresholds([0.5])), [True, True, False, False]),
        (OracleGate(FixedThresholds([0.5]), True), [True, False, False, False]),
    ],
)
def test_comparison_at_below_and_above_the_threshold(gate: Gate, replays: list[bool]) -> None:
    measures = np.array([0.5 - 1e-9, 0.5, 0.5 + 1e-9, np.nan])
    decided = gate.decide(make_query(draw_residual(0, rows=4)), measures)
    assert decided.tolist() == replays


@pytest.mark.parametrize(
    "thresholds", [FixedThresholds([0.0]), AdaptiveThresholds(5, 0.5, higher_is_safer=True)]
)
def test_another_number_of_thresholds_than_layers_is_refused(thresholds: Thresholds) -> None:
    gate = TemporalAttentionScoreGate(thresholds)
    with pytest.raises(ArgumentError, match=r"^number of thresholds = [15]: must be 2, one"):
        gate.reset(make_config(layers=2), 1, 4, np.dtype(np.float32))
