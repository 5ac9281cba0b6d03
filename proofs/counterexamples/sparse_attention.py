"""P-12 needs the mass on the keys that have left the window."""

from __future__ import annotations

import numpy as np

from fastcar.proofs import causal_attention
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.sparse_attention import WindowPair, compute_sides


def get_counterexamples() -> list[Counterexample]:
    """The stale keys left out, as if the window only ever grew."""
    nothing = np.zeros((0, 1))
    pair = WindowPair(
        query=np.zeros(1),
        other_query=np.zeros(1),
        shared_keys=np.zeros((1, 1)),
        shared_values=np.ones((1, 1)),
        fresh_keys=nothing,
        fresh_values=nothing,
        stale_keys=np.zeros((1, 1)),
        stale_values=-np.ones((1, 1)),
    )
    fresh_mass = causal_attention.compute_fresh_mass(pair.query, pair.seen[0], num_shared=1)
    return [
        Counterexample(
            "P-12",
            "mass on the stale keys",
            "d = 1, queries and keys 0, shared value 1, stale value -1, no fresh key",
            left=compute_sides(pair).left,
            right=float(causal_attention.bound(0.0, 0.0, 1, 1.0, fresh_mass)),
        )
    ]
