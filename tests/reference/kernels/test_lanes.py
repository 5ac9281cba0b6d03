"""Orders of summation and single operations, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.kernels.compilation import kernel
from reference.kernels.lanes import LANES, count_roundings, get_pair_width
from reference.kernels.tiles import make_tile

_tile = make_tile(1, 1)


@kernel()
def compute_one_product(weight: Any, x: Any, out: Any) -> None:
    _tile(weight, 0, x, 0, out, 0)


@given(st.integers(1, 5000))
def test_no_term_passes_more_roundings_than_there_are_terms(length: int) -> None:
    assert 1 <= count_roundings(length) <= length


@given(st.integers(0, 2**16), st.integers(1, 70))
def test_lanes_are_added_by_halves_and_the_rest_in_order(seed: int, width: int) -> None:
    """With a weight of one, fused multiply-add is addition, which NumPy rounds alike."""
    x = np.random.default_rng(seed).standard_normal((1, width)).astype(np.float32)
    whole = width - width % LANES
    lanes = np.zeros(LANES, np.float32)
    for start in range(0, whole, LANES):
        lanes += x[0, start : start + LANES]
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = lanes[:half] + lanes[half:]
    expected = lanes[0]
    for term in x[0, whole:]:
        expected += term
    out = np.empty((1, 1), np.float32)
    compute_one_product(np.ones_like(x), x, out)
    assert out[0, 0] == expected


def test_a_product_is_rounded_once_with_its_sum() -> None:
    tiny = np.float32(2.0**-13)
    x = np.array([[-1.0, 1 + tiny]], np.float32)
    weight = np.array([[1.0, 1 + tiny]], np.float32)
    out = np.empty((1, 1), np.float32)
    compute_one_product(weight, x, out)
    assert out[0, 0] == 2 * 2.0**-13 + 2.0**-26  # the square alone would lose its last bit


@pytest.mark.parametrize(
    ("features", "width"),
    [({"avx512bw": True, "avx2": True}, 32), ({"avx2": True}, 16), ({}, 1)],
)
def test_the_widest_instruction_is_chosen(features: dict[str, bool], width: int) -> None:
    assert get_pair_width(features) == width
