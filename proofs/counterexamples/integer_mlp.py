"""P-19 for integers that were rounded otherwise, and with a bound that forgets saturation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.integer_mlp import IntegerElement, compute_sides, make_element
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.quantization import LayerRanges
from fastcar.reference.weights import LayerWeights

_RANGES = LayerRanges(residual=1.0, gate=4.0, up=4.0, hidden=16.0, query=1.0, key=1.0)


def get_counterexamples() -> list[Counterexample]:
    """A unit that drops bits; a range that is too small."""
    return [_round_down(), _forget_saturation()]


def _make(ranges: LayerRanges) -> IntegerElement:
    """D = F = 1, all weights and the gain 1, x = 20000 steps: n = gate = up = 1."""
    one = np.array([[1.0]])
    gain = np.array([1.0])
    weights = LayerWeights(gain, one, one, one, one, gain, one, one, one)
    x = np.array([[20000]], np.int16)
    return make_element(weights, ranges, 1e-6, x, ("up", 0))


def _round_down() -> Counterexample:
    """Up is two steps lower, as if a unit dropped bits instead of rounding."""
    element = _make(_RANGES)
    lower = (element.found.up - 2).astype(np.int16)
    element = replace(element, found=replace(element.found, up=lower))
    sides = compute_sides(element)
    return Counterexample(
        "P-19",
        "integers as the layer computes them",
        "D = F = 1, w = 1: up is two steps lower",
        float(sides.left),
        float(sides.right),
    )


def _forget_saturation() -> Counterexample:
    """Up needs four times the range that calibration gave it."""
    element = _make(replace(_RANGES, up=0.25))
    sides = compute_sides(element)
    steps = element.layer.up_proj.accumulate(element.found.normed)[0, 0]
    exact_steps = (
        float(steps) * element.layer.up_proj.multipliers[0] * 2.0**-element.layer.up_proj.shift
    )
    cut = (exact_steps - MAX_ACTIVATION) * element.layer.scales.up
    return Counterexample(
        "P-19",
        "what saturation cut off",
        "D = F = 1, w = 1: up is 1, its range 1/4",
        float(sides.left),
        float(sides.right - cut),
    )
