"""P-13: how far apart the outputs of the attention block of two tokens are, all heads together.

Claim. The H heads' contexts in R^d are concatenated and projected by W_O [D, H d]; query head h
reads key head h // (H / H_kv). With c and c' the concatenated contexts of j and j-, W_O,h the d
columns of W_O that read head h, and b_h the bound of P-04 for head h:
|W_O c - W_O c'| <= min(|W_O| sqrt(sum of b_h^2), sum of |W_O,h| b_h), spectral norms.

Proof. Let a_h be the distance of the contexts of head h; a_h <= b_h by P-04, applied with the key
head that head h reads. |c - c'|^2 is the sum of a_h^2, which gives the first form. W_O (c - c') is
the sum of W_O,h (c_h - c'_h), which gives the second by the triangle inequality. Neither form is
below the other: the first is attained where W_O is an isometry, the second where all heads are
projected onto one line and differ in size.

Source: the idea behind the theorem is the paper's (arXiv:2505.14709v1), the statement is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs import attention, causal_attention
from fastcar.proofs.aligned_token import AlignedToken, draw_token
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, minimum
from fastcar.proofs.causal_attention import CausalPair
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.spectral_norm import compute_error, compute_gamma, compute_spectral_norm
from fastcar.proofs.statement import Hypothesis, Sides, Statement, make_finite_hypothesis


@dataclass(frozen=True)
class BlockPair:
    """The attention block of one layer for two tokens, the later of which sees more keys.

    Attributes:
        queries: [H, d] float64, of j, after rotary embedding.
        other_queries: [H, d] float64, of j-.
        keys: [H_kv, n, d] float64, all that j sees, those that j- sees first.
        values: [H_kv, n, d] float64.
        o_proj: [D, H * d] float64.
        num_shared: keys that both see, 1 to n.
    """

    queries: Array
    other_queries: Array
    keys: Array
    values: Array
    o_proj: Array
    num_shared: int


def bound(head_gaps: Array, output_norm: Scalar, head_norms: Array) -> Scalar:
    """Largest distance of the projected contexts.

    Args:
        head_gaps: [H], bound on the distance of the contexts of every head.
        output_norm: |W_O|.
        head_norms: [H], |W_O,h|.

    >>> bound(np.array([3.0, 4.0]), 1.0, np.ones(2))
    5.0
    """
    together = output_norm * compute_norm(head_gaps)
    return minimum(together, (head_norms * head_gaps).sum())


def compute_output_norms(o_proj: Array, num_heads: int) -> tuple[Scalar, Array]:
    """|W_O| and [H] |W_O,h| of an output projection [D, H * d]."""
    parts = np.split(o_proj, num_heads, axis=1)
    norms = np.array([compute_spectral_norm(part) for part in parts], dtype=o_proj.dtype)
    return compute_spectral_norm(o_proj), norms


def get_key_head_index(head_index: int, num_heads: int, num_key_heads: int) -> int:
    """Key head that a query head reads.

    >>> [get_key_head_index(head_index, 4, 2) for head_index in range(4)]
    [0, 0, 1, 1]
    """
    return head_index // (num_heads // num_key_heads)


def get_heads(pair: BlockPair) -> list[CausalPair]:
    """Every query head with the keys and values that it reads."""
    heads = []
    for index, query in enumerate(pair.queries):
        source = get_key_head_index(index, len(pair.queries), len(pair.keys))
        keys, values = pair.keys[source], pair.values[source]
        heads.append(CausalPair(query, pair.other_queries[index], keys, values, pair.num_shared))
    return heads


def compute_outputs(pair: BlockPair) -> tuple[Array, Array]:
    """What the block adds to the residual stream of j and of j-, [D] each."""
    contexts, others = [], []
    for head in get_heads(pair):
        shared = slice(head.num_shared)
        contexts.append(attention.compute_head(head.query, head.keys, head.values))
        other = attention.compute_head(head.other_query, head.keys[shared], head.values[shared])
        others.append(other)
    return pair.o_proj @ np.concatenate(contexts), pair.o_proj @ np.concatenate(others)


def compute_head_gaps(pair: BlockPair) -> Array:
    """[H], b_h of P-04."""
    gaps = [causal_attention.compute_sides(head).right for head in get_heads(pair)]
    return np.array(gaps, dtype=pair.o_proj.dtype)


def compute_sides(pair: BlockPair) -> Sides:
    """Distance of the outputs and its bound.

    Without the statement the distance is at most the sum of both norms. That needs both outputs,
    but relates nothing to anything, and it is never above the a priori limit
    2 |W_O| sqrt(sum of M_V^2): a bound that beats it says something.
    """
    output_norm, head_norms = compute_output_norms(pair.o_proj, len(pair.queries))
    right = bound(compute_head_gaps(pair), output_norm, head_norms)
    output, other = compute_outputs(pair)
    trivial = compute_norm(output) + compute_norm(other)
    return Sides(compute_norm(output - other), right, is_right_exact=False, trivial=trivial)


def compute_rounding(pair: BlockPair) -> float:
    """P-04's rounding r_h contains the errors of both contexts and of b_h. Left: contexts off by
    r_h in all, so outputs by |W_O|_F sum r_h; their products add gamma_{H d} |W_O|_F (|c| + |c'|),
    subtraction and norm a factor 1 + (D + 6) u. Right: b_h is off by r_h, a spectral norm by
    what `compute_error` proves (times at most sum b_h), norm, products and sum by 1 + (2 H + 8) u.
    Both of |c| + |c'| and sum b_h are at most sum 2 M_V.
    """
    rows, columns = pair.o_proj.shape
    heads = get_heads(pair)
    rounding = sum(causal_attention.compute_rounding(head) for head in heads)
    reach = sum(compute_reach(head.values) for head in heads)
    norm = float(compute_norm(pair.o_proj))
    relative = compute_gamma(2 * rows + 2 * columns + 30) * norm
    return 2 * norm * rounding + (relative + compute_output_error(pair)) * reach


def compute_reach(values: Array) -> float:
    """2 M_V: largest distance of two contexts over these values [n, d]."""
    return 2 * max(float(compute_norm(value)) for value in values)


def compute_output_error(pair: BlockPair) -> float:
    """Limit on the float64 error of |W_O| and of every |W_O,h|."""
    return max(map(compute_error, [pair.o_proj, *np.split(pair.o_proj, len(pair.queries), axis=1)]))


def draw(rng: np.random.Generator) -> BlockPair:
    """Up to four heads, six keys and any scale; queries independent or nearly equal."""
    num_key_heads, num_groups = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    num_keys, head_dim = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    num_heads = num_key_heads * num_groups
    key_scale = 10.0 ** rng.uniform(-3, 3)
    query_scale = 10.0 ** rng.uniform(-2, 1) / key_scale
    queries = query_scale * rng.standard_normal((num_heads, head_dim))
    gap = query_scale * 10.0 ** rng.uniform(-6, 1) * rng.standard_normal(queries.shape)
    keys = key_scale * rng.standard_normal((num_key_heads, num_keys, head_dim))
    values = 10.0 ** rng.uniform(-3, 3) * rng.standard_normal(keys.shape)
    o_proj = 10.0 ** rng.uniform(-3, 3) * rng.standard_normal((rng.integers(1, 5), queries.size))
    num_shared = int(rng.integers(max(1, num_keys - 2), num_keys + 1))
    return BlockPair(queries, queries + gap, keys, values, o_proj, num_shared)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> BlockPair:
    """All heads of j and j- and the output projection."""
    return get_block(draw_token(pair, rng))


def get_block(token: AlignedToken) -> BlockPair:
    """The attention block of a token."""
    queries, others = (token.get_queries(index) for index in token.indices)
    keys, values, o_proj = token.get_keys(), token.get_values(), token.layer.o_proj
    return BlockPair(queries, others, keys, values, o_proj, token.aligned_entry + 1)


STATEMENT = Statement(
    number="P-13",
    title="attention block of two tokens, all heads projected",
    source="ours",
    hypotheses=(
        make_finite_hypothesis("queries", "other_queries", "keys", "values", "o_proj"),
        Hypothesis(
            "at least one shared key", lambda pair: 1 <= pair.num_shared <= pair.keys.shape[1]
        ),
        Hypothesis(
            "as many query heads for every key head",
            lambda pair: len(pair.queries) % len(pair.keys) == 0,
        ),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The loss of P-04 in every head, and the heads' differences are no leading "
    "singular vector of the output projection.",
)
