"""Compiled MLP: activations and output within derived bounds, integers as in the spec."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import fastcar.reference.kernels.engine as engine_module
from fastcar.reference.arrays import FloatArray
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.exponential import EXP_ROUNDINGS, SMALLEST
from fastcar.reference.kernels.lanes import count_roundings
from fastcar.reference.linear import compute_linear
from fastcar.reference.matrix import CompressedLayer
from fastcar.reference.swiglu import Activations, compute_activations, compute_swiglu
from tests.reference.kernels.matrices import KINDS, draw_layer, draw_rows, widen
from tests.reference.rounding import EXP_ROUNDINGS as SPEC_EXP_ROUNDINGS
from tests.reference.rounding import compute_gamma

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

ENGINE = NumbaEngine()
Wide = NDArray[np.float64]
kinds = st.sampled_from(KINDS)
LIPSCHITZ = 1.0999
"""max silu', rounded up."""


def activate(normed: FloatArray, layer: CompressedLayer, parallel: bool) -> Activations:
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("PARALLEL_BYTES", "PARALLEL_MULTIPLICATIONS"):
            patch.setattr(engine_module, limit, 0 if parallel else 1 << 62)
        return ENGINE.activate(normed, layer)


def silu(x: Wide) -> Wide:
    with np.errstate(over="ignore"):
        return np.asarray(x / (1 + np.exp(-x)), np.float64)


def count_silu_roundings(exp_roundings: int) -> int:
    """Exponential once in the numerator, once in the denominator; sum, two products, quotient."""
    return 2 * exp_roundings + 4


@given(
    st.integers(0, 2**16),
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(1, 70),
    kinds,
    st.booleans(),
)
def test_hidden_activations_follow_from_gate_and_up(
    seed: int, rows: int, width: int, inner: int, kind: str, parallel: bool
) -> None:
    rng = np.random.default_rng(seed)
    layer = draw_layer(rng, kind, width, inner)
    normed = draw_rows(rng, rows, width)
    found = activate(normed, layer, parallel)
    assert np.array_equal(found.gate, ENGINE.linear(normed, layer.gate_proj))
    assert np.array_equal(found.up, ENGINE.linear(normed, layer.up_proj))
    gate, up = found.gate.astype(np.float64), found.up.astype(np.float64)
    exact = silu(gate) * up
    cut = np.exp(SMALLEST) * np.abs(gate * up)  # what an exponential of 0 leaves out
    bound = compute_gamma(count_silu_roundings(EXP_ROUNDINGS), np.float32) * np.abs(exact)
    assert (np.abs(found.hidden - exact) <= bound + cut).all()


@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 40), st.integers(1, 70))
def test_integer_weights_give_the_gate_and_up_of_the_spec(
    seed: int, rows: int, width: int, inner: int
) -> None:
    """And the output of the spec for the same hidden activations, bit for bit."""
    rng = np.random.default_rng(seed)
    layer = draw_layer(rng, "int8", width, inner)
    normed = draw_rows(rng, rows, width)
    found, spec = ENGINE.activate(normed, layer), compute_activations(normed, layer)
    assert np.array_equal(found.gate, spec.gate)
    assert np.array_equal(found.up, spec.up)
    output = ENGINE.swiglu(normed, layer)
    assert np.array_equal(output, compute_linear(found.hidden, layer.down_proj))


def compute_output_bound(
    normed: FloatArray, layer: CompressedLayer, products: tuple[int, int], silu_roundings: int
) -> tuple[Wide, Wide]:
    """Exact output, and how far roundings may carry an evaluation from it.

    Args:
        normed: [R, D].
        layer: float weights.
        products: roundings of a term of a product over D and over F.
        silu_roundings: of silu(gate) * up.
    """
    x = normed.astype(np.float64)
    gate_proj, up_proj, down_proj = map(widen, (layer.gate_proj, layer.up_proj, layer.down_proj))
    inner, outer = (compute_gamma(count, np.float32) for count in products)
    gate, up = x @ gate_proj.T, x @ up_proj.T
    gate_error = inner * (np.abs(x) @ np.abs(gate_proj).T)
    up_error = inner * (np.abs(x) @ np.abs(up_proj).T)
    silu_error = LIPSCHITZ * gate_error
    largest = (np.abs(silu(gate)) + silu_error) * (np.abs(up) + up_error)
    hidden_error = silu_error * (np.abs(up) + up_error) + np.abs(silu(gate)) * up_error
    hidden_error += compute_gamma(silu_roundings, np.float32) * largest + np.exp(SMALLEST)
    error = hidden_error @ np.abs(down_proj).T * (1 + outer)
    error += outer * (np.abs(silu(gate) * up) @ np.abs(down_proj).T)
    return (silu(gate) * up) @ down_proj.T, error * (1 + 1e-9)


@given(
    st.integers(0, 2**16),
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(1, 70),
    st.sampled_from(["float32", "bfloat16"]),
)
def test_outputs_are_within_the_bound(
    seed: int, rows: int, width: int, inner: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    layer = draw_layer(rng, kind, width, inner)
    normed = rng.standard_normal((rows, width)).astype(np.float32)
    output = ENGINE.swiglu(normed, layer)
    counts = count_roundings(width), count_roundings(inner)
    exact, bound = compute_output_bound(normed, layer, counts, count_silu_roundings(EXP_ROUNDINGS))
    assert (np.abs(output - exact) <= bound).all()
    _, spec_bound = compute_output_bound(
        normed, layer, (width, inner), count_silu_roundings(SPEC_EXP_ROUNDINGS)
    )
    assert (np.abs(output - compute_swiglu(normed, layer)) <= bound + spec_bound).all()


@given(st.integers(0, 2**16), st.integers(2, 6), st.integers(1, 40), st.integers(1, 70), kinds)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(
    seed: int, rows: int, width: int, inner: int, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    layer = draw_layer(rng, kind, width, inner)
    normed = draw_rows(rng, rows, width)
    whole = ENGINE.swiglu(normed, layer)
    single = [ENGINE.swiglu(normed[[row]], layer)[0] for row in range(rows)]
    assert np.array_equal(whole, single)
    hidden = activate(normed, layer, parallel=False).hidden
    assert np.array_equal(hidden, activate(normed, layer, parallel=True).hidden)


def test_no_rows_touch_no_weight() -> None:
    nothing = np.empty((0, 4), np.float32)
    layer = draw_layer(np.random.default_rng(0), "int8", 5, 3)  # of another width: never looked at
    assert ENGINE.swiglu(nothing, layer) is nothing
