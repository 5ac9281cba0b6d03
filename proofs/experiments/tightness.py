"""How loose the bounds on norm and MLP are on real inputs: constants from crude to exact.

Every level bounds |y(n) - y(n')| by a constant times |n - n'|, and none is above the one before.
L = `SILU_SLOPE`, g = W_g n, u' = W_u n', B = sqrt(D) max|gain| >= |n| for every RMS-normed n.

- global: |W_d| |W_u| |W_g| B (1 + L), P-07 with max|silu(g)| <= |W_g| B and max|u'| <= |W_u| B.
- layer: P-07 with the largest max|silu(g)| and max|u'| of all given inputs.
- token: P-07.
- token matrices: |W_d diag(silu g) W_u| + |W_d diag(u') W_g| / 2 + (L - 1/2) |W_d| |diag(u') W_g|.
- pair matrix: |W_d (diag(silu g) W_u + diag(s * u') W_g)|, s_i the divided difference of silu at
  g_i, g'_i.

Proof. As in P-07, y(n) - y(n') = W_d (silu(g) * (u - u') + (silu(g) - silu(g')) * u'), which is the
matrix of the last level times n - n'. By the mean-value theorem and P-07, s_i lies in [1 - L, L],
that is s_i = 1/2 + e_i with |e_i| <= L - 1/2; the triangle inequality gives "token matrices".
|diag(a) W| <= max|a| |W| and 1/2 + L - 1/2 = L give "token"; a larger maximum gives "layer". What
the last level still loses is that n - n' is not its matrix's worst direction.

The levels of the norm bound |n - n'| by max|gain| / r times |x - x'|: with the smallest radius that
can be, sqrt(eps) ("global"), the smallest of the given inputs ("layer"), that of P-06 ("pair").

This is a study in float64, not a certificate: rounding (about 1e-13 of a bound) is not added.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs import rms_norm, swiglu
from fastcar.proofs.arithmetic import compute_row_norms
from fastcar.proofs.silu import SILU_SLOPE, compute_silu
from fastcar.proofs.spectral_norm import compute_spectral_norm
from fastcar.proofs.swiglu_pair import Extent
from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.weights import LayerWeights

Numbers = NDArray[np.float64]

ROUNDING_SHARE = 1e-5
"""How far a norm may be above its limit by rounding in float32 or float64."""


@dataclass(frozen=True)
class Level:
    """One constant over some pairs.

    Attributes:
        name: of the level.
        bounds: [pairs], limits on the distance of the outputs.
        median_ratio: of bound / true distance, over the pairs whose outputs differ.
        max_ratio: the largest of these.
    """

    name: str
    bounds: Numbers
    median_ratio: float
    max_ratio: float


@dataclass(frozen=True)
class _Pairs:
    """A layer's MLP with pairs of inputs, in float64.

    Attributes:
        gate_proj: [F, D], W_g.
        up_proj: [F, D], W_u.
        down_proj: [D, F], W_d.
        norms: |W_d|, |W_u|, |W_g|.
        input_limit: B.
        normed: [pairs, D], n.
        other: [pairs, D], n'.
    """

    gate_proj: Numbers
    up_proj: Numbers
    down_proj: Numbers
    norms: tuple[float, float, float]
    input_limit: float
    normed: Numbers
    other: Numbers


def compute_levels(layer: LayerWeights, normed: FloatArray, other: FloatArray) -> list[Level]:
    """Levels of the MLP, crude first; see the top of this file.

    Args:
        layer: weights, computed with in float64.
        normed: [pairs, D], n, outputs of the layer's RMS norm.
        other: [pairs, D], n'.

    Raises:
        ArgumentError: an input is no output of the norm, or no pair has different outputs.
    """
    pairs = _make_pairs(layer, normed, other)
    outputs, others = (
        (compute_silu(n @ pairs.gate_proj.T) * (n @ pairs.up_proj.T)) @ pairs.down_proj.T
        for n in (pairs.normed, pairs.other)
    )
    distances = compute_row_norms(pairs.normed - pairs.other)
    bounds = {name: constants(pairs) * distances for name, constants in CONSTANTS.items()}
    return make_levels(compute_row_norms(outputs - others), bounds)


def compute_norm_levels(
    gain: FloatArray, eps: float, inputs: FloatArray, others: FloatArray
) -> list[Level]:
    """Levels of the RMS norm, crude first.

    Args:
        gain: [D].
        eps: > 0.
        inputs: [pairs, D], x, residual inputs.
        others: [pairs, D], x'.

    Raises:
        ArgumentError: no pair has different outputs.
    """
    x, other, weight = (np.asarray(array, np.float64) for array in (inputs, others, gain))
    both = zip(x, other, strict=True)
    smallest = min(rms_norm.compute_root_mean_square(row, eps) for row in (*x, *other))
    radii = {
        "global": np.full(len(x), np.sqrt(eps)),
        "layer": np.full(len(x), smallest),
        "pair": np.array([rms_norm.compute_radius(*pair, eps) for pair in both]),
    }
    distances, gain_max = compute_row_norms(x - other), float(np.abs(weight).max())
    bounds = {name: rms_norm.bound(distances, gain_max, radius) for name, radius in radii.items()}
    normed, normed_other = (compute_rms_norm(rows, weight, eps) for rows in (x, other))
    return make_levels(compute_row_norms(normed - normed_other), bounds)


def compute_divided_difference(x: Numbers, y: Numbers) -> Numbers:
    """(silu(x) - silu(y)) / (x - y), and silu'(x) where x = y, without cancellation.

    silu(x) = x (1 + tanh(x / 2)) / 2 and tanh a - tanh b = tanh(a - b) (1 - tanh a tanh b).

    >>> compute_divided_difference(np.array([0.0, 1e-9, 50.0]), np.zeros(3)).tolist()
    [0.5, 0.50000000025, 1.0]
    """
    half = (x - y) / 2
    share = np.divide(np.tanh(half), half, out=np.ones_like(half), where=half != 0)
    a, b = np.tanh(x / 2), np.tanh(y / 2)
    quotient: Numbers = 0.5 + (a + b) / 4 + (x + y) / 8 * (1 - a * b) * share
    return quotient


def _compute_global_constants(pairs: _Pairs) -> Numbers:
    largest = float(np.prod(pairs.norms)) * pairs.input_limit * (1 + SILU_SLOPE)
    return np.full(len(pairs.normed), largest)


def _compute_layer_constants(pairs: _Pairs) -> Numbers:
    inputs = np.concatenate([pairs.normed, pairs.other])
    activation_max = float(np.abs(compute_silu(inputs @ pairs.gate_proj.T)).max())
    up_max = float(np.abs(inputs @ pairs.up_proj.T).max())
    largest = swiglu.bound(1.0, Extent(*pairs.norms, activation_max, up_max))
    return np.full(len(pairs.normed), largest)


def _compute_token_constants(pairs: _Pairs) -> Numbers:
    activation_max = np.abs(compute_silu(pairs.normed @ pairs.gate_proj.T)).max(axis=1)
    up_max = np.abs(pairs.other @ pairs.up_proj.T).max(axis=1)
    constants: Numbers = swiglu.bound(1.0, Extent(*pairs.norms, activation_max, up_max))
    return constants


def _compute_token_matrix_constants(pairs: _Pairs) -> Numbers:
    activations = compute_silu(pairs.normed @ pairs.gate_proj.T)  # [pairs, F]
    ups = pairs.other @ pairs.up_proj.T
    constants = []
    for activation, up in zip(activations, ups, strict=True):
        stretched = up[:, None] * pairs.gate_proj  # diag(u') W_g
        through_up = compute_spectral_norm((pairs.down_proj * activation) @ pairs.up_proj)
        through_gate = compute_spectral_norm(pairs.down_proj @ stretched) / 2
        unknown = (SILU_SLOPE - 0.5) * pairs.norms[0] * compute_spectral_norm(stretched)
        constants.append(through_up + through_gate + unknown)
    return np.array(constants)


def _compute_pair_matrix_constants(pairs: _Pairs) -> Numbers:
    gates, others = pairs.normed @ pairs.gate_proj.T, pairs.other @ pairs.gate_proj.T
    ups = pairs.other @ pairs.up_proj.T
    slopes = compute_divided_difference(gates, others) * ups  # [pairs, F]
    constants = []
    for activation, slope in zip(compute_silu(gates), slopes, strict=True):
        inner = activation[:, None] * pairs.up_proj + slope[:, None] * pairs.gate_proj
        constants.append(compute_spectral_norm(pairs.down_proj @ inner))
    return np.array(constants)


CONSTANTS: dict[str, Callable[[_Pairs], Numbers]] = {
    "global": _compute_global_constants,
    "layer": _compute_layer_constants,
    "token": _compute_token_constants,
    "token matrices": _compute_token_matrix_constants,
    "pair matrix": _compute_pair_matrix_constants,
}
"""[pairs] constants of every level, crude first."""


def _make_pairs(layer: LayerWeights, normed: FloatArray, other: FloatArray) -> _Pairs:
    arrays = layer.gate_proj, layer.up_proj, layer.down_proj, layer.mlp_norm, normed, other
    gate, up, down, gain, n, m = (np.asarray(array, np.float64) for array in arrays)
    limit = float(np.sqrt(len(gain)) * np.abs(gain).max())
    largest = float(compute_row_norms(np.concatenate([n, m])).max(initial=0.0))
    if not largest <= limit * (1 + ROUNDING_SHARE):
        raise ArgumentError("largest norm of an input", largest, f"at most {limit:.6g}")
    norms = compute_spectral_norm(down), compute_spectral_norm(up), compute_spectral_norm(gate)
    return _Pairs(gate, up, down, norms, limit, n, m)


def make_levels(distances: Numbers, bounds: dict[str, Numbers]) -> list[Level]:
    """Ratios of bounds to the distances that they bound, [pairs] each, by name of the level.

    Raises:
        ArgumentError: all distances are 0.
    """
    differs = distances > 0
    if not differs.any():
        raise ArgumentError("pairs with different outputs", 0, "at least 1")
    levels = []
    for name, limits in bounds.items():
        ratios = limits[differs] / distances[differs]
        levels.append(Level(name, limits, float(np.median(ratios)), float(ratios.max())))
    return levels
