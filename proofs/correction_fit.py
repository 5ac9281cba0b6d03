"""A matrix A for replay with a linear correction: ridge regression of output on input differences.

Minimises sum w^2 |dY - A dn|^2 + lambda |A|^2 over pairs of tokens of one place, one to three
frames apart, w = 1 / max(|dn|, 0.3 median |dn|): near pairs are the ones that replay.

Source: ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.decoded_run import DecodedPair
from fastcar.reference.rms_norm import compute_rms_norm

Numbers = NDArray[np.float64]

MAX_LAG_FRAMES = 3
RIDGE_SHARE = 1e-3
"""lambda, relative to the mean square of an input difference's element."""

NEAR_SHARE = 0.3
"""Pairs closer than this share of the median distance weigh no more than those at it."""


def fit(input_gaps: Numbers, output_gaps: Numbers, rank: int | None = None) -> Numbers:
    """A, [D, D], cut to its first `rank` singular directions if one is given.

    Args:
        input_gaps: [pairs, D], differences of normalised MLP inputs.
        output_gaps: [pairs, D], those of the MLP outputs.
        rank: at least 0.

    >>> gaps = np.eye(2)
    >>> fit(gaps, 2 * gaps).round(2).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    norms = np.linalg.norm(input_gaps, axis=1)
    smallest = max(NEAR_SHARE * float(np.median(norms)), np.finfo(np.float64).tiny)
    weights = (1 / np.maximum(norms, smallest))[:, None]
    x, y = input_gaps * weights, output_gaps * weights
    gram = x.T @ x
    ridge = RIDGE_SHARE * np.trace(gram) / len(gram) + np.finfo(np.float64).tiny
    matrix: Numbers = np.linalg.solve(gram + ridge * np.eye(len(gram)), x.T @ y).T
    if rank is None:
        return matrix
    left, values, right = np.linalg.svd(matrix)
    cut: Numbers = (left[:, :rank] * values[:rank]) @ right[:rank]
    return cut


def collect_gaps(pair: DecodedPair, layer_index: int, rows: slice) -> tuple[Numbers, Numbers]:
    """Input and output differences [pairs, D] of the dense run's rows, for `fit`."""
    run, layer = pair.dense, pair.given.weights.layers[layer_index]
    normed = compute_rms_norm(
        run.mlp_inputs[layer_index, rows], layer.mlp_norm, pair.given.config.rms_norm_eps
    )
    outputs, frame = run.mlp_outputs[layer_index, rows], pair.given.tokens_per_frame
    gaps: list[tuple[Numbers, Numbers]] = []
    for lag in range(frame, min(MAX_LAG_FRAMES * frame + 1, normed.shape[1]), frame):
        both = (part[:, lag:] - part[:, :-lag] for part in (normed, outputs))
        inputs, moved = (part.reshape(-1, normed.shape[-1]) for part in both)
        gaps.append((inputs, moved))
    return np.concatenate([a for a, _ in gaps]), np.concatenate([b for _, b in gaps])


def fit_run(pair: DecodedPair, layer_index: int, rank: int | None = None) -> Numbers:
    """A of a layer, [D, D], from the first half of the rows, at least one."""
    half = max(1, pair.given.forced_ids.shape[0] // 2)
    return fit(*collect_gaps(pair, layer_index, slice(half)), rank)
