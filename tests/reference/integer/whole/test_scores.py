"""Logits against Python integers; no constants that could make one saturate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import compute_integer_score
from fastcar.reference.integer.whole.scores import (
    MAX_LOGIT,
    check_logit_range,
    compute_logits,
    compute_score_accumulators,
    compute_tap,
)
from tests.reference.integer import naive


def draw_operands(seed: int, groups: int, num_keys: int) -> tuple[np.ndarray, np.ndarray]:
    """Query [2, 2 groups, 6] and keys [2, 2, n, 6] of any integers, the extreme ones among them."""
    rng = np.random.default_rng(seed)
    query = rng.integers(-32767, 32768, (2, 2 * groups, 6)).astype(np.int16)
    keys = rng.integers(-127, 128, (2, 2, num_keys, 6)).astype(np.int8)
    query[0, 0], keys[0, 0, 0] = 32767, -127
    return query, keys


@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 9))
def test_accumulators_are_sums_of_products(seed: int, groups: int, num_keys: int) -> None:
    query, keys = draw_operands(seed, groups, num_keys)
    found = compute_score_accumulators(query, keys)
    for row, head, key in np.ndindex(found.shape):
        one = keys[row, head // groups, key].tolist()
        assert found[row, head, key] == naive.dot(query[row, head].tolist(), one)


@given(st.integers(0, 2**16), st.integers(1, 3), st.integers(1, 9), st.data())
def test_tap_is_the_integer_score_of_the_cached_key(
    seed: int, groups: int, num_keys: int, data: st.DataObject
) -> None:
    query, keys = draw_operands(seed, groups, num_keys)
    aligned = np.array([data.draw(st.integers(0, num_keys - 1)) for _ in range(2)])
    widened = keys[np.arange(2), :, aligned].astype(np.int16)
    tap = compute_tap(compute_score_accumulators(query, keys), aligned)
    assert tap.tolist() == compute_integer_score(query, widened).tolist()


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1), st.integers(0, 65535))
def test_logits_are_rounded_and_never_saturated(sums: list[int], multiplier: int) -> None:
    found = compute_logits(np.array(sums), multiplier, 7)
    assert found.tolist() == [naive.round_shift(one * multiplier, 7) for one in sums]


def test_largest_logit_fits_and_one_more_is_refused() -> None:
    shift = 3
    multiplier = next(m for m in range(65536) if (2 * 32767 * 127 * m + 4) >> shift > MAX_LOGIT)
    check_logit_range("logits", 2, multiplier - 1, shift)
    limit = r"^largest of logits = \d+: must be at most 32768 octaves$"
    with pytest.raises(ArgumentError, match=limit):
        check_logit_range("logits", 2, multiplier, shift)
    with pytest.raises(ArgumentError, match=r"^multiplier of logits = 65536: "):
        check_logit_range("logits", 2, 65536, 40)
    with pytest.raises(ArgumentError, match=r"^shift of logits = 48: "):
        check_logit_range("logits", 2, 1, 48)
