"""P-25 needs the values of all keys, and twice the distance from a centre."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs import attention
from fastcar.proofs.arithmetic import compute_row_norms, get_maximum
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.sparse_attention import WindowPair
from fastcar.proofs.value_spread import bound, compute_sides, compute_variation, get_values

_NOTHING = np.zeros((0, 1))
FRESH = WindowPair(
    query=np.zeros(1),
    other_query=np.zeros(1),
    shared_keys=np.zeros((1, 1)),
    shared_values=np.ones((1, 1)),
    fresh_keys=np.zeros((1, 1)),
    fresh_values=-np.ones((1, 1)),
    stale_keys=_NOTHING,
    stale_values=_NOTHING,
)
"""One shared key of value 1, one fresh key of value -1, queries and keys 0."""


def get_counterexamples() -> list[Counterexample]:
    """The diameter of the shared values alone; the radius around the mean for the diameter."""
    return [_get_shared_values_only(), _get_radius()]


def _get_shared_values_only() -> Counterexample:
    spread = attention.compute_diameter(FRESH.shared_values)
    return Counterexample(
        "P-25",
        "diameter of all values: that of the shared ones in its place",
        "d = 1, queries and keys 0, shared value 1, fresh value -1",
        left=compute_sides(FRESH).left,
        right=float(bound(spread, compute_variation(FRESH))),
    )


def _get_radius() -> Counterexample:
    far = replace(FRESH, query=np.array([1.0]), fresh_keys=np.array([[5.0]]))
    values = get_values(far)
    radius = get_maximum(compute_row_norms(values - values.mean(axis=0)))
    return Counterexample(
        "P-25",
        "diameter of the values: their largest distance from the mean",
        "d = 1, keys 0 and 5, queries 1 and 0, shared value 1, fresh value -1",
        left=compute_sides(far).left,
        right=float(bound(radius, compute_variation(far))),
    )
