"""Euclidean distance with an order of summation of its own, which every engine keeps (D-52)."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.thresholds import Measures

LANES = 16


def compute_distance(x: FloatArray, other: FloatArray) -> Measures:
    """|x - other| along the last axis in float64; [..., D] to [...].

    Lane l of 16 adds the squares l, l + 16, ... in turn; then the halves of the lanes are added
    (8, 4, 2, 1), and the squares that fill no row of lanes follow one by one.

    >>> compute_distance(np.array([[3.0, 0.0]]), np.array([[0.0, 4.0]])).tolist()
    [5.0]
    """
    gap = x.astype(np.float64) - other
    squares = gap * gap
    whole = squares.shape[-1] // LANES * LANES
    total = np.zeros(squares.shape[:-1])
    if whole:
        rows = squares[..., :whole].reshape(*squares.shape[:-1], -1, LANES)
        lanes = np.cumsum(rows, axis=-2)[..., -1, :]
        while lanes.shape[-1] > 1:
            half = lanes.shape[-1] // 2
            lanes = lanes[..., :half] + lanes[..., half:]
        total = lanes[..., 0]
    for place in range(whole, squares.shape[-1]):
        total = total + squares[..., place]
    distance: Measures = np.sqrt(total)
    return distance
