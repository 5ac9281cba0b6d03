"""P-20 with a bound that knows one rounding of the two, and for a unit that drops bits."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.exponential_weight import (
    bound,
    compute_errors,
    compute_exact_weights,
)


def get_counterexamples() -> list[Counterexample]:
    """The table taken for exact; weights that are cut off instead of rounded."""
    return [_forget_table(), _cut_off()]


def _forget_table() -> Counterexample:
    """E[42] is nearly half a step off, and its half is a tie."""
    difference = np.array([470.0])
    return Counterexample(
        "P-20",
        "the term 2^-(k + 1): a table that is not rounded",
        "256 M - z = 470",
        left=float(compute_errors(difference)[0]),
        right=0.5,
    )


def _cut_off() -> Counterexample:
    """As if the unit shifted without adding half first."""
    difference = np.array([4097.0])
    return Counterexample(
        "P-20",
        "rounding to the nearest integer: bits that are shifted out are dropped",
        "256 M - z = 4097: the exact weight is nearly 1, the found one 0",
        left=float(compute_exact_weights(difference)[0]),
        right=float(bound(difference)[0]),
    )
