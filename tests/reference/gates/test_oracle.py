"""The oracle: the true error, at the price of the block."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.engine as engine
from fastcar.reference.arrays import FloatArray
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.weights import LayerWeights
from tests.reference.gates.queries import LAYER, draw_residual, make_query, normalise


def test_the_block_runs_once_per_token_for_the_oracle(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[int] = []

    def count(normed: FloatArray, layer: LayerWeights) -> FloatArray:
        entered.append(len(normed))
        return compute_swiglu(normed, layer)

    monkeypatch.setattr(engine, "compute_swiglu", count)
    query = make_query(draw_residual(0))
    OracleGate(FixedThresholds([0.0])).measure(query)
    query.mlp.compute_outputs(np.ones(3, bool))
    assert entered == [3]


@given(st.integers(0, 2**16))
def test_oracle_measures_the_error_of_a_replay(seed: int) -> None:
    query = replace(make_query(draw_residual(seed)), cached_output=draw_residual(seed + 1))
    fresh = compute_swiglu(normalise(query.mlp.residual), LAYER)
    expected = [math.dist(a, b) for a, b in zip(fresh, query.cached_output, strict=True)]
    measures = OracleGate(FixedThresholds([1.0])).measure(query)
    assert np.allclose(measures, expected, rtol=1e-13, atol=0)
