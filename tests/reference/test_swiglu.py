"""The MLP block, against math.exp and by its contract."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.swiglu as swiglu
from fastcar.reference.swiglu import compute_silu, compute_swiglu
from fastcar.reference.weights import LayerWeights, make_random_weights
from fastcar.strategies import make_config
from tests.reference.rounding import EXP_ROUNDINGS, compute_gamma

DTYPES = st.sampled_from([np.float32, np.float64])
finite = st.floats(-500, 500, allow_subnormal=False)


def compute_naive_silu(x: float) -> float:
    return x / (1 + math.exp(-x))


def draw_layer(seed: int, dtype: type[np.floating[Any]]) -> LayerWeights:
    return make_random_weights(make_config(), np.random.default_rng(seed), dtype).layers[0]


@given(st.lists(finite, min_size=1, max_size=20))
def test_silu_equals_the_naive_model(values: list[float]) -> None:
    expected = [compute_naive_silu(value) for value in values]
    # Exponential, sum, quotient, product; as many for the model.
    relative = compute_gamma(2 * (EXP_ROUNDINGS + 4), np.float64)
    assert np.allclose(compute_silu(np.array(values)), expected, rtol=relative, atol=0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_silu_lies_between_the_identity_and_zero(value: float) -> None:
    activated = float(compute_silu(np.array([value]))[0])
    assert min(value, 0.0) <= activated <= max(value, 0.0)
    assert activated >= -0.2785  # the minimum of x sigmoid(x)


@given(st.integers(0, 2**16), st.integers(1, 4), DTYPES)
def test_block_equals_the_naive_model(seed: int, rows: int, dtype: type[np.floating[Any]]) -> None:
    layer = draw_layer(seed, dtype)
    hidden, inner = layer.down_proj.shape
    normed = np.random.default_rng(seed).standard_normal((rows, hidden)).astype(dtype)
    output = compute_swiglu(normed, layer)
    assert output.dtype == dtype
    x = normed.astype(np.float64)
    gate, up, down = (
        matrix.astype(np.float64) for matrix in (layer.gate_proj, layer.up_proj, layer.down_proj)
    )
    gated, raised = x @ gate.T, x @ up.T
    activated = gated / (1 + np.exp(-gated))
    expected = (activated * raised) @ down.T
    # |silu'| <= 1.1 turns the error gamma_hidden |x| |W| of a gate into one of its activation.
    gamma = compute_gamma(hidden, dtype)
    gate_size, up_size = np.abs(x) @ np.abs(gate).T, np.abs(x) @ np.abs(up).T
    few = compute_gamma(EXP_ROUNDINGS + 5, dtype)
    activation_error = 1.1 * gamma * gate_size + few * np.abs(activated)
    product_error = (np.abs(activated) + activation_error) * gamma * up_size
    product_error += activation_error * np.abs(raised)
    inner_size = np.abs(activated * raised) + product_error
    sums = compute_gamma(inner + 1, dtype) * inner_size + product_error
    # Twice: the model in float64 rounds as well.
    assert (np.abs(output - expected) <= 2 * sums @ np.abs(down).T).all()


@given(st.integers(0, 2**16), st.integers(2, 6), DTYPES)
def test_gathered_rows_have_the_bits_of_all_rows(
    seed: int, rows: int, dtype: type[np.floating[Any]]
) -> None:
    layer = draw_layer(seed, dtype)
    rng = np.random.default_rng(seed)
    normed = rng.standard_normal((rows, len(layer.mlp_norm))).astype(dtype)
    chosen = rng.random(rows) < 0.5
    whole = compute_swiglu(normed, layer)
    assert np.array_equal(whole[chosen], compute_swiglu(normed[chosen], layer))


def test_no_row_touches_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(x: Any, weight: Any) -> Any:
        raise AssertionError("a weight was read for no row")

    monkeypatch.setattr(swiglu, "compute_linear", refuse)
    layer = draw_layer(0, np.float32)
    assert compute_swiglu(np.empty((0, 12), np.float32), layer).shape == (0, 12)
    with pytest.raises(AssertionError, match=r"^a weight was read"):
        compute_swiglu(np.empty((1, 12), np.float32), layer)


def test_large_inputs_do_not_overflow() -> None:
    largest = np.finfo(np.float64).max
    assert compute_silu(np.array([-largest, largest])).tolist() == [-0.0, largest]
