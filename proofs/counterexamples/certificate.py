"""What the certified gate would get wrong with less: P-17."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fastcar.proofs.certificate import bound
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.distance_bound import compute_state, make_constants
from fastcar.reference.swiglu import compute_activations, compute_swiglu
from fastcar.reference.weights import LayerWeights

_ONE = np.ones((1, 1))
_NOTHING = np.zeros((0, 1))
LAYER = LayerWeights(_ONE[0], _NOTHING, _NOTHING, _NOTHING, _NOTHING, _ONE[0], _ONE, _ONE, _ONE)
"""One input, one neuron, all weights 1: y = silu(n) n."""


def get_counterexamples() -> list[Counterexample]:
    """A chain measured step by step, and the first-order term alone."""
    return [_chain_step_by_step(), _first_order_only()]


def _chain_step_by_step() -> Counterexample:
    """The distance is taken to the token one frame earlier, not to the last computed one."""
    inputs = np.linspace(1.0, 1.5, 6)[:, None]
    steps = [bound(LAYER, before, after, "distance") for before, after in pairwise(inputs)]
    return Counterexample(
        "P-17",
        "distance to the last computed input",
        "D = F = 1, weights 1, n = 1, 1.1, ..., 1.5, each step certified on its own",
        _compute_error(inputs[0], inputs[-1]),
        max(steps),
    )


def _first_order_only() -> Counterexample:
    """The curvature of the MLP is left out."""
    last, normed = np.array([1.0]), np.array([2.0])
    activations = compute_activations(last[None], LAYER)
    state = compute_state(make_constants(LAYER), last[None], activations)
    return Counterexample(
        "P-17",
        "second and third order",
        "D = F = 1, weights 1, n0 = 1, n = 2",
        _compute_error(last, normed),
        float(state.error[0, 1]),
    )


def _compute_error(last: np.ndarray, normed: np.ndarray) -> float:
    cached, fresh = compute_swiglu(np.stack([last, normed]), LAYER)
    return float(np.linalg.norm(fresh - cached))
