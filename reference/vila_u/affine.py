"""Linear maps with a bias, layer norm, and the exact GELU, as VILA-U's small networks use them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.engine import Engine
from fastcar.reference.matrix import Matrix

LAYER_NORM_EPS = 1e-5
"""Published default of the norms of the depth transformer."""
_STEPS = 512
"""Nodes of the error function's table per unit."""
_END = 6
"""From here on the error function is 1 in float64, to 2e-17."""


@dataclass(frozen=True)
class Affine:
    """x @ weight.T + bias.

    Attributes:
        weight: [out, in].
        bias: [out].
    """

    weight: Matrix
    bias: FloatArray

    def compute(self, x: FloatArray, engine: Engine) -> FloatArray:
        """[..., in] to [..., out]; the bits of a row depend on no other row (D-05)."""
        result: FloatArray = engine.linear(x, self.weight) + self.bias
        return result


@dataclass(frozen=True)
class LayerNorm:
    """(x - mean) / sqrt(variance + 1e-5) * weight + bias along the last axis.

    Attributes:
        weight: [W].
        bias: [W].
    """

    weight: FloatArray
    bias: FloatArray

    def compute(self, x: FloatArray) -> FloatArray:
        """[..., W], the variance divided by W."""
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scale = np.sqrt(variance + x.dtype.type(LAYER_NORM_EPS))
        normed: FloatArray = centred / scale * self.weight + self.bias
        return normed


def compute_gelu(x: FloatArray) -> FloatArray:
    """x (1 + erf(x / sqrt(2))) / 2, computed in float64.

    >>> compute_gelu(np.array([0.0, 1.0, -20.0, 20.0])).round(6).tolist()
    [0.0, 0.841345, -0.0, 20.0]
    """
    wide = x.astype(np.float64)
    result: FloatArray = (0.5 * wide * (1 + compute_erf(wide / math.sqrt(2)))).astype(x.dtype)
    return result


def compute_erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Error function, off by less than 1e-12; NumPy has none.

    Between nodes of a table the cubic with the values and slopes at both ends: its error is at
    most h^4 / 384 times the fourth derivative, which is below 10, and h = 1/512 (D-58).

    >>> bool(abs(compute_erf(np.array([0.3])) - math.erf(0.3)).max() < 1e-12)
    True
    """
    values, slopes = _make_table()
    bounded = np.clip(np.where(np.isnan(x), 0, x), -_END, _END)
    place = (bounded + _END) * _STEPS
    node = np.minimum(place.astype(np.int64), len(values) - 2)
    t = place - node
    left, right = values[node], values[node + 1]
    rise = right - left
    first, last = slopes[node] / _STEPS - rise, rise - slopes[node + 1] / _STEPS
    result: NDArray[np.float64] = left + t * rise + t * (1 - t) * ((1 - t) * first + t * last)
    return np.where(np.isnan(x), np.nan, result)


@cache
def _make_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and slopes at the nodes from -6 to 6."""
    nodes = np.arange(-_END * _STEPS, _END * _STEPS + 1) / _STEPS
    values = np.array([math.erf(node) for node in nodes])
    return values, np.exp(-nodes * nodes) * (2 / math.sqrt(math.pi))
