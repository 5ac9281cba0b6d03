"""What P-07 needs: bounded inputs, the true slope of silu, the maxima of both tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.arithmetic import compute_norm, to_float
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.silu import SILU_SLOPE
from fastcar.proofs.swiglu import bound, compute_sides
from fastcar.proofs.swiglu_pair import SwiGLUPair, compute_extent


def get_counterexamples() -> list[Counterexample]:
    """No bound on the inputs; "silu is 1-Lipschitz"; both maxima of the same token."""
    return [_make_far_inputs(), _make_unit_slope(), _make_same_token()]


def _make_neuron(normed: float, other: float) -> SwiGLUPair:
    one = np.ones((1, 1))
    return SwiGLUPair(one, one, one, np.array([normed]), np.array([other]))


def _make_far_inputs() -> Counterexample:
    """The constant of inputs up to 1 used for inputs around 100: |y - y'| / |n - n'| grows."""
    far, near = _make_neuron(100.0, 101.0), _make_neuron(1.0, 1.0)
    left = to_float(compute_sides(far).left)
    right = to_float(bound(compute_norm(far.normed - far.other), compute_extent(near)))
    instance = "one neuron, weights 1, n = 100, n' = 101; constant of |n|, |n'| <= 1"
    return Counterexample("P-07", "bounded inputs (one constant for all)", instance, left, right)


def _make_unit_slope() -> Counterexample:
    """The bound is linear in the slope, so the up projection takes the factor 1 / L."""
    pair = _make_neuron(2.4, 2.41)
    extent = compute_extent(pair)
    extent = replace(extent, up_max=extent.up_max / SILU_SLOPE)
    left = to_float(compute_sides(pair).left)
    right = to_float(bound(compute_norm(pair.normed - pair.other), extent))
    instance = "one neuron, weights 1, n = 2.4, n' = 2.41"
    return Counterexample("P-07", "slope of silu (1 taken)", instance, left, right)


def _make_same_token() -> Counterexample:
    pair = _make_neuron(0.0, 1.0)
    left = to_float(compute_sides(pair).left)
    extent = compute_extent(replace(pair, other=pair.normed))
    right = to_float(bound(compute_norm(pair.normed - pair.other), extent))
    instance = "one neuron, weights 1, n = 0, n' = 1"
    return Counterexample("P-07", "u' of the other token (u taken)", instance, left, right)
