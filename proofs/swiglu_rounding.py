"""What float64 and an error of the input do to one run of the MLP (P-07, P-08, P-15, P-16)."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.proofs.arithmetic import Array, compute_norm, get_maximum
from fastcar.proofs.silu import SILU_SLOPE, compute_silu
from fastcar.proofs.spectral_norm import compute_error, compute_gamma
from fastcar.proofs.statement import UNIT_ROUNDOFF
from fastcar.proofs.swiglu_pair import Extent, SwiGLUPair

UNDERFLOW = 2.0**-900
"""What all underflowing operations (2^-1075 each) come to together, for numbers up to 10^8."""


@dataclass(frozen=True)
class Propagation:
    """Limits on what float64 and an error of the input do to one run of the MLP.

    Attributes:
        activation: on the error of every silu(g_i).
        up: on the error of every u_i.
        output: on the norm of the error of y.
    """

    activation: float
    up: float
    output: float


def compute_propagation(
    gate_proj: Array, up_proj: Array, down_proj: Array, normed: Array, error: Array
) -> Propagation:
    """Follow rounding through the MLP.

    A product with a matrix adds gamma_k |W| |x| to |W| times the error of x. silu multiplies an
    error by at most L and adds 8 u of itself (exponential 2 u, seen twice, and four operations).
    Doubled for terms of second order and the rounding of this very calculation.

    Args:
        gate_proj: [F, D].
        up_proj: [F, D].
        down_proj: [D, F].
        normed: [D] float64, as computed.
        error: [D], limits on its error.
    """
    gate, up = gate_proj @ normed, up_proj @ normed
    activation, hidden = compute_silu(gate), compute_silu(gate) * up
    input_error = compute_gamma(len(normed)) * abs(normed) + error
    gate_error, up_error = abs(gate_proj) @ input_error, abs(up_proj) @ input_error
    activation_error = SILU_SLOPE * gate_error + 8 * UNIT_ROUNDOFF * abs(activation)
    hidden_error = abs(activation) * up_error + activation_error * (abs(up) + up_error)
    sum_error = compute_gamma(len(gate) + 2) * abs(hidden)
    output_error = compute_norm(abs(down_proj) @ (hidden_error + sum_error))
    limits = get_maximum(activation_error), get_maximum(up_error), output_error
    return Propagation(*(2 * limit + UNDERFLOW for limit in limits))


def compute_extent_errors(pair: SwiGLUPair, activation: float, up: float) -> Extent:
    """Limits on the errors of `compute_extent`, given those of silu(g) and u'."""
    return Extent(
        compute_error(pair.down_proj),
        compute_error(pair.up_proj),
        compute_error(pair.gate_proj),
        activation,
        up,
    )
