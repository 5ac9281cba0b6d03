"""The MLP block of a Llama layer: down(silu(gate(n)) * up(n)), n the normalised input."""

from __future__ import annotations

import numpy as np

from reference.linear import compute_linear
from reference.weights import FloatArray, LayerWeights


def compute_silu(x: FloatArray) -> FloatArray:
    """x * sigmoid(x), written so that the exponential never overflows.

    >>> compute_silu(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [-0.0, 0.0, 1000.0]
    """
    decay = np.exp(-np.abs(x))
    activated: FloatArray = x * np.where(x >= 0, 1, decay) / (1 + decay)
    return activated


def compute_swiglu(normed: FloatArray, layer: LayerWeights) -> FloatArray:
    """MLP output of normalised rows.

    Args:
        normed: [R, D], after the MLP's RMS norm. R may be 0: then no weight is touched.
        layer: weights of the layer.

    Returns:
        [R, D].
    """
    if not len(normed):
        return normed
    gate = compute_linear(normed, layer.gate_proj)  # [R, F]
    up = compute_linear(normed, layer.up_proj)  # [R, F]
    return compute_linear(compute_silu(gate) * up, layer.down_proj)  # [R, D]
