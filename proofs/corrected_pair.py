"""An MLP output replayed with a linear correction, and what bounds its error (P-26).

Notation as in `fastcar.proofs.corrected_replay`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    compute_norm,
    compute_row_norms,
    get_maximum,
    is_ball_array,
    minimum,
    raise_to,
    to_balls,
    to_floats,
)
from fastcar.proofs.silu import bound_curvature, compute_silu, compute_silu_slope
from fastcar.proofs.spectral_norm import compute_spectral_norm

INPUT, DISTANCE = "input", "distance"

FORMS = (INPUT, DISTANCE)
"""What a bound knows: the present input, or its distance from the last one alone."""


@dataclass(frozen=True)
class CorrectedPair:
    """An MLP, two inputs and a correction; D = width, F = inner width.

    Attributes:
        gate_proj: [F, D] float64, W_g.
        up_proj: [F, D] float64, W_u.
        down_proj: [D, F] float64, W_d.
        correction: [D, D] float64, A.
        last: [D] float64, n0, the input whose output is kept.
        normed: [D] float64, n.
        form: of `FORMS`.
    """

    gate_proj: Array
    up_proj: Array
    down_proj: Array
    correction: Array
    last: Array
    normed: Array
    form: str


@dataclass(frozen=True)
class Neurons:
    """Sizes at n0, floats or balls, none of which the bounds fall with but `gate`.

    Attributes:
        gate: [F], |g_i|.
        up: [F], |u_i|.
        slope: [F], |silu'(g_i)|.
        gate_rows: [F], |w_i|.
        up_rows: [F], |v_i|.
        down_columns: [F], |d_i|.
        gate_norm: |W_g|.
        up_norm: |W_u|.
        down_norm: |W_d|.
    """

    gate: Array
    up: Array
    slope: Array
    gate_rows: Array
    up_rows: Array
    down_columns: Array
    gate_norm: Scalar
    up_norm: Scalar
    down_norm: Scalar


def compute_neurons(pair: CorrectedPair) -> Neurons:
    """Sizes of a pair at n0."""
    gate = pair.gate_proj @ pair.last
    return Neurons(
        abs(gate),
        abs(pair.up_proj @ pair.last),
        abs(compute_silu_slope(gate)),
        compute_row_norms(pair.gate_proj),
        compute_row_norms(pair.up_proj),
        compute_row_norms(pair.down_proj.T),
        compute_spectral_norm(pair.gate_proj),
        compute_spectral_norm(pair.up_proj),
        compute_spectral_norm(pair.down_proj),
    )


def compute_curvature(neurons: Neurons, gate_moves: Array) -> Array:
    """[F], upper bound of |silu''| between g_i and any point at most so far [F] from it."""
    return bound_curvature(raise_to(neurons.gate - gate_moves, 0.0))


def bound_rest_at_input(neurons: Neurons, gate_moves: Array, up_moves: Array, up: Array) -> Scalar:
    """Second-order rest for given moves.

    Args:
        neurons: at n0.
        gate_moves: [F], |a_i|.
        up_moves: [F], |b_i|.
        up: [F], |u_i + b_i|.
    """
    curved = compute_curvature(neurons, gate_moves) * up / 2
    rest = curved * gate_moves**2 + neurons.slope * gate_moves * up_moves
    return minimum((neurons.down_columns * rest).sum(), neurons.down_norm * compute_norm(rest))


def bound_rest_at_distance(neurons: Neurons, distance: Scalar) -> Scalar:
    """Second-order rest for every input at that distance."""
    k, gate_moves = neurons, neurons.gate_rows * distance
    curved = compute_curvature(k, gate_moves) * (k.up + k.up_rows * distance) / 2
    gate, up = k.gate_norm * distance, k.up_norm * distance  # of all a_i, of all b_i
    return minimum(
        get_maximum(k.down_columns * curved) * gate**2,
        k.down_norm * gate * get_maximum(curved * gate_moves),
    ) + minimum(
        get_maximum(k.down_columns * k.slope) * gate * up,
        k.down_norm * up * get_maximum(k.slope * gate_moves),
    )


def apply_derivative(pair: CorrectedPair, direction: Array) -> Array:
    """[D], (J(n0) - A) times a direction [D]."""
    gate, up = pair.gate_proj @ pair.last, pair.up_proj @ pair.last
    along_gate, along_up = pair.gate_proj @ direction, pair.up_proj @ direction
    hidden = compute_silu_slope(gate) * up * along_gate + compute_silu(gate) * along_up
    moved: Array = pair.down_proj @ hidden - pair.correction @ direction
    return moved


def compute_derivative_gap(pair: CorrectedPair) -> Array:
    """[D, D] float64, J(n0) - A, of floats or of balls that came from floats."""
    gate_proj, up_proj, down_proj, correction, last = (
        to_floats(part)
        for part in (pair.gate_proj, pair.up_proj, pair.down_proj, pair.correction, pair.last)
    )
    gate, up = gate_proj @ last, up_proj @ last
    inner = (compute_silu_slope(gate) * up)[:, None] * gate_proj
    inner = inner + compute_silu(gate)[:, None] * up_proj
    gap: Array = down_proj @ inner - correction
    return gap


def compute_gap_norm(pair: CorrectedPair) -> Scalar:
    """|J(n0) - A|; in balls a lower limit, the stretch of the float singular vector."""
    gap = compute_derivative_gap(pair)
    if not is_ball_array(pair.last):
        return compute_spectral_norm(gap)
    witness = to_balls(np.linalg.svd(gap, full_matrices=False)[2][0])
    return compute_norm(apply_derivative(pair, witness)) / compute_norm(witness)
