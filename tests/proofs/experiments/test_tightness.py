"""How loose the bounds on norm and MLP are: every level bounds, none is above the one before."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import compute_row_norms, is_certain, to_balls
from fastcar.proofs.decoded_run import DecodedRun, GivenRows, load_rows, run
from fastcar.proofs.experiments.tightness import (
    Level,
    Numbers,
    compute_divided_difference,
    compute_levels,
    compute_norm_levels,
)
from fastcar.proofs.silu import SILU_SLOPE
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.weights import LayerWeights, make_random_weights

NAMES = ["global", "layer", "token", "token matrices", "pair matrix"]
NUM_PAIRS = 12


@pytest.fixture(scope="module")
def decoded() -> tuple[GivenRows, DecodedRun]:
    """Three frames of a held-out clip."""
    given = load_rows(num_rows=1, num_frames=3)
    return given, run(given, np.inf)[0]


def get_inputs(given: GivenRows, run: DecodedRun, layer_index: int) -> tuple[Numbers, Numbers]:
    """[pairs, D] residual MLP inputs of tokens of the last frame and of their aligned ones."""
    inputs = run.mlp_inputs[layer_index, 0].astype(np.float64)
    last = np.arange(len(inputs) - NUM_PAIRS, len(inputs))
    return inputs[last], inputs[last - given.tokens_per_frame]


def check_order(levels: list[Level], distances: Numbers) -> None:
    """Distance <= the last level <= ... <= the first, up to rounding."""
    limits = [level.bounds for level in levels] + [distances]
    for upper, lower in pairwise(limits):
        assert (lower <= upper * (1 + 1e-9) + 1e-12).all()


def make_layer(seed: int) -> LayerWeights:
    """Width 4, inner width 6."""
    config = ModelConfig(
        vocab_size=4,
        hidden_size=4,
        intermediate_size=6,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=4,
        rms_norm_eps=1e-5,
        rope_theta=1e4,
        max_position_embeddings=8,
        tie_word_embeddings=True,
    )
    return make_random_weights(config, np.random.default_rng(seed), np.float64).layers[0]


@given(st.integers(0, 1000), st.integers(-6, 1), st.integers(-2, 2))
def test_levels_are_bounds_in_falling_order(seed: int, distance: int, scale: int) -> None:
    rng = np.random.default_rng(seed)
    layer = make_layer(seed)
    layer.gate_proj[:] *= 10.0**scale
    x = rng.standard_normal((5, 4))
    other = x + rng.standard_normal((5, 4)) * 10.0**distance
    n, m = (compute_rms_norm(rows, layer.mlp_norm, 1e-5) for rows in (x, other))
    true = compute_row_norms(compute_swiglu(n, layer) - compute_swiglu(m, layer))
    levels = compute_levels(layer, n, m)
    assert [level.name for level in levels] == NAMES
    check_order(levels, true)
    check_order(compute_norm_levels(layer.mlp_norm, 1e-5, x, other), compute_row_norms(n - m))


@pytest.mark.parametrize("layer_index", [0, 3])
def test_levels_bound_real_tokens(decoded: tuple[GivenRows, DecodedRun], layer_index: int) -> None:
    given, dense = decoded
    layer, eps = given.weights.layers[layer_index], given.config.rms_norm_eps
    x, other = get_inputs(given, dense, layer_index)
    n, m = (compute_rms_norm(rows, layer.mlp_norm, eps) for rows in (x, other))
    true = compute_row_norms(compute_swiglu(n, layer) - compute_swiglu(m, layer))
    levels = compute_levels(layer, n, m)
    check_order(levels, true)
    check_order(compute_norm_levels(layer.mlp_norm, eps, x, other), compute_row_norms(n - m))
    assert levels[-1].median_ratio < levels[2].median_ratio / 3


def test_last_level_is_exact_in_one_dimension() -> None:
    layer = LayerWeights(**{name: np.full((1, 1), 2.0) for name in vars(make_layer(0))})
    levels = compute_levels(layer, np.array([[2.0]]), np.array([[-1.0]]))
    assert levels[-1].max_ratio == pytest.approx(1, rel=1e-12)


def test_levels_from_token_on_are_exact_where_silu_is_steepest() -> None:
    layer = LayerWeights(**{name: np.full((1, 1), 2.0) for name in vars(make_layer(0))})
    steepest = 2.3993572805154678 / 2
    levels = compute_levels(layer, np.array([[steepest]]), np.array([[steepest + 1e-7]]))
    for level in levels[2:]:
        assert level.max_ratio == pytest.approx(1, abs=1e-6)


def test_ratios_are_those_of_pairs_whose_outputs_differ() -> None:
    rng = np.random.default_rng(0)
    layer = make_layer(0)
    x, other = rng.standard_normal((2, 3, 4))
    other[0] = x[0]
    n, m = (compute_rms_norm(rows, layer.mlp_norm, 1e-5) for rows in (x, other))
    true = compute_row_norms(compute_swiglu(n, layer) - compute_swiglu(m, layer))
    for level in compute_levels(layer, n, m):
        ratios = level.bounds[1:] / true[1:]
        assert level.bounds[0] == 0
        assert level.median_ratio == pytest.approx(ratios.mean())
        assert level.max_ratio == pytest.approx(ratios.max())


def test_constant_is_the_derivative_where_inputs_meet() -> None:
    layer = make_layer(1)
    n = compute_rms_norm(np.ones((1, 4)), layer.mlp_norm, 1e-5)
    steps = np.eye(4) * 1e-7
    columns = (compute_swiglu(n + steps, layer) - compute_swiglu(n - steps, layer)) / 2e-7
    direction = np.linalg.svd(columns)[0][:, 0]
    levels = compute_levels(layer, n, n + 1e-6 * direction)
    assert levels[-1].median_ratio == pytest.approx(1, abs=1e-5)


@given(st.floats(-50, 50), st.floats(-50, 50), st.sampled_from([0, -9, -5, -1, 0.5]))
def test_divided_difference_is_accurate(x: float, change: float, reach: float) -> None:
    y = x + change * 10.0**reach
    found = compute_divided_difference(np.array([x]), np.array([y]))[0]
    assert 1 - SILU_SLOPE - 1e-13 <= found <= SILU_SLOPE + 1e-13
    if x != y:
        a, b = to_balls(np.array([x, y]))
        exact = (a / (1 + (-a).exp()) - b / (1 + (-b).exp())) / (a - b)
        assert is_certain(abs(exact - arb(float(found))) < 1e-13)


def test_input_beyond_the_norm_is_refused() -> None:
    text = r"^largest norm of an input = 200\.0: must be at most [\d.]+$"
    with pytest.raises(ArgumentError, match=text):
        compute_levels(make_layer(0), np.full((1, 4), 100.0), np.zeros((1, 4)))


def test_equal_pairs_have_no_ratio() -> None:
    text = r"^pairs with different outputs = 0: must be at least 1$"
    with pytest.raises(ArgumentError, match=text):
        compute_levels(make_layer(0), np.zeros((2, 4)), np.zeros((2, 4)))
