"""How far two correct evaluations may differ: standard bounds of rounding error, as functions.

u is the unit roundoff; gamma_n = n u / (1 - n u) bounds the relative error of n roundings in any
order (Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.1).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import DTypeLike

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.strategies import Run
from tests.reference.runs import cast_weights, decode

EXP_ROUNDINGS = 8
"""Roundings granted to one exponential; NumPy states at most 4 units in the last place."""


def get_unit_roundoff(dtype: DTypeLike) -> float:
    """Half the distance from 1 to the next number."""
    return float(np.finfo(np.dtype(dtype)).eps) / 2


def compute_gamma(num_roundings: int, dtype: DTypeLike) -> float:
    """gamma_n."""
    product = num_roundings * get_unit_roundoff(dtype)
    return product / (1 - product)


def compute_score_bound(query: FloatArray, keys: FloatArray, scale_roundings: int = 0) -> float:
    """Largest error of any logit <q, k> / sqrt(d): gamma_{d+2} |q| . |k| / sqrt(d).

    d roundings of the inner product, one of the root, one of the division; and those of scales,
    one where keys are integers with scales: of each product of both, or of the sum with its scale.
    """
    grouped = np.abs(query).reshape(len(query), keys.shape[1], -1, query.shape[-1])
    sizes = grouped.astype(np.float64) @ np.abs(keys).astype(np.float64).swapaxes(-1, -2)
    head_dim = query.shape[-1]
    gamma = compute_gamma(head_dim + 2 + scale_roundings, query.dtype)
    return gamma * float(sizes.max()) / float(np.sqrt(head_dim))


def compute_attention_bound(
    query: FloatArray,
    keys: FloatArray,
    values: FloatArray,
    visible: BoolArray | None,
    scale_roundings: int = 0,
) -> float:
    """Largest error of any entry of the context, for the plain and for the online softmax.

    A logit is off by delta: `compute_score_bound`, and 2 u max|z| for each subtraction of a peak,
    of which the online softmax makes one per block, at most S in all. So an exponential is off by
    the factor exp(delta), a probability by exp(2 delta), apart from the roundings of exponential,
    sum, product, quotient and rescaling: at most 2 S + (S + 1) (EXP_ROUNDINGS + 1) + 4 in all; and
    those of scales, one where values are integers with scales: of value or of probability.
    """
    num_keys = keys.shape[2]
    bound = compute_score_bound(query, keys, scale_roundings)
    peak = bound / compute_gamma(query.shape[-1] + 2 + scale_roundings, query.dtype)
    delta = bound + 2 * get_unit_roundoff(query.dtype) * peak * num_keys
    roundings = 2 * num_keys + (num_keys + 1) * (EXP_ROUNDINGS + 1) + 4 + scale_roundings
    relative = np.expm1(2 * delta) + np.exp(2 * delta) * compute_gamma(roundings, query.dtype)
    seen = values if visible is None else np.where(visible[:, None, :, None], values, 0)
    return float(relative * np.abs(seen).max())


def compute_decode_bound(run: Run) -> float:
    """How far two float64 decodes of one run may differ when only the order of sums differs.

    A bound derived layer by layer would be vacuous, so the amplification is measured: rounding the
    same run to float32 perturbs every operation by u32; the distance that results, scaled by
    u64 / u32, is what perturbations by u64 cause. The factor 64 covers the chance of signs, and
    that two orders of a sum differ by more than one rounding.
    """
    double = decode(run)
    single = decode(replace(run, weights=cast_weights(run.weights, np.float32)))
    distance = max(
        float(np.abs(getattr(double, name) - getattr(single, name)).max())
        for name in ("logits", "keys", "values")
    )
    return 64 * distance * get_unit_roundoff(np.float64) / get_unit_roundoff(np.float32)
