"""P-13 needs the key head of the right group, all heads together and the whole projection."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.proofs.arithmetic import Array
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.multi_head_attention import (
    BlockPair,
    bound,
    compute_head_gaps,
    compute_output_norms,
    compute_sides,
)


def get_counterexamples() -> list[Counterexample]:
    """Interleaved groups, the mean over heads, and the largest head's projection for the whole."""
    return [_get_wrong_group(), _get_mean(), _get_largest_head()]


def _get_wrong_group() -> Counterexample:
    """Only query head 2 moves; it reads key head 1, head 2 % 2 would be the constant key head 0."""
    queries = np.array([[0.0], [0.0], [1.0], [0.0]])
    axis = np.array([[1.0], [-1.0]])
    keys = np.stack([np.zeros_like(axis), axis])
    pair = BlockPair(queries, -queries, keys, keys, np.eye(4), num_shared=2)
    interleaved = pair.keys[[0, 1, 0, 1]]  # query head h reads key head h % 2
    wrong = replace(pair, keys=interleaved, values=interleaved)
    return Counterexample(
        "P-13",
        "key head h // (H / H_kv): h % H_kv in its place",
        "H = 4, H_kv = 2, d = 1, keys = values (0, 0) and (1, -1), head 2 has queries 1 and -1",
        left=compute_sides(pair).left,
        right=compute_sides(wrong).right,
    )


def _make_equal_heads(o_proj: Array) -> BlockPair:
    """Heads that all attain the bound of P-04."""
    num_heads = o_proj.shape[1]
    queries = np.ones((num_heads, 1))
    axis = np.array([[[1.0], [-1.0]]])
    return BlockPair(queries, -queries, axis, axis, o_proj, num_shared=2)


def _get_mean() -> Counterexample:
    pair = _make_equal_heads(np.eye(2))
    gaps = compute_head_gaps(pair)
    return Counterexample(
        "P-13",
        "root of the sum over heads of b_h^2: the mean of b_h in its place",
        "H = 2, H_kv = 1, d = 1, W_O = I, queries 1 and -1, keys = values 1 and -1",
        left=compute_sides(pair).left,
        right=compute_output_norms(pair.o_proj, 2)[0] * gaps.mean(),
    )


def _get_largest_head() -> Counterexample:
    pair = _make_equal_heads(np.ones((1, 2)))
    norms = compute_output_norms(pair.o_proj, 2)[1]
    return Counterexample(
        "P-13",
        "norm of the whole W_O: the largest |W_O,h| in its place",
        "H = 2, H_kv = 1, d = 1, W_O = (1 1), queries 1 and -1, keys = values 1 and -1",
        left=compute_sides(pair).left,
        right=bound(compute_head_gaps(pair), norms.max(), norms),
    )
