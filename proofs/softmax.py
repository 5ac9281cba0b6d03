"""P-01: how far two softmax distributions can be apart.

Claim. For logits x, y in R^n: TV(softmax x, softmax y) <= tanh(osc(x - y) / 4), where
TV(p, p') = sum |p_i - p'_i| / 2 and osc(z) = max z - min z.

Proof. Let p = softmax x, p' = softmax y. p_i / p'_i = c exp(x_i - y_i), so all these ratios lie in
some [e^a, e^b] with b - a = osc(x - y). Let A = {i : p_i > p'_i}; TV = p(A) - p'(A). The odds of A
under p and p' differ by the factor (p(A) / p'(A)) (p'(not A) / p(not A)) <= e^b e^-a = e^osc. So
with the logistic function S, p(A) = S(t + w / 2) and p'(A) = S(t - w / 2) with w <= osc, and
S(t + w / 2) - S(t - w / 2) is largest at t = 0, where it is tanh(w / 4). Two keys with logits
(w / 2, 0), (0, w / 2) attain it.

Source: ours; the paper's theorem on attention needs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import (
    Array,
    Scalar,
    compute_oscillation,
    compute_softmax,
    get_maximum,
    tanh,
)
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import UNIT_ROUNDOFF, Sides, Statement, make_finite_hypothesis


@dataclass(frozen=True)
class LogitPair:
    """Logits of two tokens over the same keys.

    Attributes:
        x: [n] float64, n >= 1.
        y: [n] float64.
    """

    x: Array
    y: Array


def bound(oscillation: Scalar) -> Scalar:
    """Largest total variation of two softmax distributions whose logits differ by that much.

    Args:
        oscillation: osc(x - y) >= 0.

    >>> bound(0.0), round(bound(4.0), 4)
    (0.0, 0.7616)
    """
    return tanh(oscillation / 4)


def compute_total_variation(x: Array, y: Array) -> Scalar:
    """TV(softmax x, softmax y) of logits [n]."""
    return abs(compute_softmax(x) - compute_softmax(y)).sum() / 2


def compute_sides(pair: LogitPair) -> Sides:
    """Total variation and its bound."""
    oscillation = compute_oscillation(pair.x - pair.y)
    return Sides(compute_total_variation(pair.x, pair.y), bound(oscillation), trivial=1.0)


def compute_rounding(pair: LogitPair) -> float:
    """Left: t = max x - x_i is rounded by u t, which moves e^-t by u t e^-t <= u / e; the function
    itself, the sum of n terms and the quotient add at most (n + 4) u p_i, so each distribution is
    off by at most (n + n + 4) u and their distance by that. Right: x_i - y_i is rounded by
    u |x_i - y_i|, the oscillation by three times the largest of these, tanh by itself; tanh(z / 4)
    moves by at most a quarter of that.
    """
    largest = float(get_maximum(abs(pair.x - pair.y)))
    return UNIT_ROUNDOFF * (2 * len(pair.x) + 6 + largest)


def draw(rng: np.random.Generator) -> LogitPair:
    """Logits of any size, independent or nearly equal."""
    num_keys = int(rng.integers(1, 9))
    x = rng.standard_normal(num_keys) * 10.0 ** rng.uniform(-3, 2)
    gap = rng.standard_normal(num_keys) * 10.0 ** rng.uniform(-6, 1.5)
    return LogitPair(x, x + gap)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> LogitPair:
    """Logits of j and j- over the keys that both see."""
    token = draw_token(pair, rng)
    keys = token.get_keys()[token.key_head_index, : token.aligned_entry + 1]
    scale = float(np.sqrt(keys.shape[1]))
    x, y = (keys @ token.get_query(index) / scale for index in token.indices)
    return LogitPair(x, y)


STATEMENT = Statement(
    number="P-01",
    title="total variation of two softmax distributions",
    source="ours",
    hypotheses=(make_finite_hypothesis("x", "y"),),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
)
