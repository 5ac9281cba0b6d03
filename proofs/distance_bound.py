"""Bounds the error of a replay from the distance of two MLP inputs: one distance per token (P-17).

Claim. Let f be the MLP, n0 and n two inputs with |n - n0| <= delta, and g, u the gate and up
projections of n0. With w_i the rows of W_g, v_i those of W_u, d_i the columns of W_d,

    |f(n) - f(n0)| <= c1 delta + c2 delta^2 + c3 delta^3,
    c1 = min(|W_d| sqrt(sum E_i^2), sum |d_i| E_i), E_i = |u_i silu'(g_i) w_i + silu(g_i) v_i|,
    c2 = min(max(|d_i u_i|) |W_g|^2, |W_d| |W_g| max(|u_i w_i|)) / 4
       + min(max(|d_i silu'(g_i)|) |W_g| |W_u|, |W_d| |W_u| max(|silu'(g_i) w_i|)),
    c3 = max(|d_i| |v_i|) |W_g|^2 / 4.

Proof. Let a = W_g (n - n0), b = W_u (n - n0). By Taylor with |silu''| <= 1/2, neuron i changes by
u_i silu'(g_i) a_i + silu(g_i) b_i, which is E_i delta at most, and by a rest of at most
(|u_i| + |b_i|) a_i^2 / 4 + |silu'(g_i) a_i b_i|. The output moves by at most sum |d_i| |change_i|
and by |W_d| times the norm of the change. The terms of c2 and c3 follow with Cauchy-Schwarz from
sum a_i^2 <= |W_g|^2 delta^2, sum b_i^2 <= |W_u|^2 delta^2, |a_i| <= |w_i| delta and
|b_i| <= |v_i| delta.

Rounding. The certificate bounds the difference of the outputs that the decoder computes in its own
floating point. Every sum of k products is off by at most gamma_k times the product of norms, the
float silu by SILU_ULPS unit roundoffs, and each operation that underflows by the smallest positive
number; `compute_rounding` adds them up for inputs up to |n0| + delta, with L = max silu'. Where a
result might overflow the bound is infinite.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.silu import SILU_SLOPE, compute_silu_slope
from fastcar.proofs.spectral_norm import (
    SMALLEST,
    compute_gamma,
    compute_root_above,
    compute_upper_bound,
)
from fastcar.reference.arrays import FloatArray
from fastcar.reference.swiglu import Activations, compute_silu
from fastcar.reference.weights import LayerWeights

Numbers = NDArray[np.float64]

SILU_ULPS = 12
"""Relative error of the float silu in unit roundoffs, if exp is off by at most 5 of them."""

DEGREE = 3


@dataclass(frozen=True)
class DistanceConstants:
    """Norms of the weights of one layer, none smaller than the exact one; F neurons.

    Attributes:
        gate_rows: [F], |w_i|.
        up_rows: [F], |v_i|.
        down_columns: [F], |d_i|.
        inner: [F], <w_i, v_i>, rounded.
        gate_norm: |W_g|.
        up_norm: |W_u|.
        down_norm: |W_d|.
        width: D.
        unit: unit roundoff of the decoder's arithmetic.
        smallest: its smallest positive number.
        largest: its largest finite number.
    """

    gate_rows: Numbers
    up_rows: Numbers
    down_columns: Numbers
    inner: Numbers
    gate_norm: float
    up_norm: float
    down_norm: float
    width: int
    unit: float
    smallest: float
    largest: float

    def compute_gamma(self, num_operations: int) -> float:
        """An upper bound of gamma_k in the decoder's arithmetic."""
        share = num_operations * self.unit
        return 1.0001 * share / (1 - share) if share < 1 else np.inf


