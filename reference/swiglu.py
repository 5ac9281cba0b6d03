"""The MLP block of a Llama layer: down(silu(gate(n)) * up(n)), n the normalised input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.linear import compute_linear
from fastcar.reference.matrix import DecoderLayer


def compute_silu(x: FloatArray) -> FloatArray:
    """x * sigmoid(x), written so that the exponential never overflows.

    >>> compute_silu(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [-0.0, 0.0, 1000.0]
    """
    decay = np.exp(-np.abs(x))
    activated: FloatArray = x * np.where(x >= 0, 1, decay) / (1 + decay)
    return activated


@dataclass(frozen=True)
class Activations:
    """What the MLP computes before its last projection.

    Attributes:
        gate: [R, F], gate projection of the input.
        up: [R, F], up projection of the input.
        hidden: [R, F], silu(gate) * up.
    """

    gate: FloatArray
    up: FloatArray
    hidden: FloatArray

    def select(self, rows: BoolArray) -> Activations:
        """Some of the rows."""
        return Activations(self.gate[rows], self.up[rows], self.hidden[rows])


def compute_activations(normed: FloatArray, layer: DecoderLayer) -> Activations:
    """The first two thirds of the MLP, of normalised rows [R, D]; R is at least 1."""
    gate = compute_linear(normed, layer.gate_proj)
    up = compute_linear(normed, layer.up_proj)
    return Activations(gate, up, compute_silu(gate) * up)


def compute_swiglu(normed: FloatArray, layer: DecoderLayer) -> FloatArray:
    """MLP output of normalised rows.

    Args:
        normed: [R, D], after the MLP's RMS norm. R may be 0: then no weight is touched.
        layer: weights of the layer.

    Returns:
        [R, D].
    """
    if not len(normed):
        return normed
    return compute_linear(compute_activations(normed, layer).hidden, layer.down_proj)
