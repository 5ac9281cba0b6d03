"""P-21 with a numerator of 2^33, and with a sum that is more than its leading 18 bits."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.reciprocal import QUOTIENT_BITS
from fastcar.reference.integer.whole.context import RECIPROCAL_BITS, compute_reciprocal


def get_counterexamples() -> list[Counterexample]:
    """A reciprocal of 17 bits; a quotient that is never too large."""
    return [_use_power_of_two(), _forget_dropped_bits()]


def _use_power_of_two() -> Counterexample:
    """R of the smallest S' does not fit the multiplier of 16 bits."""
    return Counterexample(
        "P-21",
        "numerator 2^33 - 1: 2^33 in its place",
        "S = 2^26, S' = 2^17: R is 2^16, its limit 2^16 - 1",
        left=float((1 << QUOTIENT_BITS) // (1 << 17)),
        right=float((1 << 16) - 1),
    )


def _forget_dropped_bits() -> Counterexample:
    """Never above 1 / S, as R S' <= 2^33 - 1 seems to say."""
    total = 131_075 * 2**22 - 1
    reciprocal, bit_length = (int(part[0]) for part in compute_reciprocal(np.array([total])))
    return Counterexample(
        "P-21",
        "bits of S below the leading 18: R 2^-(e + 15) S at most 1",
        "S = 131075 * 2^22 - 1, S' = 131074",
        left=reciprocal * total / 2.0 ** (bit_length + RECIPROCAL_BITS - 1),
        right=1.0,
    )
