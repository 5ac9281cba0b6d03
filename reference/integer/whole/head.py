"""The end of the decoder on integers: final norm, head, and the token that is picked.

Specified in docs/accelerator.md, section 7 (D-46). Greedy picking is the argmax of the logits. With
Gumbel noise -T ln(-ln u) added to every logit the same argmax is a draw from softmax(logits / T);
the noise knows nothing of the logits, so a host can write it beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Int16Array, TokenIds
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import check_scale, quantize
from fastcar.reference.integer.layer import IntegerMatrix, check_accumulators
from fastcar.reference.integer.units import add_residual, compute_integer_rms_norm

SMALLEST_UNIFORM = 2.0**-54
"""In place of a uniform number of 0, whose logarithm is not finite."""


@dataclass(frozen=True)
class IntegerHead:
    """Final norm and head.

    Attributes:
        gains: [D] int16.
        epsilon: E, at least 1.
        matrix: [V, D].
        scale: value of one step of a logit.
    """

    gains: Int16Array
    epsilon: int
    matrix: IntegerMatrix
    scale: float

    def __post_init__(self) -> None:
        if self.matrix.weights.shape[1:] != self.gains.shape:
            limit = f"of width {len(self.gains)}"
            raise ArgumentError("head", self.matrix.weights.shape, limit)
        check_accumulators(len(self.gains), len(self.gains), epsilon=self.epsilon)
        check_scale("scale of logits", self.scale)

    def run(self, x: Int16Array) -> Int16Array:
        """Logits [R, V] int16 of rows [R, D] of the residual stream."""
        return self.matrix.run(compute_integer_rms_norm(x, self.gains, self.epsilon))


def pick_tokens(logits: Int16Array, noise: Int16Array) -> TokenIds:
    """argmax of sat16(logit + noise), the lowest id at a tie.

    Args:
        logits: [R, K] int16.
        noise: [R, K] int16; zeros pick greedily.

    Returns:
        [R] int64.

    >>> logits, noise = np.array([[3, 5, 5]], np.int16), np.array([[2, 0, 0]], np.int16)
    >>> pick_tokens(logits, noise * 0).tolist(), pick_tokens(logits, noise).tolist()
    ([1], [0])
    """
    picked: TokenIds = add_residual(logits, noise).argmax(axis=-1)
    return picked


def make_gumbel_noise(
    uniforms: NDArray[np.float64], temperature: float, scale: float
) -> Int16Array:
    """round(-T ln(-ln u) / s) within +-32767, for every logit that may be picked.

    Args:
        uniforms: any shape, in [0, 1).
        temperature: T, at least 0; 0 is greedy.
        scale: s, value of one step of a logit.

    Returns:
        int16, the shape of the uniforms.

    >>> make_gumbel_noise(np.array([0.0, np.exp(-1), 0.9]), 1.0, scale=0.5).tolist()
    [-7, 0, 5]
    """
    if not 0 <= temperature < np.inf:
        raise ArgumentError("temperature", temperature, "finite and at least 0")
    gumbel = -np.log(-np.log(np.maximum(uniforms, SMALLEST_UNIFORM)))
    return quantize(temperature * gumbel, scale)