def make_constants(layer: LayerWeights) -> DistanceConstants:
    """Constants of one layer; three singular value decompositions."""
    gate, up, down = (
        matrix.astype(np.float64) for matrix in (layer.gate_proj, layer.up_proj, layer.down_proj)
    )
    info = np.finfo(layer.gate_proj.dtype)
    upward = 1 + compute_gamma(max(gate.shape) + 8)
    return DistanceConstants(
        compute_root_above((gate * gate).sum(axis=1), gate.shape[1]) * upward,
        compute_root_above((up * up).sum(axis=1), up.shape[1]) * upward,
        compute_root_above((down * down).sum(axis=0), down.shape[0]) * upward,
        (gate * up).sum(axis=1),
        compute_upper_bound(gate),
        compute_upper_bound(up),
        compute_upper_bound(down),
        gate.shape[1],
        float(info.eps) / 2,
        float(info.smallest_subnormal),
        float(info.max),
    )


@dataclass(frozen=True)
class DistanceState:
    """What the bound at one place needs: polynomials in delta, lowest power first.

    Attributes:
        error: [..., 4], bounds the error, rounding included.
        magnitude: [..., 3], bounds every number on the way.
    """

    error: Numbers
    magnitude: Numbers


def compute_state(
    constants: DistanceConstants, normed: FloatArray, activations: Activations
) -> DistanceState:
    """Polynomials of computed rows.

    Args:
        constants: of the layer.
        normed: [R, D], inputs that were computed.
        activations: theirs, in the decoder's arithmetic.

    Returns:
        Polynomials [R, 4] and [R, 3].
    """
    rows = _Rows(constants, normed, activations)
    error = np.zeros((len(normed), DEGREE + 1))
    error[:, 1:] = rows.compute_lipschitz()
    rounding, magnitude = rows.compute_rounding()
    error[:, :3] += 2 * rounding
    # Sums of at most F + D nonnegative terms, a few roundings each: one factor covers them.
    upward = 1 + compute_gamma(4 * (constants.width + len(constants.gate_rows)) + 64)
    return DistanceState(error * upward, magnitude * upward)


def bound(state: DistanceState, distance: Numbers, largest: float) -> Numbers:
    """Certified error [...] at distances [...]; infinite where something might overflow."""
    powers = distance[..., None] ** np.arange(DEGREE + 1)
    error = (state.error * powers).sum(axis=-1) * (1 + 2.0**-48)
    magnitude = (state.magnitude * powers[..., :-1]).sum(axis=-1)
    certified: Numbers = np.where(magnitude < largest / 4, error, np.inf)
    return np.where(np.isnan(state.error[..., 0]), np.nan, certified)


