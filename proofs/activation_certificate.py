"""Bounds the error of a replay from the MLP's activations: the sharper certificate (P-17).

Claim. Let h and h0 be the hidden activations silu(g) u of two tokens, W_d = U S V^T + R with
U [D, r], V [F, r], singular values s_1 >= s_2 >= ..., z = V^T (h - h0), and k <= r. Then

    |W_d h - W_d h0| <= sqrt(1 + a) sqrt(sum_{i <= k} s_i^2 z_i^2
                        + s_{k+1}^2 ((1 + b) |h - h0|^2 - sum_{i <= k} z_i^2)) + |R| |h - h0|,

a >= |U^T U - I|, b >= |V^T V - I|.

Proof. |W_d x| <= |U| |S z| + |R| |x| with x = h - h0, |U|^2 <= 1 + a. |S z|^2 is the sum of
s_i^2 z_i^2; for i > k, s_i <= s_{k+1}, and the sum of z_i^2 over them is |z|^2 - sum_{i <= k} z_i^2
with |z|^2 <= |V|^2 |x|^2 <= (1 + b) |x|^2. No property of the float U, S, V is used but these.

The gate and up projections of the token are needed, so a replay skips the last projection only:
a third of the MLP. In exchange nothing is lost in the nonlinearity. Every token pays k F extra.

Rounding. h and h0 are the very numbers that the decoder multiplies by W_d, so only that product
rounds: gamma_F sum |d_i| (|h_i| + |h0_i|), d_i the columns of W_d, and underflow. The certificate's
own squares may underflow too: each sum of squares is raised by what that can hide.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.certificate_names import ACTIVATION
from fastcar.proofs.spectral_norm import SMALLEST, compute_gamma, compute_root_above
from fastcar.reference.arrays import BoolArray, Float, FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.linear import compute_linear
from fastcar.reference.thresholds import Measures
from fastcar.reference.weights import LayerWeights, ModelWeights

Numbers = NDArray[np.float64]

DEFAULT_RANK = 16
"""k; the products with V cost k / D of the projection that they may save."""


@dataclass(frozen=True)
class ActivationConstants:
    """Decomposition of one down projection [D, F].

    Attributes:
        directions: [k, F], first right singular vectors.
        singular_values: [k].
        next_value: s_{k+1}; 0 if k = D.
        left_defect: a.
        right_defect: b.
        residual_norm: |R|.
        columns: [F], |d_i|.
        width: D.
        gamma: gamma_F of the decoder's arithmetic.
        smallest: its smallest positive number.
        largest: its largest finite number.
    """

    directions: Numbers
    singular_values: Numbers
    next_value: float
    left_defect: float
    right_defect: float
    residual_norm: float
    columns: Numbers
    width: int
    gamma: float
    smallest: float
    largest: float


def make_constants(layer: LayerWeights, rank: int) -> ActivationConstants:
    """Decompose the down projection; `rank` is cut to what the matrix has."""
    down = layer.down_proj.astype(np.float64)
    left, values, right = np.linalg.svd(down, full_matrices=False)
    width, inner = down.shape
    slack = compute_gamma(2 * max(down.shape) + 16)
    scale = float(np.linalg.norm(left) * np.linalg.norm(right) * values.max(initial=0.0))
    residual = float(np.linalg.norm(down - (left * values) @ right)) + slack * 2 * scale
    residual += float(np.sqrt(down.size * SMALLEST))
    rank = min(rank, len(values))
    info = np.finfo(layer.down_proj.dtype)
    share = inner * float(info.eps) / 2
    return ActivationConstants(
        right[:rank],
        values[:rank],
        float(values[rank]) if rank < len(values) else 0.0,
        _bound_defect(left),
        _bound_defect(right.T),
        residual * (1 + slack),
        compute_root_above((down * down).sum(axis=0), width) * (1 + slack),
        width,
        1.0001 * share / (1 - share) if share < 1 else np.inf,
        float(info.smallest_subnormal),
        float(info.max),
    )


def _bound_defect(vectors: Numbers) -> float:
    """Limit on |X^T X - I| for X [n, r], by the Frobenius norm and the rounding of the product."""
    defect = float(np.linalg.norm(vectors.T @ vectors - np.eye(vectors.shape[1])))
    slack = compute_gamma(len(vectors) + vectors.shape[1] ** 2 + 8)
    return defect * (1 + slack) + slack * float(np.linalg.norm(vectors)) ** 2


def bound(constants: ActivationConstants, hidden: FloatArray, last: FloatArray) -> Numbers:
    """Certified difference of the float outputs of hidden activations.

    Args:
        constants: of the layer.
        hidden: [R, F], in the decoder's arithmetic.
        last: [R, F], those whose output is cached.

    Returns:
        [R] float64; infinite where an output might overflow.
    """
    k = constants
    present, cached = hidden.astype(np.float64), last.astype(np.float64)
    gap = present - cached  # [R, F]
    inner = gap.shape[1]
    square = (gap * gap).sum(axis=1) + inner * SMALLEST
    along = compute_linear(gap, k.directions) ** 2  # [R, k], row by row (D-05)
    total = (k.singular_values**2 * along).sum(axis=1)
    total += k.next_value**2 * np.maximum((1 + k.right_defect) * square - along.sum(axis=1), 0)
    # z_i is off by gamma_F |x| |v_i|, its square by less than three times that times |x|.
    largest_value = float(k.singular_values.max(initial=k.next_value))
    doubt = 4 * (len(k.singular_values) + 2) * compute_gamma(2 * inner + 16)
    total += doubt * largest_value**2 * square
    # What underflows in squares of z_i and in their products with squares of s_i.
    total += 4 * inner * (len(k.singular_values) + 2) * (1 + largest_value**2) * SMALLEST
    exact = np.sqrt(1 + k.left_defect) * np.sqrt(total) + k.residual_norm * np.sqrt(square)
    summed = (k.columns * (np.abs(present) + np.abs(cached))).sum(axis=1)
    rounding = k.gamma * summed + 2 * np.sqrt(k.width) * inner * k.smallest
    certified = (exact + rounding) * (1 + compute_gamma(4 * inner + 64))
    certified = np.where(summed < k.largest / 4, certified, np.inf)
    # The same activations give the same bits (D-05).
    return np.where((gap == 0).all(axis=1), 0.0, certified)


class ActivationCertificate:
    """Computes gate and up projection of every token; a replay skips the down projection.

    Args:
        weights: of the model that is decoded.
        rank: k, directions of the down projection that are followed exactly; at least 0.
    """

    name = ACTIVATION

    def __init__(self, weights: ModelWeights, rank: int = DEFAULT_RANK) -> None:
        if rank < 0:
            raise ArgumentError("rank", rank, "at least 0")
        self.rank = rank
        self._constants = [make_constants(layer, rank) for layer in weights.layers]
        self._dtype: np.dtype[Float] = weights.dtype

    @property
    def num_layers(self) -> int:
        """L."""
        return len(self._constants)

    def reset(self, rows: int, tokens_per_frame: int) -> None:
        """One frame of activations per layer and row."""
        places = (self.num_layers, rows, tokens_per_frame)
        inner = len(self._constants[0].columns)
        self._hidden = np.full((*places, inner), np.nan, self._dtype)

    def bound(self, query: GateQuery) -> Measures:
        """See `fastcar.reference.certified_gate.Certificate`."""
        last = self._hidden[query.layer_index, :, query.location_index]
        everything = np.ones(len(last), bool)
        hidden = query.compute_activations(everything).hidden
        certified = bound(self._constants[query.layer_index], hidden, last)
        return np.where(np.isnan(last).any(axis=1), np.nan, certified)

    def count_multiplications(self, replayed: BoolArray) -> int:
        """k F per token and layer, and the two projections that a replayed one still computes."""
        constants = self._constants[0]
        inner = len(constants.columns)
        spent = 2 * constants.width * inner
        return replayed.size * (self.rank + 2) * inner + int(replayed.sum()) * spent

    def remember(self, query: GateQuery, computing: BoolArray) -> None:
        """Activations of the rows that compute."""
        hidden = query.compute_activations(computing).hidden
        self._hidden[query.layer_index, computing, query.location_index] = hidden
