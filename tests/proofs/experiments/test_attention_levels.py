"""Levels of the bounds on attention outputs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fastcar.proofs import sparse_attention, value_spread
from fastcar.proofs.experiments.attention_levels import NAMES, compute_attention_levels
from fastcar.reference.errors import ArgumentError


def test_every_level_is_a_bound_and_the_first_four_are_ordered() -> None:
    rng = np.random.default_rng(0)
    pairs = [sparse_attention.draw(rng) for _ in range(200)]
    levels = compute_attention_levels(pairs)
    assert tuple(level.name for level in levels) == NAMES
    left = np.array([value_spread.compute_sides(pair).left for pair in pairs])
    slack = np.array([value_spread.compute_rounding(pair) for pair in pairs])
    slack += 1e-9 * levels[0].bounds
    for level in levels:
        assert (level.bounds >= left - slack).all(), level.name
    for cruder, finer in pairwise(levels[:4]):
        assert (finer.bounds <= cruder.bounds + slack).all(), finer.name
        assert finer.bounds.sum() < cruder.bounds.sum()


def test_equal_outputs_say_nothing() -> None:
    pair = sparse_attention.draw(np.random.default_rng(0))
    with pytest.raises(ArgumentError, match=r"^pairs with different outputs = 0: must be at least"):
        compute_attention_levels(
            [
                sparse_attention.WindowPair(
                    pair.query,
                    pair.query,
                    *(pair.shared_keys, pair.shared_values),
                    *(pair.fresh_keys[:0], pair.fresh_values[:0]) * 2,
                )
            ]
        )
