"""Orders of summation and single operations, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.kernels.lanes as lanes_module
from fastcar.reference.kernels.compilation import device, get_target_features, kernel
from fastcar.reference.kernels.lanes import LANES, count_roundings, get_pair_width
from fastcar.reference.kernels.tiles import RAISED, make_tile

_tile = make_tile(1, 1)


@kernel()
def compute_one_product(weight: Any, x: Any, out: Any) -> None:
    _tile(weight, 0, x, 0, out, 0)


@given(st.integers(1, 5000))
def test_no_term_passes_more_roundings_than_there_are_terms(length: int) -> None:
    assert 1 <= count_roundings(length) <= length


@given(st.integers(0, 2**16), st.integers(1, 70), st.sampled_from([np.float32, np.int8]))
def test_lanes_are_added_by_halves_and_the_rest_in_order(
    seed: int, width: int, dtype: type[Any]
) -> None:
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
    compute_one_product(np.ones(x.shape, dtype), x, out)
    assert out[0, 0] == expected


@pytest.mark.parametrize("place", [0, 15, 17])
def test_bytes_times_floats_are_signed_in_a_vector_and_behind_it(place: int) -> None:
    weight, x = np.ones((1, LANES + 2), np.int8), np.zeros((1, LANES + 2), np.float32)
    x[0, place] = 0.375
    out = np.empty((1, 1), np.float32)
    for number in range(-128, 128):
        weight[0, place] = number
        compute_one_product(weight, x, out)
        assert out[0, 0] == 0.375 * number


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


@pytest.mark.parametrize("pair_width", [32, 16, 1])
def test_machines_without_byte_products_give_the_same_sums(
    pair_width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pair_width > get_pair_width(get_target_features()):
        pytest.skip("the target has no such instruction")
    monkeypatch.setattr(lanes_module, "MULTIPLIES_BYTES", False)
    monkeypatch.setattr(lanes_module, "PAIR_WIDTH", pair_width)
    tile = make_tile(1, 2)

    @device
    def compute(weight: Any, x: Any, out: Any) -> None:
        tile(weight, 0, x, 0, out, 0)

    rng = np.random.default_rng(0)
    weight, x = (rng.integers(-127, 128, (rows, 331), np.int8) for rows in (1, 2))
    weight[0, :70], x[0, :70] = 127, 127
    out = np.empty((2, 1), np.int32)
    compute(weight, x, out)
    assert np.array_equal(out, x.astype(np.int32) @ (weight.astype(np.int32).T + RAISED))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 17])
def test_sums_of_several_vectors_are_those_of_each(count: int) -> None:
    """Also where their number is no power of two."""
    tile = make_tile(1, count)

    @device
    def compute(weight: Any, x: Any, out: Any) -> None:
        tile(weight, 0, x, 0, out, 0)

    rng = np.random.default_rng(count)
    x, weight = (rng.standard_normal((rows, 50)).astype(np.float32) for rows in (count, 1))
    together, alone = np.empty((2, count, 1), np.float32)
    compute(weight, x, together)
    for row in range(count):
        compute_one_product(weight, x[row : row + 1], alone[row : row + 1])
    assert np.array_equal(together, alone)
