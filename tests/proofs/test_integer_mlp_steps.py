"""Steps of the integer MLP phase: errors below their bounds, in balls; larger ones are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, target
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import is_certain, to_balls
from fastcar.proofs.integer_mlp_steps import (
    STEP_NAMES,
    FloatMlp,
    compute_bounds,
    compute_errors,
    compute_float_steps,
)
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.layer import IntegerActivations, IntegerLayer
from fastcar.reference.integer.quantization import LayerRanges, quantize_layer
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.weights import LayerWeights
from tests.examples import examples
from tests.proofs.attacks import attack_settings


class Case(NamedTuple):
    """A layer in both arithmetics, and rows [B, D] that enter it."""

    layer: IntegerLayer
    mlp: FloatMlp
    x: Int16Array
    weights: LayerWeights


def make_case(seed: int, sizes: tuple[int, int], ranges: list[float], largest: int) -> Case:
    """Random weights of very different rows; ranges that may be far too small or too large."""
    rng = np.random.default_rng(seed)
    width, inner = sizes

    def draw(outputs: int, inputs: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return rng.standard_normal((outputs, inputs)) * 10.0 ** rng.uniform(-1, 1, (outputs, 1))

    gain = rng.uniform(-2, 2, width)
    gate, up, down = draw(inner, width), draw(inner, width), draw(width, inner)
    weights = LayerWeights(gain, down, down, down, down, gain, gate, up, down)
    residual, widest_gate, widest_up, hidden = ranges
    widest = LayerRanges(residual, widest_gate, widest_up, hidden, 1.0, 1.0)
    eps = float(10.0 ** rng.uniform(-8, -2))
    layer = quantize_layer(weights, widest, eps, headroom=1.0)
    x = rng.integers(-largest, largest + 1, (2, width)).astype(np.int16)
    return Case(layer, FloatMlp(gain, gate, up, down, eps), x, weights)


sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
range_lists = st.lists(
    st.integers(-6, 8).map(lambda exponent: 2.0**exponent), min_size=4, max_size=4
)
cases = st.builds(
    make_case, st.integers(0, 2**16), sizes, range_lists, st.sampled_from([1, 50, 3000, 32767])
)


def get_violations(case: Case, found: IntegerActivations) -> list[str]:
    """Steps with an element whose error is certainly above its bound."""
    balls = to_balls(case.mlp)
    errors = compute_errors(case.layer, balls, case.x, found)
    bounds = compute_bounds(case.layer, balls, case.x, found)
    return [
        name
        for name in STEP_NAMES
        if not all(
            is_certain(error <= bound)
            for error, bound in zip(
                getattr(errors, name).ravel(), getattr(bounds, name).ravel(), strict=True
            )
        )
    ]


@given(cases)
@attack_settings(0.5)
def test_no_error_is_above_its_bound(case: Case) -> None:
    found = case.layer.run_mlp(case.x)
    errors = compute_errors(case.layer, case.mlp, case.x, found)
    bounds = compute_bounds(case.layer, case.mlp, case.x, found)
    for name in STEP_NAMES:
        ratio = getattr(errors, name) / getattr(bounds, name)
        target(float(ratio.max()), label=name)
    assert get_violations(case, found) == []


@given(cases)
@examples(20)
def test_float_steps_are_those_of_the_decoder(case: Case) -> None:
    x = case.x * case.layer.scales.residual
    normed = compute_rms_norm(x, case.weights.mlp_norm, case.mlp.rms_norm_eps)
    output = compute_swiglu(normed, case.weights)
    steps = compute_float_steps(case.layer, case.mlp, case.x)
    assert np.allclose(steps.normed, normed, rtol=1e-9, atol=1e-12 * np.abs(normed).max())
    assert np.allclose(steps.output, output, rtol=1e-9, atol=1e-9 * (1 + np.abs(output).max()))


@pytest.mark.parametrize("name", ["normed", "gate", "up"])
def test_error_of_a_few_steps_is_seen(name: str) -> None:
    case = make_case(1, (4, 4), [8.0, 8.0, 8.0, 64.0], 3000)
    found = case.layer.run_mlp(case.x)
    assert get_violations(case, found) == []
    wrong = getattr(found, name) + np.int16(64)
    assert name in get_violations(case, replace(found, **{name: wrong}))


def test_bound_is_nearly_reached_where_it_is_all_rounding() -> None:
    best = dict.fromkeys(STEP_NAMES, 0.0)
    for seed in range(200):
        case = make_case(seed, (2, 2), [1.0, 4.0, 4.0, 16.0], 32767)
        found = case.layer.run_mlp(case.x)
        errors = compute_errors(case.layer, case.mlp, case.x, found)
        bounds = compute_bounds(case.layer, case.mlp, case.x, found)
        for name in STEP_NAMES:
            ratio = (getattr(errors, name) / getattr(bounds, name)).max()
            best[name] = max(best[name], float(ratio))
    assert best["normed"] > 0.9, best
    assert min(best.values()) > 0.5, best
