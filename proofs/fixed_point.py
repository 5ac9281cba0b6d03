"""P-09: the quantised decision is the float decision unless the score is near the threshold.

Claim. Queries q and keys k in R^(H x d), steps s_q, s_k > 0, no element saturates. Rounded to whole
steps they are q' and k'. The mean score s = sum q.k / (H sqrt(d)) and s', the same of q' and k',
satisfy |s' - s| <= (s_q |k|_1 / 2 + s_k |q|_1 / 2 + H d s_q s_k / 4) / (H sqrt(d)) = margin. So
whenever |s - tau| > margin, both are on the same side of tau and decide alike; the accelerator's
integer comparison is exactly the one of s' with tau (`fastcar.reference.integer.fixed_point`).

Proof. e = q' - q and f = k' - k have no element above s_q / 2 and s_k / 2: that is the most that
rounding to nearest moves. q'.k' - q.k = e.k + q.f + e.f, and each product is at most the largest
element of one factor times the sum |.|_1 of the other. Positive q and k on ties, which round up,
attain all three at once. Cauchy-Schwarz has sqrt(H d) |k|_2 in place of |k|_1: never smaller.

Source: ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, get_maximum, is_ball_array, to_balls, to_float
from fastcar.proofs.attention import compute_root
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, choose_scale, quantize


@dataclass(frozen=True)
class QuantizedScore:
    """Query and aligned key of one token and how they become int16.

    Attributes:
        query: [H, d] float64.
        key: [H, d] float64.
        query_scale: s_q, value of one step.
        key_scale: s_k.
        threshold: tau, any number or +-inf; the margin does not depend on it.
    """

    query: Array
    key: Array
    query_scale: float
    key_scale: float
    threshold: float


def bound(
    query_sum: Scalar, key_sum: Scalar, query_scale: float, key_scale: float, shape: tuple[int, int]
) -> Scalar:
    """The margin: what quantisation can add to or take from the mean score.

    Args:
        query_sum: |q|_1 over all heads.
        key_sum: |k|_1.
        query_scale: s_q.
        key_scale: s_k.
        shape: (H, d).

    >>> bound(0.5, 0.5, 1.0, 1.0, (1, 1))
    0.75
    """
    num_heads, head_dim = shape
    number = type(query_sum)
    half_query, half_key = number(query_scale) / 2, number(key_scale) / 2
    both = num_heads * head_dim * half_query * half_key
    moved = half_query * key_sum + half_key * query_sum + both
    return moved / (num_heads * compute_root(head_dim, query_sum))


def compute_mean_score(query: Array, key: Array) -> Scalar:
    """Mean over the heads of <q, k> / sqrt(d), of queries and keys [H, d]."""
    num_heads, head_dim = query.shape
    total = (query * key).sum()
    return total / (num_heads * compute_root(head_dim, total))


def round_to_steps(x: Array, scale: float) -> Array:
    """Nearest whole numbers of steps, computed on floats and given in the arithmetic of x."""
    exact = np.array([to_float(element) for element in x.ravel()]).reshape(x.shape)
    steps = quantize(exact, scale).astype(np.float64)
    return to_balls(steps) if is_ball_array(x) else steps


def compute_sides(score: QuantizedScore) -> Sides:
    """What quantisation moved, and the margin."""
    exact = compute_mean_score(score.query, score.key)
    query = round_to_steps(score.query, score.query_scale)
    key = round_to_steps(score.key, score.key_scale)
    dequantized = compute_mean_score(query, key) * score.query_scale * score.key_scale
    query_sum, key_sum = abs(score.query).sum(), abs(score.key).sum()
    right = bound(query_sum, key_sum, score.query_scale, score.key_scale, score.query.shape)
    return Sides(abs(dequantized - exact), right, trivial=abs(dequantized) + abs(exact))


def compute_rounding(score: QuantizedScore) -> float:
    """With n = H d and A the mean score of |q| and |k|: s, n products divided twice, is off by
    (n + 4) u A. The integer products and their sum are below 2^53, hence exact; s' is off by
    6 u |s'| <= 6 u (A + margin). The difference, at most the margin, is rounded by u; the margin
    has positive terms only, with at most n + 10 operations each.
    """
    num_products = score.query.size
    magnitude = float(compute_mean_score(abs(score.query), abs(score.key)))
    margin = float(compute_sides(score).right)
    return UNIT_ROUNDOFF * ((num_products + 12) * magnitude + (num_products + 20) * margin)


def is_decision_safe(score: QuantizedScore) -> bool:
    """Whether |s - tau| certainly exceeds the margin, so that int16 decides as real numbers do."""
    found = STATEMENT.check(score)
    distance = abs(float(compute_mean_score(score.query, score.key)) - score.threshold)
    return bool(distance > (found.right + found.rounding) * (1 + 4 * UNIT_ROUNDOFF))


def draw(rng: np.random.Generator) -> QuantizedScore:
    """Few coarse steps or many fine ones; a threshold near the score."""
    shape = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    query, key = (rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 3) for _ in range(2))
    coarse = 10.0 ** rng.uniform(0, 4, 2)
    query_scale, key_scale = choose_scale(query) * coarse[0], choose_scale(key) * coarse[1]
    threshold = float(compute_mean_score(query, key)) * (1 + rng.standard_normal())
    return QuantizedScore(query, key, query_scale, key_scale, threshold)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> QuantizedScore:
    """Int16 with the scales of the largest elements, the threshold of the replay run."""
    token = draw_token(pair, rng)
    query, key = token.get_queries(token.token_index), token.get_aligned_keys()
    return QuantizedScore(query, key, choose_scale(query), choose_scale(key), pair.threshold)


def _is_unsaturated(score: QuantizedScore) -> bool:
    # Half a step is left; without a quarter, rounding could miss the largest element's own scale.
    sides = (score.query, score.query_scale), (score.key, score.key_scale)
    return all(bool(get_maximum(abs(x)) <= (MAX_ACTIVATION + 0.25) * scale) for x, scale in sides)


STATEMENT = Statement(
    number="P-09",
    title="quantised score against float score, hence where both decide alike",
    source="ours",
    hypotheses=(
        make_finite_hypothesis("query", "key"),
        Hypothesis(
            "scales finite and above 0",
            lambda score: 0 < score.query_scale < np.inf and 0 < score.key_scale < np.inf,
        ),
        Hypothesis("threshold a number", lambda score: not np.isnan(score.threshold)),
        Hypothesis("no element saturates", _is_unsaturated),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The rounding errors of many products have both signs; the margin has them all "
    "alike.",
)
