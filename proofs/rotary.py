"""P-11: what the score of the published code says, whose query is not yet rotated.

Claim. Let R_m be rotary embedding at position m >= 0: it turns pair (i, i + d / 2) of R^d, d even,
by the angle m theta_i, with any frequencies theta_i: rope_theta^(-2 i / d) or scaled ones. For a
query q before rotary, a key k after rotary and the published score s = <q, k> / sqrt(d):
|R_m q - k| <= sqrt(|q|^2 + |k|^2 - 2 sqrt(d) s) + 2 max_i |sin(m theta_i / 2)| |q|.

Proof. |R_m q - k| <= |q - k| + |R_m q - q|. The first is the root (P-02's identity for q as it is).
R_m q - q is, in every pair, the chord of the angle m theta_i: 2 |sin(m theta_i / 2)| times the norm
of the pair. Squares of pairs add up, so the whole is at most the largest factor times |q|. It is
attained where q turns in one plane and lies between k and R_m q.

In the paper's variant the score is taken after rotary on both sides. R_m is orthogonal, so it keeps
norms and P-02 holds with the norms before or after it: no second term. YaRN also multiplies cosines
and sines by an attention factor a; that is R_m of a q and a k, which are q and k here (D-34).

Source: ours; the published code is where the query is not rotated (D-01).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, get_maximum
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import (
    UNIT_ROUNDOFF,
    Hypothesis,
    Sides,
    Statement,
    make_finite_hypothesis,
)
from fastcar.proofs.temporal_attention_score import (
    compute_key_gap,
    compute_key_gap_rounding,
    compute_score,
)
from fastcar.reference.rotary import compute_frequencies


@dataclass(frozen=True)
class RotatedPair:
    """One head of a token as the published code scores it.

    Attributes:
        query: [d] float64 before rotary embedding, d even; a times it with an attention factor a.
        key: [d] float64 after rotary embedding.
        position: m, of the query, at least 0.
        frequencies: [d / 2] float64, radians per position.
    """

    query: Array
    key: Array
    position: int
    frequencies: Array


def bound(
    query_norm: Scalar, key_norm: Scalar, score: Scalar, largest_sine: Scalar, head_dim: int
) -> Scalar:
    """Largest distance of a rotated query and a key with that score before the rotation.

    Args:
        query_norm: |q|.
        key_norm: |k|.
        score: <q, k> / sqrt(d), q before rotary.
        largest_sine: max |sin(m theta_i / 2)|.
        head_dim: d.

    >>> bound(1.0, 1.0, 1.0, 0.0, head_dim=1), bound(1.0, 1.0, 1.0, 0.5, head_dim=1)
    (0.0, 1.0)
    """
    return compute_key_gap(query_norm, key_norm, score, head_dim) + 2 * largest_sine * query_norm


def compute_angles(position: int, frequencies: Array) -> Array:
    """[d / 2] angles m theta_i, in the arithmetic of the frequencies [d / 2]."""
    angles: Array = position * frequencies
    return angles


def rotate(x: Array, position: int, frequencies: Array) -> Array:
    """Rotary embedding of a vector [d], half-split as `fastcar.reference.rotary`."""
    angles = compute_angles(position, frequencies)
    cos, sin = np.cos(angles), np.sin(angles)
    half = len(x) // 2
    first, second = x[:half], x[half:]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin])


def compute_largest_sine(position: int, frequencies: Array) -> Scalar:
    """max_i |sin(m theta_i / 2)| in the arithmetic of the frequencies [d / 2]."""
    return get_maximum(abs(np.sin(compute_angles(position, frequencies) / 2)))


def compute_sides(pair: RotatedPair) -> Sides:
    """Distance of the rotated query and the key, and its bound."""
    query_norm, key_norm = compute_norm(pair.query), compute_norm(pair.key)
    right = bound(
        query_norm,
        key_norm,
        compute_score(pair.query, pair.key),
        compute_largest_sine(pair.position, pair.frequencies),
        len(pair.query),
    )
    left = compute_norm(rotate(pair.query, pair.position, pair.frequencies) - pair.key)
    return Sides(left, right, trivial=query_norm + key_norm)


def compute_rounding(pair: RotatedPair) -> float:
    """The root as for P-02. An angle a, half an angle too, is off by e = 2 u a. Sine and cosine are
    off by e + 4 u, and a pair of the rotated query by that and 4 u times its norm; |q| times the
    largest error, twice over for both sides. Norms, difference and sum: (2 d + 16) u (|q| + |k|).
    """
    query_norm, key_norm = float(compute_norm(pair.query)), float(compute_norm(pair.key))
    largest_angle = float(get_maximum(abs(compute_angles(pair.position, pair.frequencies))))
    rotation = 2 * (2 * largest_angle + 12) * query_norm
    norms = (2 * len(pair.query) + 16) * (query_norm + key_norm)
    return compute_key_gap_rounding(pair.query, pair.key) + UNIT_ROUNDOFF * (rotation + norms)


def draw(rng: np.random.Generator) -> RotatedPair:
    """Any scale and base, a query that turns; the key anywhere, near the query or near its turn."""
    head_dim, rope_theta = 2 * int(rng.integers(1, 5)), 10.0 ** rng.uniform(0, 6)
    position = int(10.0 ** rng.uniform(0, 4))
    query = 10.0 ** rng.uniform(-6, 6) * rng.standard_normal(head_dim)
    frequencies = rope_theta ** -(np.arange(0, head_dim, 2) / head_dim)
    turned = rotate(query, position, frequencies)
    centre = (0 * query, query, turned, 1.5 * query - 0.5 * turned)[rng.integers(4)]
    gap = 10.0 ** rng.uniform(-7, 0.5) * np.abs(query).max() * rng.standard_normal(head_dim)
    return RotatedPair(query, centre + gap, position, frequencies)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> RotatedPair:
    """Query of j before rotary embedding, key of j- after it."""
    token = draw_token(pair, rng)
    plain = token.run.plain_queries[token.layer_index, token.row_index, token.token_index]
    key = token.get_aligned_keys()[token.head_index]
    frequencies = compute_frequencies(pair.given.config)
    return RotatedPair(plain[token.head_index], key, token.entry, frequencies)


STATEMENT = Statement(
    number="P-11",
    title="distance of a rotated query and a key scored before the rotation",
    source="ours",
    hypotheses=(
        make_finite_hypothesis("query", "key", "frequencies"),
        Hypothesis(
            "even head dimension", lambda pair: len(pair.query) >= 2 and len(pair.query) % 2 == 0
        ),
        Hypothesis("position of at least 0", lambda pair: pair.position >= 0),
        Hypothesis(
            "a frequency per pair", lambda pair: 2 * len(pair.frequencies) == len(pair.query)
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The rotation term takes the chord of the pair that turns most for every pair, "
    "and the two terms of the sum have directions of their own.",
)
