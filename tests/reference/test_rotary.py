"""Rotary embedding, against complex multiplication and by its two properties."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.rope_scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    RopeScaling,
    YarnScaling,
)
from fastcar.reference.rotary import compute_frequencies, make_rotary_table
from fastcar.strategies import make_config
from tests.reference.rounding import get_unit_roundoff

CONFIG = replace(make_config(), head_dim=8, max_position_embeddings=512)
DTYPES = st.sampled_from([np.float32, np.float64])
seeds = st.integers(0, 2**16)
positions = st.integers(0, 511)


def draw_heads(seed: int, dtype: type[np.floating[Any]], tokens: int = 3) -> Any:
    return np.random.default_rng(seed).standard_normal((tokens, 2, 8)).astype(dtype)


@given(seeds, st.lists(positions, min_size=3, max_size=3), DTYPES)
def test_equals_multiplication_by_a_phase(
    seed: int, places: list[int], dtype: type[np.floating[Any]]
) -> None:
    x = draw_heads(seed, dtype)
    turned = make_rotary_table(CONFIG, np.dtype(dtype), 512).rotate(x, np.array(places))
    assert turned.dtype == dtype
    angles = np.array(places)[:, None, None] * CONFIG.rope_theta ** -(np.arange(0, 8, 2) / 8)
    pairs = (x[..., :4] + 1j * x[..., 4:].astype(np.float64)) * np.exp(1j * angles)
    expected = np.concatenate([pairs.real, pairs.imag], axis=-1)
    # Two products and a sum of factors that are rounded once themselves; the angle's own rounding
    # turns a pair by at most 512 unit roundoffs of float64.
    unit = 6 * get_unit_roundoff(dtype) + 4 * 512 * get_unit_roundoff(np.float64)
    sizes = np.tile(np.abs(pairs), 2)
    assert (np.abs(turned - expected) <= 2 * unit * sizes).all()


@given(seeds, st.lists(positions, min_size=3, max_size=3), DTYPES)
def test_norms_are_kept(seed: int, places: list[int], dtype: type[np.floating[Any]]) -> None:
    x = draw_heads(seed, dtype)
    turned = make_rotary_table(CONFIG, np.dtype(dtype), 512).rotate(x, np.array(places))
    before = np.linalg.norm(x.astype(np.float64), axis=-1)
    after = np.linalg.norm(turned.astype(np.float64), axis=-1)
    # cos^2 + sin^2 of the rounded table is off by 4 u, each entry by 3 u more.
    assert (np.abs(after - before) <= 8 * get_unit_roundoff(dtype) * before).all()


@given(seeds, positions, positions, st.integers(-511, 511))
def test_products_depend_on_the_distance_alone(
    seed: int, query_position: int, key_position: int, shift: int
) -> None:
    low = -min(query_position, key_position)
    high = 511 - max(query_position, key_position)
    shift = max(low, min(high, shift))
    query, key = draw_heads(seed, np.float64, 1), draw_heads(seed + 1, np.float64, 1)
    table = make_rotary_table(CONFIG, np.dtype(np.float64), 512)

    def compute_product(offset: int) -> Any:
        turned_query = table.rotate(query, np.array([query_position + offset]))
        turned_key = table.rotate(key, np.array([key_position + offset]))
        return (turned_query * turned_key).sum(axis=-1)

    sizes = np.linalg.norm(query, axis=-1) * np.linalg.norm(key, axis=-1)
    # Each side: tables off by 512 u (the angle's rounding), entries by 3 u, the sum by 8 u.
    tolerance = 2 * (2 * 512 + 6 + 8) * get_unit_roundoff(np.float64) * sizes
    assert (np.abs(compute_product(0) - compute_product(shift)) <= tolerance).all()


@given(seeds, DTYPES)
def test_position_zero_changes_nothing(seed: int, dtype: type[np.floating[Any]]) -> None:
    x = draw_heads(seed, dtype)
    table = make_rotary_table(CONFIG, np.dtype(dtype), 512)
    assert np.array_equal(table.rotate(x, np.zeros(3, np.int64)), x)


def test_pairs_are_split_by_halves_and_turn_forward() -> None:
    table = make_rotary_table(CONFIG, np.dtype(np.float64), 512)
    turned = table.rotate(np.eye(8)[None, [0]], np.array([1]))  # the first half's first entry
    assert np.allclose(turned[0, 0], np.cos(1) * np.eye(8)[0] + np.sin(1) * np.eye(8)[4])


@pytest.mark.parametrize("num_positions", [1, 2, 7, 33, 511])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_shorter_table_has_the_same_bits(
    dtype: type[np.floating[Any]], num_positions: int
) -> None:
    whole = make_rotary_table(CONFIG, np.dtype(dtype), 512)
    part = make_rotary_table(CONFIG, np.dtype(dtype), num_positions)
    assert part.cos.shape == part.sin.shape == (num_positions, 4)
    assert part.cos.dtype == part.sin.dtype == dtype
    np.testing.assert_array_equal(part.cos, whole.cos[:num_positions])
    np.testing.assert_array_equal(part.sin, whole.sin[:num_positions])


LLAMA3 = Llama3Scaling(8.0, 1.0, 4.0, 64)
YARN = YarnScaling(4.0, 64, 1.25)


def scale(scaling: RopeScaling) -> Any:
    """Scaled frequencies as shares of the plain ones, [d / 2]."""
    wide = replace(CONFIG, head_dim=32)
    scaled = compute_frequencies(replace(wide, rope_scaling=scaling))
    return scaled / compute_frequencies(wide)


def test_linear_scaling_divides_all_frequencies_and_dynamic_none() -> None:
    assert (scale(LinearScaling(2.0)) == 0.5).all()
    assert (scale(DynamicScaling(2.0)) == 1).all()


@pytest.mark.parametrize("scaling", [LLAMA3, YARN])
def test_fast_pairs_keep_their_frequency_and_slow_ones_are_divided(scaling: Any) -> None:
    shares = scale(scaling)
    assert shares[0] == 1
    assert shares[-1] == pytest.approx(1 / scaling.factor, rel=1e-15)
    assert (np.diff(shares) <= 0).all()
    assert ((shares > 1 / scaling.factor + 0.01) & (shares < 0.99)).any()


def test_the_ramp_of_llama3_is_linear_in_the_turns() -> None:
    # one pair of base 1: 64 / (2 pi) = 10.19 turns within the original limit
    config = replace(CONFIG, head_dim=2, rope_theta=1.0)
    scaling = Llama3Scaling(4.0, 5.0, 15.0, 64)
    kept = (64 / (2 * np.pi) - 5) / 10
    found = compute_frequencies(replace(config, rope_scaling=scaling))
    assert found == pytest.approx([kept + (1 - kept) / 4])


def test_the_ramp_of_yarn_runs_between_whole_pairs_unless_told_otherwise() -> None:
    # pairs of 32 and of 1 turn: floor(-1.99) = -2, so 0, and ceil(4.03) = 5; 0 and 4.03 exactly
    index = np.arange(16)
    whole, exact = scale(YARN), scale(replace(YARN, truncate=False))
    last = 32 * np.log(64 / (2 * np.pi)) / (2 * np.log(CONFIG.rope_theta))
    for shares, end in ((whole, np.ceil(last)), (exact, last)):
        assert shares == pytest.approx(1 - 0.75 * np.clip(index / end, 0, 1))
    assert not np.allclose(whole, exact)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_attention_factor_of_yarn_multiplies_every_turned_vector(
    dtype: type[np.floating[Any]],
) -> None:
    config = replace(CONFIG, rope_scaling=YARN)
    plain = replace(CONFIG, rope_scaling=replace(YARN, attention_factor=1.0))
    x, places = draw_heads(0, dtype), np.array([0, 17, 511])
    found, expected = (
        make_rotary_table(each, np.dtype(dtype), 512).rotate(x, places) for each in (config, plain)
    )
    # tables off by 2 u of at most 1.25, entries by 3 u more, on both sides
    size = 1.25 * np.abs(x).max() * 2
    tolerance = 2 * 5 * get_unit_roundoff(dtype) * size
    np.testing.assert_allclose(found, 1.25 * expected, rtol=0, atol=tolerance)
