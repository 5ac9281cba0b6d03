"""What float64 does to both sides of P-26."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.arithmetic import Array, compute_norm
from fastcar.proofs.corrected_pair import (
    INPUT,
    CorrectedPair,
    Neurons,
    bound_rest_at_distance,
    bound_rest_at_input,
    compute_derivative_gap,
    compute_neurons,
)
from fastcar.proofs.silu import SILU_SLOPE, compute_silu, compute_silu_slope
from fastcar.proofs.spectral_norm import compute_error, compute_gamma, compute_spectral_norm
from fastcar.proofs.statement import UNIT_ROUNDOFF
from fastcar.proofs.swiglu_rounding import UNDERFLOW, compute_propagation


def compute_rounding(pair: CorrectedPair) -> float:
    """Left: the errors of both outputs (P-07), and of A dn and the sums, gamma_k of the sizes, k at
    least 2 D + F + 32 as everywhere below. Right: g and u are off by gamma_k |W| |n0|, a and b by
    gamma_k |W| |dn|, silu' by half the error of g and 16 u, silu by 1.1 times the error of g and
    8 u of itself. The first term is linear in u silu'(g), silu(g), a and b: errors and products
    with |W_d| and |A| carry through. The rest grows with its arguments but |g_i|: its value for
    arguments raised by their errors, less its value. Norms of matrices are off by what
    `compute_error` proves. All doubled for what is of second order, and for the rounding of this
    very calculation.
    """
    width, inner = pair.gate_proj.shape[1], len(pair.gate_proj)
    relative = compute_gamma(2 * width + inner + 32)
    matrices = pair.gate_proj, pair.up_proj, pair.down_proj
    outputs = [
        compute_propagation(*matrices, normed, np.zeros(width)).output
        for normed in (pair.last, pair.normed)
    ]
    gap = abs(pair.normed - pair.last)
    corrected = compute_norm(abs(pair.correction) @ gap)
    sizes = sum(_compute_size(pair, normed) for normed in (pair.last, pair.normed))
    left = sum(outputs) + relative * (corrected + sizes)
    return float(2 * (left + _compute_right(pair, gap, relative)) + UNDERFLOW)


def _compute_size(pair: CorrectedPair, normed: Array) -> float:
    hidden = compute_silu(pair.gate_proj @ normed) * (pair.up_proj @ normed)
    return float(compute_norm(pair.down_proj @ hidden))


def _compute_right(pair: CorrectedPair, gap: Array, relative: float) -> float:
    """Of the bound, |dn| given by element."""
    neurons = compute_neurons(pair)
    raised = _raise(pair, neurons, relative)
    if pair.form == INPUT:
        first = _compute_first_at_input(pair, gap, relative)
        low, high = _compute_rests_at_input(pair, neurons, raised, relative)
    else:
        distance = compute_norm(gap)
        first = _compute_first_at_distance(pair, distance, relative)
        low = bound_rest_at_distance(neurons, distance)
        high = bound_rest_at_distance(raised, distance * (1 + relative))
    return float(first + high - low + relative * high)


def _compute_first_at_input(pair: CorrectedPair, gap: Array, relative: float) -> float:
    """Of |(J - A) dn|."""
    scales, errors = _compute_scales(pair, relative)
    hidden = np.zeros(len(pair.gate_proj))
    for scale, error, matrix in zip(scales, errors, matrices_of(pair), strict=True):
        size = abs(matrix) @ gap
        hidden = hidden + error * size + (scale + error) * 3 * relative * size
    corrected = relative * compute_norm(abs(pair.correction) @ gap)
    return float(compute_norm(abs(pair.down_proj) @ hidden) + corrected)


def _compute_rests_at_input(
    pair: CorrectedPair, neurons: Neurons, raised: Neurons, relative: float
) -> tuple[float, float]:
    """The rest as computed, and for all that rounding may hide."""
    gap = pair.normed - pair.last
    moves = [abs(matrix @ gap) for matrix in matrices_of(pair)]
    higher = [
        move + relative * (abs(matrix) @ abs(gap))
        for move, matrix in zip(moves, matrices_of(pair), strict=True)
    ]
    up = abs(pair.up_proj @ pair.last + pair.up_proj @ gap)
    higher_up = up + relative * (abs(pair.up_proj) @ (abs(pair.last) + abs(gap)))
    low = bound_rest_at_input(neurons, moves[0], moves[1], up)
    return float(low), float(bound_rest_at_input(raised, higher[0], higher[1], higher_up))


def _compute_first_at_distance(pair: CorrectedPair, distance: float, relative: float) -> float:
    """Of |J - A| x."""
    scales, errors = _compute_scales(pair, relative)
    inner = np.zeros_like(pair.gate_proj)
    for scale, error, matrix in zip(scales, errors, matrices_of(pair), strict=True):
        inner = inner + (error + relative * scale)[:, None] * abs(matrix)
    entries = abs(pair.down_proj) @ inner + relative * abs(pair.correction)
    difference = compute_derivative_gap(pair)
    norm = compute_spectral_norm(difference)
    return float(distance * (compute_error(difference) + compute_norm(entries) + relative * norm))


def matrices_of(pair: CorrectedPair) -> tuple[Array, Array]:
    """W_g and W_u."""
    return pair.gate_proj, pair.up_proj


def _raise(pair: CorrectedPair, neurons: Neurons, relative: float) -> Neurons:
    """Every size moved by its error to where the rest is larger."""
    k = neurons
    gate_error, up_error = (relative * (abs(part) @ abs(pair.last)) for part in matrices_of(pair))
    return replace(
        k,
        gate=k.gate - gate_error,
        up=k.up + up_error,
        slope=k.slope + gate_error / 2 + 16 * UNIT_ROUNDOFF,
        gate_rows=k.gate_rows * (1 + relative),
        up_rows=k.up_rows * (1 + relative),
        down_columns=k.down_columns * (1 + relative),
        gate_norm=k.gate_norm + compute_error(pair.gate_proj),
        up_norm=k.up_norm + compute_error(pair.up_proj),
        down_norm=k.down_norm + compute_error(pair.down_proj),
    )


def _compute_scales(
    pair: CorrectedPair, relative: float
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """|u silu'(g)| and |silu(g)|, [F] each, and limits on their errors."""
    gate, up = pair.gate_proj @ pair.last, pair.up_proj @ pair.last
    gate_error, up_error = (relative * (abs(part) @ abs(pair.last)) for part in matrices_of(pair))
    slope, silu = abs(compute_silu_slope(gate)), abs(compute_silu(gate))
    slope_error = gate_error / 2 + 16 * UNIT_ROUNDOFF
    of_gate = slope_error * (abs(up) + up_error) + slope * up_error
    of_up = SILU_SLOPE * gate_error + 8 * UNIT_ROUNDOFF * silu
    return (abs(up) * slope, silu), (of_gate, of_up)
