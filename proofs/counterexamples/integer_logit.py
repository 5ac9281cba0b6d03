"""P-24 for a logit that was rounded otherwise, and with a bound that forgets saturation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.integer_logit import LogitElement, compute_sides
from fastcar.proofs.integer_logit_head import make_head
from fastcar.proofs.integer_logit_steps import run
from fastcar.reference.config import ModelConfig
from fastcar.reference.integer.whole.ranges import AttentionRanges
from fastcar.reference.weights import LayerWeights


def get_counterexamples() -> list[Counterexample]:
    """A logit beside its rounding; a cached key beyond its range."""
    return [_move_logit(), _forget_saturation()]


def _make(key_range: float, step: str) -> LogitElement:
    """D = 1, d = 2: query and key (1, 0), both at position 0."""
    config = ModelConfig(2, 1, 1, 1, 1, 1, 2, 1e-6, 100.0, 4)
    one, both = np.array([1.0]), np.array([[1.0], [0.0]])
    weights = LayerWeights(one, both, both, both, both.T, one, one[None], one[None], one[None])
    widest = AttentionRanges(np.array([[1.0]]), np.array([[key_range]]), one)
    head = make_head(config, weights, (1.0, widest), 0, (0, 0))
    x = np.array([[20000], [20000]], np.int16)
    return LogitElement(head, x, run(head, x), step, 0)


def _move_logit() -> Counterexample:
    """Eight steps of 2^-8 octaves, more than the coarse key explains."""
    element = _make(1.0, "logit")
    moved = replace(element, found=replace(element.found, logit=element.found.logit + 8))
    sides = compute_sides(moved)
    return Counterexample(
        "P-24",
        "integers as the layer computes them",
        "D = 1, d = 2, q = k = (1, 0), position 0: z is eight steps higher",
        float(sides.left),
        float(sides.right),
    )


def _forget_saturation() -> Counterexample:
    """The key needs four times the range that calibration gave it; its headroom is 1.1."""
    element = _make(0.25, "key")
    sides = compute_sides(element)
    cut = 1.0 - 0.25 * 1.1
    return Counterexample(
        "P-24",
        "what saturation cut off",
        "D = 1, d = 2, q = k = (1, 0), position 0: the range of keys is 1/4",
        float(sides.left),
        float(sides.right - cut),
    )
