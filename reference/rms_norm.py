"""Root-mean-square normalisation."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray


def compute_rms_norm(x: FloatArray, weight: FloatArray, eps: float) -> FloatArray:
    """x / sqrt(mean(x^2) + eps) * weight along the last axis.

    Args:
        x: [..., D].
        weight: [D], the norm's gain g.
        eps: > 0, added to the mean square.

    Returns:
        [..., D], dtype of `x`.

    >>> compute_rms_norm(np.array([3.0, 4.0]), np.ones(2), eps=1e-12).round(4).tolist()
    [0.8485, 1.1314]
    """
    mean_square = np.mean(x * x, axis=-1, keepdims=True)
    normed: FloatArray = x / np.sqrt(mean_square + eps) * weight
    return normed
