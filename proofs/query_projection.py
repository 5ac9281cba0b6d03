"""P-14: how far a token's query is from its own key; one reading of the paper's gamma M.

Claim. A token with normalised input n in R^D has in one head the query q = R W_Q n and the key
k = R W_K n, with projections W_Q, W_K [d, D] and the rotary embedding R of its position. Then
|q - k| <= gamma M with gamma = |W_Q - W_K| (spectral norm) and M = |n| <= sqrt(D) max |g|, g the
gain of the norm before attention.

Proof. q - k = R (W_Q - W_K) n. R is orthogonal and the same for both, the position being the same,
so |q - k| = |(W_Q - W_K) n| <= |W_Q - W_K| |n|; equality for n along the leading right singular
vector. n_i = g_i x_i / sqrt(|x|^2 / D + eps), so |n| <= max |g| |x| / sqrt(|x|^2 / D)
= sqrt(D) max |g|. YaRN's attention factor, where a model has one, is in W_Q and W_K (D-34).

What it is for. P-02 bounds |q_j - q_{j-}| by a term of the score and |q_{j-} - k_{j-}|, which no
score of token j knows. Our sources do not say what the paper's gamma and M stand for. Two readings
(D-20):

A. gamma = |W_Q - W_K|, M the norm of the input: the bound above. It covers the self-score term of
   P-02 and says nothing about the fresh keys, which token j sees and token j- does not.
B. gamma = attention mass of the fresh keys, M = norm of the values: the term of P-04. It covers the
   causal mask and says nothing about |q_{j-} - k_{j-}|.

Neither reading alone bounds attention (`fastcar.proofs.counterexamples.query_projection`); P-15
needs both terms.

Source: the term is the paper's (arXiv:2505.14709v1, theorem on attention), both readings are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, get_maximum
from fastcar.proofs.attention import compute_root
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.spectral_norm import compute_error, compute_gamma, compute_spectral_norm
from fastcar.proofs.statement import Sides, Statement, make_finite_hypothesis
from fastcar.reference.rms_norm import compute_rms_norm


@dataclass(frozen=True)
class HeadProjections:
    """One head's projections and the input of one token.

    Attributes:
        q_proj: [d, D] float64.
        k_proj: [d, D] float64, of the key head that this query head reads.
        normed: [D] float64, output of the norm before attention.
    """

    q_proj: Array
    k_proj: Array
    normed: Array


def bound(projection_gap: Scalar, normed_norm: Scalar) -> Scalar:
    """Largest distance of a token's query from its own key, gamma M.

    Args:
        projection_gap: |W_Q - W_K|.
        normed_norm: |n|, or a limit on it.

    >>> bound(0.5, 2.0)
    1.0
    """
    return projection_gap * normed_norm


def compute_normed_limit(gain: Array) -> Scalar:
    """sqrt(D) max |g|: no output of an RMS norm with gain [D] is longer.

    >>> compute_normed_limit(np.array([1.0, -2.0, 0.5, 1.0]))
    4.0
    """
    largest = get_maximum(abs(gain))
    return compute_root(len(gain), largest) * largest


def compute_sides(heads: HeadProjections) -> Sides:
    """Distance of query and key (before rotary embedding, which keeps it) and its bound.

    Without the statement the distance is at most the sum of both norms.
    """
    query, key = heads.q_proj @ heads.normed, heads.k_proj @ heads.normed  # [d]
    gap = compute_spectral_norm(heads.q_proj - heads.k_proj)
    right = bound(gap, compute_norm(heads.normed))
    trivial = compute_norm(query) + compute_norm(key)
    return Sides(compute_norm(query - key), right, is_right_exact=False, trivial=trivial)


def compute_rounding(heads: HeadProjections) -> float:
    """Left: an element of W n is off by gamma_D |w| |n|, w its row, so query and key are off by
    gamma_D |W|_F |n| each; subtraction and norm add a factor 1 + (d + 6) u of at most
    (|W_Q|_F + |W_K|_F) |n|. Right: W_Q - W_K is off by u |W_Q - W_K|_F, its singular value by what
    `compute_error` proves, |n| and the product by the factor 1 + (D + 7) u.
    """
    head_dim, width = heads.q_proj.shape
    difference = heads.q_proj - heads.k_proj
    size = float(compute_norm(heads.q_proj) + compute_norm(heads.k_proj))
    relative = compute_gamma(2 * width + head_dim + 16) * size
    return float(compute_norm(heads.normed)) * (relative + compute_error(difference)) * (1 + 1e-12)


def draw(rng: np.random.Generator) -> HeadProjections:
    """Projections at any scale, independent or nearly equal; the input of any direction."""
    head_dim, width = int(rng.integers(1, 5)), int(rng.integers(1, 7))
    scale = 10.0 ** rng.uniform(-3, 3)
    q_proj = scale * rng.standard_normal((head_dim, width))
    change = scale * 10.0 ** rng.uniform(-6, 1) * rng.standard_normal((head_dim, width))
    normed = 10.0 ** rng.uniform(-3, 3) * rng.standard_normal(width)
    return HeadProjections(q_proj, q_proj + change, normed)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> HeadProjections:
    """Projections of one head, and the normalised input of attention."""
    token = draw_token(pair, rng)
    width = pair.given.config.head_dim
    query_rows = slice(token.head_index * width, (token.head_index + 1) * width)
    key_rows = slice(token.key_head_index * width, (token.key_head_index + 1) * width)
    x = token.run.layer_inputs[token.layer_index, token.row_index, token.token_index]
    normed = compute_rms_norm(x, token.layer.attention_norm, token.eps)
    return HeadProjections(token.layer.q_proj[query_rows], token.layer.k_proj[key_rows], normed)


STATEMENT = Statement(
    number="P-14",
    title="query of a token and its own key",
    source="ours",
    hypotheses=(make_finite_hypothesis("q_proj", "k_proj", "normed"),),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="Real inputs are no leading singular vector of the difference of the projections.",
)
