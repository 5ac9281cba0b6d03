"""The score as a measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.thresholds import FixedThresholds
from tests.reference.gates.queries import draw_residual, make_query


def test_threshold_is_not_rounded_to_the_dtype_of_the_score() -> None:
    score = np.full(3, 0.1, np.float32)  # above 0.1 in float64
    query = replace(make_query(draw_residual(0)), score=score)
    gate = TemporalAttentionScoreGate(FixedThresholds([0.1]), strict=True)
    measures = gate.measure(query)
    assert measures.dtype == np.float64
    assert gate.decide(query, measures).all()


def test_score_gate_has_no_measure_without_a_score() -> None:
    measures = TemporalAttentionScoreGate(FixedThresholds([0.0])).measure(
        make_query(draw_residual(0))
    )
    assert np.isnan(measures).all()
