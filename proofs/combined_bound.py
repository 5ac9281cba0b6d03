"""P-15: the paper's combined theorem with explicit constants: TAS to the distance of MLP outputs.

Claim. In one layer let x be the residual stream before attention, h = x + W_O c after it (c the
contexts of all heads), Y = MLP(norm(h)), for token j and its aligned token j-; k is the key of j-,
the last that both see; per head s = <q_j, k> / sqrt(d) is the Temporal Attention Score (TAS),
s' = <q_{j-}, k> / sqrt(d) the self score, rho the attention mass of j on the fresh keys. Then

    |Y_j - Y_{j-}| <= Lambda (|x_j - x_{j-}| + A),  Lambda = (constant of P-07) max|g| / r of P-06,

where A is the bound of P-13 on the attention block for the heads' bounds b_h, those of P-04 with
|q_j - q_{j-}| replaced by w_h: what P-02 knows of it from norms, score and self score, the sum of
its two terms. The true query gap does not enter.

Proof. w_h >= |q_j - q_{j-}| (P-02) and P-04 rises with the query gap, so the contexts of head h
differ by at most b_h and the outputs of the attention block by at most A (P-13). The residual
connection adds |x_j - x_{j-}|; P-06 and then P-07 carry |h_j - h_{j-}| through norm and MLP.

The paper's form. tanh t <= t and the triangle inequality over the heads split A into three parts
(`compute_parts`), each a norm over the heads, with C_h = M_V diam(K) / (2 sqrt(d)):

    A <= |W_O| (norm of C_h |q_j - k| + norm of C_h |q_{j-} - k| + norm of 2 M_V rho).

In the paper's normalised regime, |q_j|^2 = |k|^2 = sqrt(d), the first is C_h d^(1/4) sqrt(2) times
its sqrt(1 - s); thresholds outside [-1, 1], as the paper's -8, show a model outside that regime.
Its gamma M has to cover the other two: readings A and B of P-14.

Source: the theorem is the paper's (arXiv:2505.14709v1); the constants and the last part are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastcar.proofs import causal_attention, multi_head_attention, swiglu
from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.arithmetic import Scalar, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.attention import compute_diameter, compute_root
from fastcar.proofs.combined_layer import LayerPair as LayerPair
from fastcar.proofs.combined_layer import (
    compute_attention_gap,
    compute_lipschitz,
    compute_mlp_pair,
    compute_query_gaps,
    get_layer_pair,
)
from fastcar.proofs.combined_rounding import compute_combined_rounding
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.multi_head_attention import BlockPair, compute_output_norms, get_heads
from fastcar.proofs.statement import Hypothesis, Sides, Statement, make_finite_hypothesis


@dataclass(frozen=True)
class Parts:
    """The bound in the paper's form, Lambda (residual + score + self score + fresh mass).

    Attributes:
        lipschitz: Lambda.
        residual: |x_j - x_{j-}|.
        score: part of the scores, the paper's sqrt(1 - s).
        self_score: part of the self scores, reading A of the paper's gamma M.
        fresh_mass: part of the keys that only j sees, reading B.
    """

    lipschitz: Scalar
    residual: Scalar
    score: Scalar
    self_score: Scalar
    fresh_mass: Scalar

    @property
    def total(self) -> Scalar:
        """The whole bound; never below that of `compute_sides`."""
        return self.lipschitz * (self.residual + self.score + self.self_score + self.fresh_mass)


def bound(lipschitz: Scalar, residual_gap: Scalar, attention_gap: Scalar) -> Scalar:
    """Largest distance of the MLP outputs.

    Args:
        lipschitz: Lambda.
        residual_gap: |x_j - x_{j-}|.
        attention_gap: A.

    >>> bound(2.0, 0.5, 1.0)
    3.0
    """
    return lipschitz * (residual_gap + attention_gap)


def compute_parts(pair: LayerPair) -> Parts:
    """What the bound consists of."""
    heads, columns = get_heads(pair.block), []
    for head in heads:
        value_norm = get_maximum(compute_row_norms(head.values))
        diameter = compute_diameter(head.keys[: head.num_shared])
        slope = value_norm * diameter / (2 * compute_root(len(head.query), value_norm))
        mass = causal_attention.compute_fresh_mass(head.query, head.keys, head.num_shared)
        own, other = compute_query_gaps(head)
        columns.append([slope * own, slope * other, 2 * value_norm * mass])
    output_norm = compute_output_norms(pair.block.o_proj, len(heads))[0]
    parts = output_norm * compute_row_norms(np.array(columns).T)
    residual = compute_norm(pair.residual - pair.other_residual)
    return Parts(compute_lipschitz(pair), residual, *parts)


def compute_sides(pair: LayerPair) -> Sides:
    """Distance of the MLP outputs and its bound; trivial: the sum of their norms."""
    mlp_sides = swiglu.compute_sides(compute_mlp_pair(pair))
    residual_gap = compute_norm(pair.residual - pair.other_residual)
    right = bound(compute_lipschitz(pair), residual_gap, compute_attention_gap(pair.block))
    return Sides(mlp_sides.left, right, is_right_exact=False, trivial=mlp_sides.trivial)


def draw(rng: np.random.Generator) -> LayerPair:
    """A block as for P-13, its queries often near the aligned key, and an MLP of any size."""
    block = multi_head_attention.draw(rng)
    keys = np.repeat(block.keys, len(block.queries) // len(block.keys), axis=0)
    aligned, near = keys[:, block.num_shared - 1], 10.0 ** rng.uniform(-4, 1)
    if rng.integers(2):
        size = float(np.abs(aligned).max())
        query, other = aligned + near * size * rng.standard_normal((2, *aligned.shape))
        block = replace(block, queries=query, other_queries=other)
    width, inner = len(block.o_proj), int(rng.integers(1, 4))
    output = compute_norm(multi_head_attention.compute_outputs(block)[0])
    residual = output * 10.0 ** rng.uniform(-1, 2) * rng.standard_normal(width)
    gap = output * 10.0 ** rng.uniform(-6, 0) * rng.standard_normal(width)
    gate_proj, up_proj = 10.0 ** rng.uniform(-1, 1) * rng.standard_normal((2, inner, width))
    down_proj = 10.0 ** rng.uniform(-2, 2) * rng.standard_normal((width, inner))
    gain, eps = rng.uniform(0.5, 1.5, width), float(10.0 ** rng.uniform(-8, 2))
    return LayerPair(block, residual, residual + gap, gate_proj, up_proj, down_proj, gain, eps)


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> LayerPair:
    """A whole layer, its residual streams included."""
    return get_layer_pair(draw_token(pair, rng))


def _make_block_hypothesis(hypothesis: Hypothesis[BlockPair]) -> Hypothesis[LayerPair]:
    return Hypothesis(hypothesis.name, lambda pair: hypothesis.holds(pair.block))


STATEMENT = Statement(
    number="P-15",
    title="MLP outputs of aligned tokens, from scores and weights",
    source="paper",
    hypotheses=(
        make_finite_hypothesis(
            "residual", "other_residual", "gate_proj", "up_proj", "down_proj", "gain"
        ),
        Hypothesis[LayerPair]("eps > 0", lambda pair: pair.eps > 0),
        *map(_make_block_hypothesis, multi_head_attention.STATEMENT.hypotheses),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_combined_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    looseness="The losses of P-02, P-04, P-13, P-06 and P-07 multiply.",
)
