"""Heads by group, pairs side by side; permutations, so nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.cosim.program.whole.order import (
    order_attention,
    order_context_columns,
    order_key_rows,
    order_pairs,
    order_query_heads,
    order_query_rows,
    order_rotary,
)
from fastcar.reference.integer.whole.rotary import make_integer_rotary_table
from fastcar.rtl.attention.config import AttentionConfig
from tests.cosim.whole_runs import make_heads_config
from tests.reference.integer.whole.test_attention import make_attention

CONFIGS = [AttentionConfig(*heads, max_blocks=1) for heads in ((2, 2, 4), (6, 2, 4), (3, 1, 8))]


@pytest.mark.parametrize("config", CONFIGS)
def test_query_head_of_a_place_reads_the_key_head_of_that_place(config: AttentionConfig) -> None:
    heads = order_query_heads(config).reshape(config.group_size, -1)
    for group, key_head in np.ndindex(heads.shape):
        assert heads[group, key_head] == key_head * config.group_size + group


@pytest.mark.parametrize("config", CONFIGS)
def test_pairs_stand_side_by_side_and_values_as_they_were(config: AttentionConfig) -> None:
    size, half = config.head_dim, config.head_dim // 2
    for rows in (order_query_rows(config), order_key_rows(config)):
        assert sorted(rows) == list(range(len(rows)))
        assert (rows[1::2] - rows[::2] == half).all()
    columns = order_context_columns(config).reshape(-1, size)
    assert (columns - columns[:, :1] == np.arange(size)).all()
    assert (columns[:, 0] // size == order_query_heads(config)).all()


def test_matrices_keep_products_but_for_their_order() -> None:
    config = AttentionConfig(6, 2, 4, max_blocks=1)
    layer = make_attention(4, 2, 3, 2)
    found = order_attention(layer, config)
    rng = np.random.default_rng(0)
    x, context = (rng.integers(-3000, 3000, (1, n)).astype(np.int16) for n in (10, 24))
    rows, columns = order_query_rows(config), order_context_columns(config)
    assert np.array_equal(found["q_proj"].run(x), layer.q_proj.run(x)[:, rows])
    assert np.array_equal(found["k_proj"].run(x), layer.k_proj.run(x)[:, order_key_rows(config)])
    assert found["v_proj"] is layer.v_proj
    assert np.array_equal(found["o_proj"].run(context[:, columns]), layer.o_proj.run(context))


def test_rotary_vector_has_the_order_of_the_pairs() -> None:
    table = make_integer_rotary_table(make_heads_config("multi-query"), 5)
    turns = order_rotary(table)
    assert turns.shape == (5, 8)
    pairs = order_pairs(8)[::2]
    assert np.array_equal(turns[:, ::2], table.cos[:, pairs])
    assert np.array_equal(turns[:, 1::2], table.sin[:, pairs])
