"""An MLP with two inputs, and what bounds how far it moves them apart (P-07)."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.proofs.arithmetic import Array, Scalar, get_maximum
from fastcar.proofs.silu import compute_silu
from fastcar.proofs.spectral_norm import compute_spectral_norm


@dataclass(frozen=True)
class SwiGLUPair:
    """An MLP and two inputs; D = width, F = inner width.

    Attributes:
        gate_proj: [F, D] float64, W_g.
        up_proj: [F, D] float64, W_u.
        down_proj: [D, F] float64, W_d.
        normed: [D] float64, n.
        other: [D] float64, n'.
    """

    gate_proj: Array
    up_proj: Array
    down_proj: Array
    normed: Array
    other: Array


@dataclass(frozen=True)
class Extent:
    """What the constant depends on; floats or balls.

    Attributes:
        down_norm: |W_d|.
        up_norm: |W_u|.
        gate_norm: |W_g|.
        activation_max: max|silu(g)|.
        up_max: max|u'|.
    """

    down_norm: Scalar
    up_norm: Scalar
    gate_norm: Scalar
    activation_max: Scalar
    up_max: Scalar


def compute_swiglu(gate_proj: Array, up_proj: Array, down_proj: Array, normed: Array) -> Array:
    """Output [D] of the MLP for a normalised input [D]."""
    output: Array = down_proj @ (compute_silu(gate_proj @ normed) * (up_proj @ normed))
    return output


def compute_extent(pair: SwiGLUPair) -> Extent:
    """Norms and maxima of a pair."""
    return Extent(
        compute_spectral_norm(pair.down_proj),
        compute_spectral_norm(pair.up_proj),
        compute_spectral_norm(pair.gate_proj),
        get_maximum(abs(compute_silu(pair.gate_proj @ pair.normed))),
        get_maximum(abs(pair.up_proj @ pair.other)),
    )
