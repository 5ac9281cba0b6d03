"""P-15 needs both readings of gamma M, and the paper's 1 - s needs normalised queries and keys."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs import causal_attention
from fastcar.proofs.arithmetic import Array
from fastcar.proofs.attention import compute_diameter
from fastcar.proofs.combined_bound import LayerPair, bound, compute_sides
from fastcar.proofs.combined_layer import compute_attention_gap, compute_lipschitz
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.multi_head_attention import BlockPair

LAYER = "D = d = H = 1, x_j = x_{j-} = 1, W_O = 0.01, MLP 100 silu(2.4 n) n, n almost h"


def get_counterexamples() -> list[Counterexample]:
    """Reading A alone, reading B alone, and the normalised form outside its regime twice."""
    return [
        _get_reading_a_alone(),
        _get_reading_b_alone(),
        _get_unnormalised(1.0, 2.0, 0.5, "q_j = 2, aligned key 0.5"),
        _get_unnormalised(-8.0, -8.0, 1.0, "q_j = -8, aligned key 1"),
    ]


def make_layer(query: float, other_query: float, keys: Array, num_shared: int) -> LayerPair:
    """One head of width 1, values 1 and -1; an MLP that attains P-06 and P-07 for small gaps.

    Args:
        query: of j.
        other_query: of j-.
        keys: [2], the last shared one is that of j-.
        num_shared: 1 or 2.
    """
    values = np.array([[[1.0], [-1.0]]])
    block = BlockPair(
        np.array([[query]]),
        np.array([[other_query]]),
        keys[None, :, None],
        values,
        np.array([[0.01]]),
        num_shared,
    )
    residual, one = np.ones(1), np.ones((1, 1))
    return LayerPair(
        block, residual, residual, 2.4 * one, one, 100 * one, np.array([100.0]), eps=1e4
    )


def _get_reading_a_alone() -> Counterexample:
    pair = make_layer(1.0, 1.0, np.array([1.0, 1.0]), num_shared=1)
    block = pair.block
    without_fresh = replace(block, keys=block.keys[:, :1], values=block.values[:, :1])
    return Counterexample(
        "P-15",
        "fresh mass (reading A alone)",
        f"{LAYER}, both queries 1, keys 1 and 1, values 1 and -1, one key fresh",
        left=compute_sides(pair).left,
        right=bound(compute_lipschitz(pair), 0.0, compute_attention_gap(without_fresh)),
    )


def _get_reading_b_alone() -> Counterexample:
    pair = make_layer(1.0, -1.0, np.array([-1.0, 1.0]), num_shared=2)
    perfect_self_score = replace(pair.block, other_queries=np.array([[1.0]]))
    return Counterexample(
        "P-15",
        "self-score term (reading B alone)",
        f"{LAYER}, queries 1 and -1, keys -1 and 1, values 1 and -1, no fresh key",
        left=compute_sides(pair).left,
        right=bound(compute_lipschitz(pair), 0.0, compute_attention_gap(perfect_self_score)),
    )


def _get_unnormalised(score: float, query: float, key: float, words: str) -> Counterexample:
    """d^(1/4) sqrt(2 (1 - s)) in the place of |q_j - k|; q_{j-} = k, so that its term is 0."""
    pair = make_layer(query, key, np.array([key - 0.1, key]), num_shared=2)
    normalised_gap = float(np.sqrt(2 * (1 - score)))
    diameter = compute_diameter(pair.block.keys[0])
    gap = 0.01 * causal_attention.bound(normalised_gap, diameter, 1, 1.0, fresh_mass=0.0)
    return Counterexample(
        "P-15",
        f"normalised queries and keys: 1 - s at s = {score:g}",
        f"{LAYER}, {words} with value -1, q_{{j-}} = that key, another 0.1 below with value 1",
        left=compute_sides(pair).left,
        right=bound(compute_lipschitz(pair), 0.0, gap),
    )
