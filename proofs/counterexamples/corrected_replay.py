"""P-26 needs its second order, the derivative at n0, and curvature from where the gate moves to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.corrected_pair import INPUT, CorrectedPair, apply_derivative, compute_neurons
from fastcar.proofs.corrected_replay import compute_sides
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.silu import bound_curvature

_ONE = np.ones((1, 1))


def make_neuron(last: float, normed: float, correction: float) -> CorrectedPair:
    """One input and one neuron with weights 1: Y(n) = silu(n) n."""
    inputs = np.array([last]), np.array([normed])
    return CorrectedPair(_ONE, _ONE, _ONE, correction * _ONE, *inputs, INPUT)


def get_counterexamples() -> list[Counterexample]:
    """First order alone; no first order, A taken for the derivative; curvature at n0."""
    return [_first_order_only(), _correction_as_derivative(), _curvature_at_last()]


def _first_order_only() -> Counterexample:
    pair = make_neuron(0.0, 1.0, 0.0)
    return Counterexample(
        "P-26",
        "second order",
        "D = F = 1, weights 1, n0 = 0, n = 1, A = J = 0",
        compute_sides(pair).left,
        float(compute_norm(apply_derivative(pair, pair.normed - pair.last))),
    )


def _correction_as_derivative() -> Counterexample:
    pair = make_neuron(1.0, 1.01, -1.0)
    exact = replace(pair, correction=np.array([[_differentiate(1.0)]]))
    return Counterexample(
        "P-26",
        "first order: A taken for the derivative",
        "D = F = 1, weights 1, n0 = 1, n = 1.01, A = -1",
        compute_sides(pair).left,
        float(compute_sides(exact).right),
    )


def _curvature_at_last() -> Counterexample:
    pair = CorrectedPair(
        _ONE, np.array([[-0.1]]), _ONE, 0 * _ONE, np.array([-10.0]), np.array([1.0]), INPUT
    )
    gap = pair.normed - pair.last
    curvature = bound_curvature(compute_neurons(pair).gate)
    up = abs(pair.up_proj @ pair.normed)
    cross = compute_neurons(pair).slope * abs(gap) * abs(pair.up_proj @ gap)
    rest = curvature * gap**2 * up / 2 + cross
    first = compute_norm(apply_derivative(pair, gap))
    return Counterexample(
        "P-26",
        "curvature on the way of the gate: that at n0",
        "D = F = 1, W_g = W_d = 1, W_u = -1/10, n0 = -10, n = 1, A = 0",
        compute_sides(pair).left,
        float(first + rest[0]),
    )


def _differentiate(n: float) -> float:
    """Of silu(n) n."""
    neuron = make_neuron(n, n, 0.0)
    return float(apply_derivative(neuron, np.ones(1))[0])
