"""P-01 needs the oscillation of the logits' difference: its largest size is too little."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import get_maximum
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.softmax import bound, compute_total_variation


def get_counterexamples() -> list[Counterexample]:
    """The largest difference of two logits in place of the oscillation."""
    x, y = np.array([0.5, -0.5]), np.array([-0.5, 0.5])
    return [
        Counterexample(
            "P-01",
            "oscillation of the logits' difference: its largest size in its place",
            "logits (1/2, -1/2) and (-1/2, 1/2): difference (1, -1), oscillation 2",
            left=float(compute_total_variation(x, y)),
            right=bound(get_maximum(abs(x - y))),
        )
    ]
