"""P-22: how far the integer softmax is from the softmax of the same logits.

Claim. Logits z_1..z_n, whole numbers of 2^-8 octaves, in words of L keys, give weights p_i, M_i of
the key's word, M of the last word and the sum S. The shares q_i = p_i 2^(11 - (M - M_i)) / S and
the exact ones pi_i = 2^(z_i / 256) / sum 2^(z / 256) satisfy, with x_i = 2^16 2^(z_i / 256 - M), X
their sum, a_i = p_i 2^-(M - M_i) and alpha_i = a_i / sum a,

    sum |q_i - pi_i| / 2 <= sum (1 - alpha_i) d_i / X + 1 / S,

where d_i = x_i for p_i = 0, else (bound of P-20) 2^-(M - M_i). That is at most 3 n 2^-17 + 2^-26.

Proof. By P-20 e_i = a_i - x_i is at most d_i. alpha_i - pi_i = (e_i - alpha_i E) / X with E = sum e
(multiply by X sum a), hence sum |alpha_i - pi_i| <= sum (|e_i| (1 - alpha_i) + alpha_i sum of the
other |e|) / X = 2 sum (1 - alpha_i) |e_i| / X. Every rescaling of S drops less than one unit of
2^-11, and those of before are halved at least, so 2^11 sum a - 2 < S <= 2^11 sum a, and
q_i = alpha_i (2^11 sum a / S) adds less than 2 / S to the sum of absolute differences. At last
d_i <= 3/4, X >= 2^15 because 256 M exceeds the largest z by at most 256, and S >= 2^26.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, exp2, lift, round_to_whole
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.exponential_weight import STEPS_PER_OCTAVE
from fastcar.proofs.exponential_weight import bound as bound_weights
from fastcar.proofs.integer_logits import compute_token_logits, draw_logits
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.reference.arrays import BoolArray
from fastcar.reference.integer.whole.scores import MAX_LOGIT
from fastcar.reference.integer.whole.softmax import (
    GUARD_BITS,
    MAX_VISIBLE_TOKENS,
    WEIGHT_FRACTION_BITS,
    SoftmaxWords,
    compute_softmax_words,
)


@dataclass(frozen=True)
class LogitRow:
    """What one query reads.

    Attributes:
        logits: [n] float64, z once rounded to whole numbers.
        visible: [n], False for a key that does not count.
        num_lanes: L.
    """

    logits: Array
    visible: BoolArray
    num_lanes: int

    @property
    def words(self) -> SoftmaxWords:
        """What the integer softmax makes of them, one leading axis of 1."""
        logits = round_to_whole(self.logits)[None]
        return compute_softmax_words(logits, self.visible[None], self.num_lanes)


@dataclass(frozen=True)
class Shares:
    """Weights of the visible keys in units of 2^-16 2^M, M of the last word; floats or balls.

    Attributes:
        found: [n], a_i.
        exact: [n], x_i.
        limits: [n], d_i, at least |a_i - x_i|.
        total: 2^-11 S.
    """

    found: Array
    exact: Array
    limits: Array
    total: Scalar


def compute_shares(row: LogitRow, words: SoftmaxWords) -> Shares:
    """Weights and their limits; what is not visible is left out.

    Args:
        row: logits.
        words: `row.words`, or what is held against them.
    """
    like, whole = row.logits, round_to_whole(row.logits)[row.visible]
    exponents = np.repeat(words.exponents[0], row.num_lanes)[: len(row.visible)][row.visible]
    last = int(words.exponents[0, -1])
    rescaling = exp2(lift(exponents - last, like))  # 2^-(M - M_i)
    weights = words.weights[0].ravel()[: len(row.visible)][row.visible]
    exact = exp2(
        WEIGHT_FRACTION_BITS + lift(whole - STEPS_PER_OCTAVE * last, like) / STEPS_PER_OCTAVE
    )
    limits = bound_weights(lift(STEPS_PER_OCTAVE * exponents - whole, like)) * rescaling
    return Shares(
        lift(weights, like) * rescaling,
        exact,
        np.where(weights == 0, exact, limits),
        lift(words.total, like)[0] * 2.0**-GUARD_BITS,
    )


def compute_distance(shares: Shares) -> Scalar:
    """Half the sum of the absolute differences of the shares."""
    differences = shares.found / shares.total - shares.exact / shares.exact.sum()
    return abs(differences).sum() / 2


def bound(shares: Shares) -> Scalar:
    """Largest such distance, from the weights and their limits."""
    others = 1 - shares.found / shares.found.sum()
    dropped = 2.0**-GUARD_BITS / shares.total
    return (others * shares.limits).sum() / shares.exact.sum() + dropped


def bound_by_number(num_keys: int) -> float:
    """A bound for any logits of so many keys.

    >>> round(bound_by_number(512), 4)
    0.0117
    """
    return 3 * num_keys * 2.0**-17 + 2.0**-26


def compute_sides(row: LogitRow) -> Sides:
    """Distance of integer and exact shares, and its bound."""
    shares = compute_shares(row, row.words)
    return Sides(compute_distance(shares), bound(shares), trivial=1.0)


def compute_rounding(row: LogitRow) -> float:
    """Powers are off by 10 u of themselves, sums of n positive terms by n u, quotients by u: every
    share by (2 n + 30) u of itself, their distance by that, because they sum to 1 and to less than
    1 + 2^-24. The bound has positive terms but for 1 - alpha_i, off by (n + 3) u: a d_i each, which
    is at most (n + 3) u sum d / X, and d_i at most x_i, or 3/4 for a p_i of at least 1, that is for
    an x_i of at least 1/4: sum d is at most 3 X.
    """
    return UNIT_ROUNDOFF * (12 * int(row.visible.sum()) + 200)


def draw(rng: np.random.Generator) -> LogitRow:
    """Any spread of logits and order of maxima; many equal ones far below the largest."""
    return LogitRow(*draw_logits(rng), int(rng.choice([4, 8, 16])))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> LogitRow:
    """All keys that a head of token j sees."""
    logits = compute_token_logits(draw_token(pair, rng)).astype(np.float64)
    return LogitRow(logits, np.ones(len(logits), bool), num_lanes=16)


def is_logit_row(row: LogitRow) -> bool:
    """Whether they are logits of 24 bits."""
    return bool(len(row.logits) and (abs(row.logits) <= MAX_LOGIT).all())


HYPOTHESES: tuple[Hypothesis[LogitRow], ...] = (
    make_finite_hypothesis("logits"),
    Hypothesis("logits of 24 bits", is_logit_row),
    Hypothesis(
        f"1 to {MAX_VISIBLE_TOKENS:,} visible keys",
        lambda row: bool(1 <= row.visible.sum() <= MAX_VISIBLE_TOKENS),
    ),
)

STATEMENT = Statement(
    number="P-22",
    title="integer softmax against the softmax of the same logits",
    source="ours",
    hypotheses=HYPOTHESES,
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The roundings of many weights have both signs; the bound has them all alike.",
)
