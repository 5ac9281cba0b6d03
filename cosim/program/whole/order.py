"""Where query heads, and the elements of a head, stand in the accelerator.

Source: docs/accelerator.md, section 8 (D-47). Query heads are ordered by group, [g][key head], so
that one run of words has one query head for each key head; elements i and i + d / 2 of a query or
key stand side by side, so that ROPE finds a pair in adjacent lanes. Both are permutations of rows
and columns of matrices; values keep their order, and so does all of the residual stream.

An order lists, for each place in hardware, the row or column of the reference that stands there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.reference.arrays import Int16Array, Int64Array
from fastcar.reference.integer.layer import IntegerMatrix
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.integer.whole.rotary import IntegerRotaryTable
from fastcar.rtl.attention.config import AttentionConfig


def order_pairs(head_dim: int) -> Int64Array:
    """Elements of a head of queries or keys, [d].

    >>> order_pairs(6).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    return np.arange(head_dim).reshape(2, -1).T.ravel()


def order_query_heads(config: AttentionConfig) -> Int64Array:
    """Query heads, [H]: head g of key head 0, of key head 1, ...; then head g + 1 of each.

    >>> order_query_heads(AttentionConfig(6, 2, 4, max_blocks=1)).tolist()
    [0, 3, 1, 4, 2, 5]
    """
    return np.arange(config.num_heads).reshape(config.num_key_value_heads, -1).T.ravel()


def order_query_rows(config: AttentionConfig) -> Int64Array:
    """Rows of W_q, [H d]."""
    return _order_elements(order_query_heads(config), order_pairs(config.head_dim))


def order_key_rows(config: AttentionConfig) -> Int64Array:
    """Rows of W_k, [H_kv d]."""
    return _order_elements(np.arange(config.num_key_value_heads), order_pairs(config.head_dim))


def order_context_columns(config: AttentionConfig) -> Int64Array:
    """Columns of W_o, [H d]: a context has its elements in the order of the values."""
    return _order_elements(order_query_heads(config), np.arange(config.head_dim))


def order_attention(layer: IntegerAttention, config: AttentionConfig) -> dict[str, IntegerMatrix]:
    """The matrices of a layer by their names, with rows and columns as in hardware."""
    columns = layer.o_proj.weights[:, order_context_columns(config)]
    return {
        "q_proj": _take_rows(layer.q_proj, order_query_rows(config)),
        "k_proj": _take_rows(layer.k_proj, order_key_rows(config)),
        "v_proj": layer.v_proj,
        "o_proj": replace(layer.o_proj, weights=columns),
    }


def order_rotary(table: IntegerRotaryTable) -> Int16Array:
    """What ROPE finds in P, [positions, d]: cosine and sine of a pair side by side."""
    pairs = np.stack([table.cos, table.sin], axis=-1)  # [positions, d / 2, 2]
    return pairs.reshape(len(pairs), -1)


def _order_elements(heads: Int64Array, elements: Int64Array) -> Int64Array:
    in_order: Int64Array = heads[:, None] * len(elements) + elements
    return in_order.ravel()


def _take_rows(matrix: IntegerMatrix, rows: Int64Array) -> IntegerMatrix:
    return replace(matrix, weights=matrix.weights[rows], multipliers=matrix.multipliers[rows])
