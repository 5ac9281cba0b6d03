"""P-18: Dynamic Resource Scheduling (DRS) needs no more rounds than a static mapping, and how many.

Claim. B slots, C cores, every slot replays with probability p, independently. DRS needs
E[ceil(n / C)] rounds, n ~ Binomial(B, 1 - p) computing slots, and that is at most what the static
mapping of slot b to core b mod C needs, E[max_c n_c], n_c ~ Binomial(B_c, 1 - p) independent, B_c =
ceil((B - c) / C) the number of slots of core c. Both are computed exactly.

Proof. For every single index word the static mapping is a deal of the same n slots, and by P-10 no
deal takes fewer than ceil(n / C) rounds. An expectation keeps the order, whatever the distribution
of the words: the claim needs no independence (`fastcar.proofs.experiments.expected_rounds` has
dependent slots). The two values: ceil(n / C) is summed over the distribution of n; the largest of
independent numbers is at most r with the product of their probabilities, and E[max] = sum over r >=
0 of P(max > r).

Source: ours; the reviews of the paper asked for this comparison.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import UNIT_ROUNDOFF, Hypothesis, Sides, Statement
from fastcar.reference.scheduler import MAX_CORES, MAX_SLOTS


@dataclass(frozen=True)
class ReplayLoad:
    """Sizes and the probability of a replay, as whole numbers.

    Attributes:
        num_slots: B.
        num_cores: C.
        numerator: of the probability p that a slot replays.
        denominator: of p, at least 1.
    """

    num_slots: int
    num_cores: int
    numerator: int
    denominator: int


def compute_dynamic_rounds(num_slots: int, num_cores: int, replay: Fraction) -> Fraction:
    """E[ceil(n / C)], n ~ Binomial(B, 1 - p).

    >>> compute_dynamic_rounds(2, 2, Fraction(1, 2))
    Fraction(3, 4)
    """
    weights = compute_binomial_weights(num_slots, 1 - replay)
    return sum(
        (weight * -(-number // num_cores) for number, weight in enumerate(weights)), Fraction(0)
    )


def compute_static_rounds(num_slots: int, num_cores: int, replay: Fraction) -> Fraction:
    """E[max_c n_c] with slot b on core b mod C.

    >>> compute_static_rounds(4, 2, Fraction(1, 2)), compute_dynamic_rounds(4, 2, Fraction(1, 2))
    (Fraction(11, 8), Fraction(5, 4))
    """
    sizes = [len(range(core, num_slots, num_cores)) for core in range(num_cores)]
    weights = {size: compute_binomial_weights(size, 1 - replay) for size in set(sizes)}
    expected = Fraction(0)
    for rounds in range(max(sizes)):
        below = {size: sum(weights[size][: rounds + 1], Fraction(0)) for size in weights}
        expected += 1 - math.prod((below[size] for size in sizes), start=Fraction(1))
    return expected


def compute_binomial_weights(num_trials: int, probability: Fraction) -> list[Fraction]:
    """P(n = 0), ..., P(n = num_trials)."""
    other = 1 - probability
    return [
        math.comb(num_trials, n) * probability**n * other ** (num_trials - n)
        for n in range(num_trials + 1)
    ]


def compute_sides(load: ReplayLoad) -> Sides:
    """Expected rounds of DRS and of the static mapping, as exact rationals."""
    replay = Fraction(load.numerator, load.denominator)
    dynamic = compute_dynamic_rounds(load.num_slots, load.num_cores, replay)
    static = compute_static_rounds(load.num_slots, load.num_cores, replay)
    return Sides(dynamic, static, trivial=Fraction(-(-load.num_slots // load.num_cores)))


def compute_rounding(load: ReplayLoad) -> float:
    """Both sides are exact and become floats with one rounding each, their difference with another:
    u (left + right + right) <= 3 u right, and 4 u covers the rounding of what it is compared with.
    """
    return 4 * UNIT_ROUNDOFF * float(compute_sides(load).right)


def draw(rng: np.random.Generator) -> ReplayLoad:
    """Any sizes, a probability in hundredths."""
    num_slots, num_cores = int(rng.integers(1, MAX_SLOTS + 1)), int(rng.integers(1, MAX_CORES + 1))
    return ReplayLoad(num_slots, num_cores, int(rng.integers(101)), 100)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> ReplayLoad:
    """The share of replays of one layer in one frame of one row, for any sizes."""
    token = draw_token(pair, rng)
    frame = pair.given.tokens_per_frame
    first = token.token_index // frame * frame
    replayed = pair.replay.replayed[token.layer_index, token.row_index, first : first + frame]
    num_slots, num_cores = (int(rng.integers(1, most + 1)) for most in (MAX_SLOTS, MAX_CORES))
    return ReplayLoad(num_slots, num_cores, int(replayed.sum()), frame)


STATEMENT = Statement(
    number="P-18",
    title="expected rounds of Dynamic Resource Scheduling against a static mapping",
    source="ours",
    hypotheses=(
        Hypothesis("1 to 32 cores", lambda load: 1 <= load.num_cores <= MAX_CORES),
        Hypothesis("1 to 32 slots", lambda load: 1 <= load.num_slots <= MAX_SLOTS),
        Hypothesis("a probability", lambda load: 0 <= load.numerator <= load.denominator > 0),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    has_counterexamples=False,
)
