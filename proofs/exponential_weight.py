"""P-20: weights of the integer softmax against the exponential, for every difference.

Claim. A logit z < 256 M, both whole numbers, has the weight p of `compute_weights` and the octave
k = floor((256 M - z - 1) / 256). Then |p - 2^16 2^(z / 256 - M)| <= 1/2 + 2^-(k + 1), without the
power of two for k = 0, hence at most 3/4, of which 0.7479 is reached. Of a logit more than 17
octaves below 256 M, p is 0.

Proof. With j = (z mod 256) the exact number is 2^15 2^(j / 256) 2^-k, and E[j], its first factor
rounded to the nearest integer, is off by at most 1/2: E[j] 2^-k is off by at most 2^-(k + 1). The
weight is that rounded to the nearest integer; for k = 0 it is whole. i = 256 M - z - 1 saturates at
18 * 256 - 1: from there on p is 0 and the exact number below 1/2. `prove_all_differences` looks at
every i up to there, in balls; beyond, the exact number falls and p stays 0.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    exp2,
    get_minimum,
    is_certain,
    lift,
    round_to_whole,
    to_balls,
)
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.integer_logits import MAX_DIFFERENCE, compute_token_logits
from fastcar.proofs.statement import UNIT_ROUNDOFF, Hypothesis, Sides, Statement
from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.whole.scores import LOGIT_FRACTION_BITS
from fastcar.reference.integer.whole.softmax import (
    LAST_DIFFERENCE,
    WEIGHT_FRACTION_BITS,
    compute_weights,
)
from fastcar.reference.tables import EXPONENTIAL_FRACTION_BITS, EXPONENTIAL_TABLE

STEPS_PER_OCTAVE = 1 << LOGIT_FRACTION_BITS

LARGEST_ERROR = 0.7479
"""At least |p - 2^16 2^(z / 256 - M)| for every difference: of 3/4, what the 256 entries reach."""

LEAST_TIE_DISTANCE = 0.00427
"""No entry of the table is nearer than that to a tie of its rounding."""

Compute = Callable[[Int64Array, Int64Array], Int64Array]
"""Weights of logits and exponents."""


@dataclass(frozen=True)
class LogitBelow:
    """A logit below a maximum in whole octaves.

    Attributes:
        difference: [1] float64, 256 M - z once rounded to a whole number.
    """

    difference: Array


def bound(difference: Array) -> Array:
    """Largest error of the weights of differences 256 M - z, whole numbers of at least 1.

    >>> bound(np.array([1.0, 256.0, 257.0])).tolist()
    [0.5, 0.5, 0.75]
    """
    octaves = np.floor_divide(round_to_whole(difference) - 1, STEPS_PER_OCTAVE)
    of_entry = np.where(octaves > 0, 2.0 ** -(np.minimum(octaves, 64) + 1.0), 0.0)
    return lift(0.5 + of_entry, difference)


def compute_exact_weights(difference: Array) -> Array:
    """2^16 2^(-difference / 256), floats or balls."""
    return exp2(WEIGHT_FRACTION_BITS - difference / STEPS_PER_OCTAVE)


def compute_errors(difference: Array, compute: Compute = compute_weights) -> Array:
    """|p - exact| of differences [n]; `compute` is what is held against the exponential."""
    whole = round_to_whole(difference)
    weights = lift(compute(-whole, np.array([0])), difference)
    return abs(weights - compute_exact_weights(lift(whole, difference)))


def compute_sides(logit: LogitBelow) -> Sides:
    """Error of the weight, and its bound."""
    [error], [right] = compute_errors(logit.difference), bound(logit.difference)
    return Sides(error, right, trivial=error + compute_exact_weights(logit.difference)[0])


def compute_rounding(logit: LogitBelow) -> float:
    """The power of two, below 2^16, is off by 10 u of itself: its exponent is exact, because a
    difference below 2^25 is a whole number of 2^-8 octaves. The difference is rounded once.
    """
    exact = compute_exact_weights(lift(round_to_whole(logit.difference), logit.difference))
    return 12 * UNIT_ROUNDOFF * float(exact[0])


def get_differences() -> Int64Array:
    """All differences 256 M - z that the unit tells apart, the saturated one last."""
    return np.arange(1, LAST_DIFFERENCE + 2)


def prove_all_differences(compute: Compute = compute_weights) -> dict[str, int]:
    """Obligations, one per difference: expected, looked at, certain in balls."""
    differences = to_balls(get_differences().astype(np.float64))
    pairs = zip(compute_errors(differences, compute), bound(differences), strict=True)
    certain = [is_certain(error <= limit) for error, limit in pairs]
    expected = LAST_DIFFERENCE + 1
    return {"expected": expected, "found": len(certain), "discharged": sum(certain)}


def compute_least_tie_distance() -> Scalar:
    """Ball around the distance of the exact entry nearest to a tie from that tie."""
    steps = to_balls(np.arange(STEPS_PER_OCTAVE, dtype=np.float64))
    exact = exp2(EXPONENTIAL_FRACTION_BITS + steps / STEPS_PER_OCTAVE)
    return get_minimum(0.5 - abs(exact - lift(np.array(EXPONENTIAL_TABLE), exact)))


def draw(rng: np.random.Generator) -> LogitBelow:
    """Any octave; often the first, sometimes far beyond the last."""
    octave = int(rng.choice([0, 0, 0, *range(1, 18), 40, 60_000]))
    step = int(rng.integers(1, STEPS_PER_OCTAVE + 1))
    return LogitBelow(np.array([float(octave * STEPS_PER_OCTAVE + step)]))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> LogitBelow:
    """One of the keys that token j sees, below the largest logit of the head."""
    logits = compute_token_logits(draw_token(pair, rng))
    maximum = (int(logits.max()) >> LOGIT_FRACTION_BITS) + 1
    return LogitBelow(maximum * float(STEPS_PER_OCTAVE) - rng.choice(logits, 1))


STATEMENT = Statement(
    number="P-20",
    title="weight of the integer softmax against the exponential",
    source="ours",
    hypotheses=(
        Hypothesis(
            "a difference of 24-bit logits",
            lambda logit: bool(1 <= logit.difference[0] <= MAX_DIFFERENCE),
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="A real weight is as likely near an integer as near a tie.",
    count_obligations=prove_all_differences,
)
