"""Distances with an order of summation of their own, which every engine keeps (D-52)."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.thresholds import Measures

LANES = 16


def compute_distance(x: FloatArray, other: FloatArray) -> Measures:
    """|x - other| along the last axis, Euclidean, in float64; [..., D] to [...].

    >>> compute_distance(np.array([[3.0, 0.0]]), np.array([[0.0, 4.0]])).tolist()
    [5.0]
    """
    gap = x.astype(np.float64) - other
    distance: Measures = np.sqrt(add_in_lanes(gap * gap))
    return distance


def compute_change(x: FloatArray, other: FloatArray) -> Measures:
    """Sum of |x - other| along the last axis in float64; [..., D] to [...].

    >>> compute_change(np.array([[3.0, 0.0]]), np.array([[0.0, 4.0]])).tolist()
    [7.0]
    """
    return add_in_lanes(np.abs(x.astype(np.float64) - other))


def compute_size(x: FloatArray) -> Measures:
    """Sum of |x| along the last axis in float64; [..., D] to [...]."""
    return add_in_lanes(np.abs(x.astype(np.float64)))


def add_in_lanes(terms: Measures) -> Measures:
    """Sum along the last axis; [..., D] to [...].

    Lane l of 16 adds the terms l, l + 16, ... in turn; then the halves of the lanes are added
    (8, 4, 2, 1), and the terms that fill no row of lanes follow one by one.
    """
    whole = terms.shape[-1] // LANES * LANES
    total: Measures = np.zeros(terms.shape[:-1])
    if whole:
        rows = terms[..., :whole].reshape(*terms.shape[:-1], whole // LANES, LANES)
        lanes = np.cumsum(rows, axis=-2)[..., -1, :]
        while lanes.shape[-1] > 1:
            half = lanes.shape[-1] // 2
            lanes = lanes[..., :half] + lanes[..., half:]
        total = lanes[..., 0]
    for place in range(whole, terms.shape[-1]):
        total = total + terms[..., place]
    return total
