"""Attention of one layer on integers, with its frozen constants.

The order is that of the instructions in docs/accelerator.md, section 7 (D-46): norm, three
products, ROPE, keys and values to the cache, scores and softmax, context, output product, sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Int8Array, Int16Array, Int64Array
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import check_scale
from fastcar.reference.integer.layer import IntegerMatrix, check_accumulators
from fastcar.reference.integer.units import compute_integer_rms_norm
from fastcar.reference.integer.whole.cache import VisibleRuns
from fastcar.reference.integer.whole.context import compute_context
from fastcar.reference.integer.whole.rotary import IntegerRotaryTable, narrow
from fastcar.reference.integer.whole.scores import (
    check_logit_range,
    compute_logits,
    compute_score_accumulators,
)
from fastcar.reference.integer.whole.softmax import compute_softmax_words


@dataclass(frozen=True)
class AttentionScales:
    """Value of one step of each quantity of an attention layer.

    Attributes:
        query: [H, d / 2], s_q = c / s_k of head and rotary pair.
        key: [H_kv, d / 2], s_k of the cached key.
        value: [H_kv], s_v of the cached value.
        product: c, of every product of query and key in the layer.
    """

    query: NDArray[np.float64]
    key: NDArray[np.float64]
    value: NDArray[np.float64]
    product: float

    def __post_init__(self) -> None:
        check_scale("scale of product", self.product)
        for name in ("query", "key", "value"):
            for scale in getattr(self, name).ravel():
                check_scale(f"scale of {name}", float(scale))


@dataclass(frozen=True)
class Projected:
    """What the products of one token give, after ROPE.

    Attributes:
        query: [R, H, d] int16.
        key: [R, H_kv, d] int8.
        value: [R, H_kv, d] int8.
    """

    query: Int16Array
    key: Int8Array
    value: Int8Array


@dataclass(frozen=True)
class IntegerAttention:
    """Frozen integer constants of one layer's attention.

    Attributes:
        gains: [D] int16, G of the attention norm.
        epsilon: E, at least 1.
        q_proj: [H d, D].
        k_proj: [H_kv d, D].
        v_proj: [H_kv d, D].
        o_proj: [D, H d]; its columns hold the scales of the values.
        logit_multiplier: uint16.
        logit_shift: 0 .. 47.
        scales: value of one step; query and value have H and H_kv heads.
    """

    gains: Int16Array
    epsilon: int
    q_proj: IntegerMatrix
    k_proj: IntegerMatrix
    v_proj: IntegerMatrix
    o_proj: IntegerMatrix
    logit_multiplier: int
    logit_shift: int
    scales: AttentionScales

    def __post_init__(self) -> None:
        width, (num_heads, pairs) = len(self.gains), self.scales.query.shape
        query_size, key_size = 2 * num_heads * pairs, 2 * self.scales.key.size
        for name, shape in (
            ("q_proj", (query_size, width)),
            ("k_proj", (key_size, width)),
            ("v_proj", (key_size, width)),
            ("o_proj", (width, query_size)),
        ):
            found = getattr(self, name).weights.shape
            if found != shape:
                raise ArgumentError(name, found, f"of shape {shape}")
        check_accumulators(width, query_size, query_size, self.epsilon)
        check_logit_range("logits", self.head_dim, self.logit_multiplier, self.logit_shift)

    @property
    def head_dim(self) -> int:
        """d."""
        return 2 * int(self.scales.query.shape[1])

    def project(
        self, x: Int16Array, rotary: IntegerRotaryTable, positions: Int64Array
    ) -> Projected:
        """NORM, three GEMV and ROPE of rows [R, D] of the residual stream at their positions."""
        normed = compute_integer_rms_norm(x, self.gains, self.epsilon)
        heads = len(x), -1, self.head_dim
        query = self.q_proj.run(normed).reshape(heads)
        key = self.k_proj.run(normed).reshape(heads)
        value = self.v_proj.run(normed).reshape(heads)
        return Projected(
            rotary.rotate_query(query, positions), rotary.rotate_key(key, positions), narrow(value)
        )

    def attend(
        self,
        query: Int16Array,
        keys: Int8Array,
        values: Int8Array,
        runs: VisibleRuns,
        num_lanes: int,
    ) -> tuple[Int16Array, Int64Array]:
        """Scores, softmax and context of one token per row.

        Args:
            query: [R, H, d] int16.
            keys: [R, H_kv, n, d] int8.
            values: [R, H_kv, n, d] int8.
            runs: which of the n keys the tokens see, in the order of their words.
            num_lanes: L, keys of a word.

        Returns:
            Context [R, H, d] int16, and the accumulators [R, H, n] that hold the tap.
        """
        accumulators = compute_score_accumulators(query, keys)
        in_order = accumulators[..., runs.keys]  # [R, H, m]
        logits = compute_logits(in_order, self.logit_multiplier, self.logit_shift)
        words = compute_softmax_words(logits, runs.visible[:, None], num_lanes)
        return compute_context(words, values[:, :, runs.keys]), accumulators

    def run_output(self, context: Int16Array) -> Int16Array:
        """GEMV of context [R, H, d]: what is added to the residual stream, [R, D]."""
        return self.o_proj.run(context.reshape(len(context), -1))
