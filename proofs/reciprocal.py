"""P-21: the reciprocal that divides the context, for every sum.

Claim. For 2^26 <= S < 2^40 let e = bit_length(S), S' = S >> (e - 18) and R = `compute_reciprocal`.
Then R S' <= 2^33 - 1 < (R + 1) S', 32768 <= R <= 65535, and R 2^-(e + 15) is at least
(1 - S' 2^-33) / S and below (1 + R 2^-33) / S: at most 2^-15 too small, at most 2^-17 too large.

Proof. The first line is the floor of the division; S' lies in [2^17, 2^18), which gives the second.
S = S' 2^(e - 18) + r with the dropped bits 0 <= r < 2^(e - 18), so R 2^-(e + 15) S = R S' 2^-33
(1 + t), 0 <= t < 1 / S'. Below: R S' > 2^33 - 1 - S', all whole numbers, so R S' >= 2^33 - S'.
Above: R S' (1 + t) < R S' + R <= 2^33 - 1 + R, and R - 1 < R. `prove_all_divisors` looks at every
S', with the least and the largest S that have it.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, lift, round_to_whole
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.integer_logits import compute_token_logits
from fastcar.proofs.statement import UNIT_ROUNDOFF, Hypothesis, Sides, Statement
from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.whole.context import (
    DIVISOR_BITS,
    RECIPROCAL_BITS,
    compute_reciprocal,
)
from fastcar.reference.integer.whole.softmax import compute_softmax_words

QUOTIENT_BITS = DIVISOR_BITS + RECIPROCAL_BITS - 1
"""R S' is near 2^33."""

LEAST_SUM_BITS, MOST_SUM_BITS = 27, 40
"""Bit lengths of S."""

BELOW, ABOVE = 2.0**-15, 2.0**-17
"""At least 1 - R 2^-(e + 15) S, and at least its negative, for every S."""

Compute = Callable[[Int64Array], tuple[Int64Array, Int64Array]]


@dataclass(frozen=True)
class WeightSum:
    """A sum of weights.

    Attributes:
        total: [1] float64, S once rounded to a whole number.
    """

    total: Array


def bound(error: Scalar, divisor: int, reciprocal: int) -> Scalar:
    """Limit on the relative error of R, on the side of the error.

    Args:
        error: R 2^-(e + 15) S - 1.
        divisor: S'.
        reciprocal: R.

    >>> bound(-1e-9, 1 << 17, 65535), bound(1e-9, 1 << 17, 65535) < ABOVE
    (1.52587890625e-05, True)
    """
    return (divisor if error < 0 else reciprocal) * 2.0**-QUOTIENT_BITS


def compute_sides(weights: WeightSum) -> Sides:
    """Relative error of the reciprocal, and the limit of its side."""
    total = round_to_whole(weights.total)
    reciprocal, bit_length = (int(part[0]) for part in compute_reciprocal(total))
    scaled = reciprocal * 2.0 ** -(bit_length + RECIPROCAL_BITS - 1)  # exact
    error = lift(total, weights.total)[0] * scaled - 1
    divisor = int(total[0]) >> (bit_length - DIVISOR_BITS)
    return Sides(abs(error), bound(error, divisor, reciprocal))


def compute_rounding(weights: WeightSum) -> float:
    """R S is below 2^57, its product rounded by u of nearly 1; the difference from 1 is exact."""
    del weights
    return 2 * UNIT_ROUNDOFF


def compute_extremes(compute: Compute = compute_reciprocal) -> tuple[Int64Array, Int64Array]:
    """2^33 less R S' of every S' of 18 bits, and R S' + R less 2^33, where S is largest; exact."""
    divisors = get_divisors()
    reciprocals, _ = compute(divisors << (LEAST_SUM_BITS - DIVISOR_BITS))
    quotient = 1 << QUOTIENT_BITS
    return quotient - reciprocals * divisors, reciprocals * (divisors + 1) - quotient


def get_divisors() -> Int64Array:
    """Every S'."""
    return np.arange(1 << (DIVISOR_BITS - 1), 1 << DIVISOR_BITS)


def prove_all_divisors(compute: Compute = compute_reciprocal) -> dict[str, int]:
    """Obligations, one per S' for S of every length: expected, looked at, met; in integers.

    The least S of a length that has S' and the largest have the same R, that of S' as 27 bits.
    """
    divisors = get_divisors()
    below, above = compute_extremes(compute)
    reciprocals, _ = compute(divisors << (LEAST_SUM_BITS - DIVISOR_BITS))
    met = (below >= 1) & (below <= divisors) & (above < reciprocals)
    met &= (reciprocals >= 1 << 15) & (reciprocals < 1 << RECIPROCAL_BITS)
    for length in range(LEAST_SUM_BITS, MOST_SUM_BITS + 1):
        dropped = length - DIVISOR_BITS
        for total in (divisors << dropped, ((divisors + 1) << dropped) - 1):
            same, found_length = compute(total)
            met &= (same == reciprocals) & (found_length == length)
    expected = 1 << (DIVISOR_BITS - 1)
    return {"expected": expected, "found": len(met), "discharged": int(met.sum())}


def draw(rng: np.random.Generator) -> WeightSum:
    """Any length, few or all dropped bits set."""
    dropped = int(rng.integers(LEAST_SUM_BITS, MOST_SUM_BITS + 1)) - DIVISOR_BITS
    divisor = int(rng.integers(1 << (DIVISOR_BITS - 1), 1 << DIVISOR_BITS))
    rests = 0, (1 << dropped) - 1, int(rng.integers(1 << dropped))
    return WeightSum(np.array([float((divisor << dropped) + rests[rng.integers(3)])]))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> WeightSum:
    """The sum of a head of token j over all keys that it sees."""
    logits = compute_token_logits(draw_token(pair, rng))
    words = compute_softmax_words(logits[None], np.ones((1, len(logits)), bool), num_lanes=16)
    return WeightSum(words.total.astype(np.float64))


STATEMENT = Statement(
    number="P-21",
    title="reciprocal of the sum of weights",
    source="ours",
    hypotheses=(
        Hypothesis(
            "a sum from 2^26 to below 2^40",
            lambda weights: bool(1 << 26 <= weights.total[0] <= (1 << 40) - 1),
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The remainder of a division is rarely nearly the divisor.",
    count_obligations=prove_all_divisors,
)