class _Rows:
    """Float64 limits on the exact activations of some rows."""

    def __init__(
        self, constants: DistanceConstants, normed: FloatArray, activations: Activations
    ) -> None:
        self.constants = constants
        self.gate = activations.gate.astype(np.float64)  # [R, F]
        self.up = activations.up.astype(np.float64)
        squares = normed.astype(np.float64) ** 2
        total = squares.sum(axis=1, keepdims=True)
        self.norm = compute_root_above(total, squares.shape[1])  # [R, 1]
        gamma = constants.compute_gamma(constants.width)
        underflow = constants.width * constants.smallest
        # errors of the projections, [R, F] at the input and [F] per unit of distance
        self.gate_error = gamma * constants.gate_rows * self.norm + underflow
        self.up_error = gamma * constants.up_rows * self.norm + underflow
        self.gate_error_slope = gamma * constants.gate_rows
        self.up_error_slope = gamma * constants.up_rows
        self.silu = np.abs(compute_silu(self.gate)) + SILU_SLOPE * self.gate_error
        self.slope = np.abs(compute_silu_slope(self.gate)) + self.gate_error / 2

    def compute_lipschitz(self) -> Numbers:
        """c1, c2, c3 of the claim, [R, 3]."""
        k = self.constants
        up = np.abs(self.up) + self.up_error
        first = self._compute_first_order()  # [R, F], E_i
        columns = k.down_columns
        all_first = compute_root_above((first * first).sum(axis=1), first.shape[1])  # [R]
        linear = np.minimum(k.down_norm * all_first, (columns * first).sum(axis=1))
        curved = np.minimum(
            (columns * up).max(axis=1) * k.gate_norm**2,
            k.down_norm * k.gate_norm * (up * k.gate_rows).max(axis=1),
        )
        mixed = np.minimum(
            (columns * self.slope).max(axis=1) * k.gate_norm * k.up_norm,
            k.down_norm * k.up_norm * (self.slope * k.gate_rows).max(axis=1),
        )
        cubic = np.full(len(up), (columns * k.up_rows).max() * k.gate_norm**2 / 4)
        return np.stack([linear, curved / 4 + mixed, cubic], axis=1)

    def _compute_first_order(self) -> Numbers:
        """E_i, [R, F]; the square is widened by what rounding and cancellation can hide."""
        k = self.constants
        slope, silu = compute_silu_slope(self.gate), compute_silu(self.gate)
        of_gate = self.up * slope
        size = np.abs(of_gate) * k.gate_rows + np.abs(silu) * k.up_rows
        square = (of_gate * k.gate_rows) ** 2 + (silu * k.up_rows) ** 2
        square += 2 * of_gate * silu * k.inner
        square = np.maximum(square, 0) + compute_gamma(4 * k.width + 64) * size**2
        square += (8 + 4 * k.gate_rows * k.up_rows) * SMALLEST
        gate_doubt = self.up_error * self.slope + np.abs(self.up) * self.gate_error / 2
        doubt = gate_doubt * k.gate_rows + SILU_SLOPE * self.gate_error * k.up_rows
        return np.asarray(np.sqrt(square) + doubt)

    def compute_rounding(self) -> tuple[Numbers, Numbers]:
        """Error of one float output and size of all numbers on the way, [R, 3] each.

        With e_g, e_u the errors of the projections, p and s limits on |up| and |silu| of the float
        values, the hidden value is off by L e_g p + s e_u + (SILU_ULPS + 2) u s p and an underflow,
        the last product by gamma_F of what it sums. All four grow linearly with the distance.
        """
        k = self.constants
        gate_error = self.gate_error, self.gate_error_slope
        up_error = self.up_error, self.up_error_slope
        up = np.abs(self.up) + 2 * self.up_error, k.up_rows + self.up_error_slope
        silu = (
            self.silu + SILU_SLOPE * self.gate_error,
            SILU_SLOPE * (k.gate_rows + self.gate_error_slope),
        )
        inner = len(k.gate_rows)
        relative = (SILU_ULPS + 2) * k.unit + 1.01 * k.compute_gamma(inner)
        hidden = _multiply(silu, up)
        lost = [
            SILU_SLOPE * a + b + relative * c
            for a, b, c in zip(
                _multiply(gate_error, up), _multiply(silu, up_error), hidden, strict=True
            )
        ]
        rounding = np.stack([(k.down_columns * part).sum(axis=1) for part in lost], axis=1)
        for power in (0, 1):
            rounding[:, power] += 3 * k.smallest * (k.down_columns * (1 + up[power])).sum(axis=-1)
        rounding[:, 0] += np.sqrt(k.width) * inner * k.smallest
        sizes = _multiply((1 + silu[0], silu[1]), (1 + up[0], up[1]))
        magnitude = np.stack([((1 + k.down_columns) * part).sum(axis=1) for part in sizes], axis=1)
        reach = 2 * float(k.gate_rows.max())
        magnitude[:, 0] += reach * self.norm[:, 0]
        magnitude[:, 1] += reach
        return rounding, magnitude


def _multiply(left: tuple[Any, Any], right: tuple[Any, Any]) -> tuple[Numbers, Numbers, Numbers]:
    """Product of two linear functions of the distance, [R, F] for each power."""
    constant = left[0] * right[0]
    return constant, left[0] * right[1] + left[1] * right[0], left[1] * right[1] + 0 * constant
