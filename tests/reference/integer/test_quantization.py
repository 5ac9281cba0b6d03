"""Constants of a checkpoint: each as docs/accelerator.md defines it, none out of range."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.quantization import (
    LayerRanges,
    calibrate_ranges,
    choose_gate_shift,
    choose_multipliers,
    quantize_checkpoint,
    quantize_layer,
    quantize_matrix,
    quantize_model,
    round_ratio,
)
from fastcar.reference.replay import Semantics
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_activations
from fastcar.reference.weights import LayerWeights
from fastcar.strategies import Run, make_config, make_run, runs
from fastcar.strategies.models import HEADS
from tests.reference.integer.runs import decode_integers, quantize_run
from tests.reference.runs import decode

RANGES = LayerRanges(residual=4.0, gate=10.0, up=3.0, hidden=9.0, query=2.0, key=5.0)


@given(st.integers(0, 2**16), st.floats(1e-12, 1e12))
def test_weights_are_nearest_and_reach_127_in_every_row(seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.standard_normal((5, 7)) * size
    matrix = quantize_matrix(weight, 1.0 / size)
    assert (np.abs(matrix.weights.astype(int)).max(axis=1) == 127).all()
    steps = np.abs(weight).max(axis=1, keepdims=True) / 127
    assert (np.abs(matrix.weights * steps - weight) <= steps * (0.5 + 1e-9)).all()


@given(st.integers(0, 2**16), st.floats(1e-9, 100.0))
def test_multipliers_are_nearest_and_as_fine_as_they_can_be(seed: int, largest: float) -> None:
    factors = np.random.default_rng(seed).uniform(0, largest, 6)
    multipliers, shift = choose_multipliers(factors)
    assert (np.abs(multipliers / 2.0**shift - factors) <= 2.0 ** -(shift + 1)).all()
    assert shift == 47 or math.floor(factors.max() * 2.0 ** (shift + 1) + 0.5) > 65535


def test_factor_that_no_multiplier_reaches_is_refused() -> None:
    message = r"^factor of a requantisation = 70000.0: must be below 65535$"
    with pytest.raises(ArgumentError, match=message):
        choose_multipliers(np.array([1.0, 70000.0]))
    run = make_run(5)
    narrow = [RANGES, replace(RANGES, up=1e-9)]
    with pytest.raises(ArgumentError, match=r"^factor of up_proj of layer 1 = \d+\.\d+: "):
        quantize_model(run.config, run.weights, narrow)


def test_row_of_zeros_stays_zero() -> None:
    matrix = quantize_matrix(np.array([[0.0, 0.0], [1.0, -2.0]]), 0.5)
    assert matrix.weights.tolist() == [[0, 0], [64, -127]]
    alone = quantize_matrix(np.array([[1.0, -2.0]]), 0.5)
    assert (matrix.shift, matrix.multipliers.tolist()) == (alone.shift, [0, *alone.multipliers])
    assert quantize_matrix(np.zeros((2, 2)), 0.5).run(np.ones((1, 2), np.int16)).any() == 0


@given(
    st.lists(st.integers(-254, 254), min_size=1, max_size=8),
    st.floats(1e-6, 1e6),
    st.sampled_from([-1, 0, 1]),
)
def test_ratios_are_rounded_exactly_next_to_a_tie(
    halves: list[int], largest: float, side: int
) -> None:
    x = np.array(halves) / 254 * largest
    if side:
        x = np.nextafter(x, side * np.inf)
    x = np.clip(x, -largest, largest)
    exact = [
        math.floor(Fraction(value) * 127 / Fraction(largest) + Fraction(1, 2))
        for value in x.tolist()
    ]
    assert round_ratio(x, largest, 127).tolist() == exact


def test_gate_format_holds_the_gate_where_one_does() -> None:
    for shift in range(4):
        edge = 32767 * 2.0 ** (shift - 11)
        assert choose_gate_shift(edge) == shift
        assert choose_gate_shift(math.nextafter(edge, math.inf)) == min(shift + 1, 3)


def test_constants_of_a_layer_are_those_of_the_page() -> None:
    run = make_run(5, dtype=np.float64)
    layer = run.weights.layers[0]
    integers = quantize_layer(layer, RANGES, 1e-5, headroom=1.25)
    scales = integers.scales
    assert scales.residual == 4.0 * 1.25 / 32767
    assert scales.key == 5.0 * 1.25 / 32767
    largest_gain = np.abs(layer.mlp_norm).max()
    assert scales.normed == math.sqrt(12) * largest_gain / 32767
    gains = np.floor(32767 * layer.mlp_norm / largest_gain + 0.5)
    assert integers.gains.tolist() == gains.tolist()
    assert integers.epsilon == max(1, math.floor(1e-5 * 12 / scales.residual**2 + 0.5))
    assert integers.gate_shift == 0
    steps = np.abs(layer.gate_proj).max(axis=1) / 127
    found = integers.gate_proj.multipliers / 2.0**integers.gate_proj.shift
    assert np.allclose(found, steps * scales.normed * 2**11, rtol=2**-15)
    steps = np.abs(layer.down_proj).max(axis=1) / 127
    found = integers.down_proj.multipliers / 2.0**integers.down_proj.shift
    assert np.allclose(found, steps * scales.hidden / scales.residual, rtol=2**-15)
    factor = integers.hidden_multiplier / 2.0**integers.hidden_shift
    assert math.isclose(factor, scales.up / scales.hidden / 2**15, rel_tol=2**-15)


def test_tiny_epsilon_is_one() -> None:
    layer = make_run(5).weights.layers[0]
    assert quantize_layer(layer, RANGES, 1e-12, 1.0).epsilon == 1


def test_layer_that_shows_nothing_has_scales() -> None:
    layer = make_run(5).weights.layers[0]
    zeros = LayerWeights(**{name: np.zeros_like(array) for name, array in vars(layer).items()})
    integers = quantize_layer(zeros, LayerRanges(), 1e-5, 1.25)
    x = np.array([[5] * 12], np.int16)
    assert not integers.run(x)[0].any()


@given(runs(padded=False))
def test_ranges_cover_the_run_they_come_from(run: Run) -> None:
    ranges = calibrate_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids)
    decoded = decode(run)
    for seen in decoded.observations:
        widest = ranges[seen.layer_index]
        before = seen.layer_out - seen.decision.output
        layer = run.weights.layers[seen.layer_index]
        normed = compute_rms_norm(before, layer.mlp_norm, run.config.rms_norm_eps)
        activations = compute_activations(normed, layer)
        assert np.abs(before).max() <= widest.residual
        assert np.abs(seen.layer_out).max() <= widest.residual
        assert np.abs(seen.query).max() <= widest.query
        for name in ("gate", "up", "hidden"):
            assert np.abs(getattr(activations, name)).max() <= getattr(widest, name)
    generated = decoded.keys[:, :, :, run.prompt_ids.shape[1] :]
    for layer_index, widest in enumerate(ranges):
        assert np.abs(generated[layer_index]).max() == widest.key


@pytest.mark.parametrize("kind", sorted(HEADS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_checkpoint_decodes_like_its_float_self(
    kind: str, dtype: type[np.float32] | type[np.float64]
) -> None:
    run = make_run(11, make_config(kind), dtype=dtype, frames=4)
    exact, found = decode(run), decode_integers(run, quantize_run(run))
    spread = exact.logits.std()
    assert np.abs(found.logits - exact.logits).max() < 0.15 * spread
    assert np.abs(found.logits - exact.logits).max() > 0


def test_published_queries_have_their_own_range() -> None:
    run = make_run(3)
    arguments = run.config, run.weights, run.prompt_ids, run.forced_ids
    paper = quantize_checkpoint(*arguments)
    published = quantize_checkpoint(*arguments, semantics=Semantics.PUBLISHED)
    assert paper.layers[0].scales.query != published.layers[0].scales.query
    assert paper.layers[0].scales.key == published.layers[0].scales.key


def test_requests_outside_their_limits_are_refused() -> None:
    run = make_run(3)
    for headroom in (0.99, math.inf, math.nan):
        with pytest.raises(ArgumentError, match=r"^headroom = .*: must be finite and at least 1$"):
            quantize_model(run.config, run.weights, [RANGES, RANGES], headroom)
    with pytest.raises(ArgumentError, match=r"^token_ids shape = \(2, 8\): must be \[3 rows, at"):
        calibrate_ranges(run.config, run.weights, run.prompt_ids, run.forced_ids[:2])
