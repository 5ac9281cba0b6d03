"""Fixed point: rounding to the tie, and an integer comparison that is exactly the real one."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import (
    MAX_ACTIVATION,
    choose_scale,
    compute_integer_score,
    compute_integer_threshold,
    compute_max_score,
    compute_score_bits,
    is_score_reached,
    quantize,
)
from fastcar.reference.temporal_attention_score import (
    HeadAggregation,
    aggregate_heads,
    compute_score_heads,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
scales = st.floats(1e-12, 1e6, allow_subnormal=False)
head_dims = st.integers(1, 130)
head_counts = st.integers(1, 33)


def round_exactly(x: float, scale: float) -> int:
    """The rule itself, in rational arithmetic."""
    nearest = math.floor(Fraction(x) / Fraction(scale) + Fraction(1, 2))
    return min(max(nearest, -MAX_ACTIVATION), MAX_ACTIVATION)


@given(numbers, st.floats(min_value=5e-324, allow_infinity=False))
def test_rounding_is_exact(x: float, scale: float) -> None:
    assert quantize(np.array([x]), scale).tolist() == [round_exactly(x, scale)]


@given(st.integers(-MAX_ACTIVATION, MAX_ACTIVATION), scales, st.sampled_from([-1, 0, 1]))
def test_rounding_is_exact_next_to_a_tie(step: int, scale: float, side: int) -> None:
    tie = (step + 0.5) * scale
    x = tie if side == 0 else math.nextafter(tie, side * math.inf)
    assert quantize(np.array([x]), scale).tolist() == [round_exactly(x, scale)]


@given(st.integers(-MAX_ACTIVATION - 1, MAX_ACTIVATION - 1), st.integers(-20, 20))
def test_tie_goes_up(step: int, exponent: int) -> None:
    scale = 2.0**exponent
    assert quantize(np.array([(step + 0.5) * scale]), scale) == step + 1


def test_largest_float_below_a_half_rounds_down() -> None:
    assert quantize(np.array([math.nextafter(0.5, 0), 0.5, -0.5]), 1.0).tolist() == [0, 1, 0]


def test_both_ends_saturate_symmetrically() -> None:
    x = np.array([32767.0, 32767.5, -32767.0, -32767.5, -32768.0, 1e308, -1e308])
    limit = MAX_ACTIVATION
    assert quantize(x, 1.0).tolist() == [limit, limit, -limit, -limit, -limit, limit, -limit]
    assert quantize(x, 5e-324).tolist() == [limit, limit] + [-limit] * 3 + [limit, -limit]


@given(st.floats(5e-324, 1e300))
def test_chosen_scale_reaches_the_ends_and_does_not_saturate(largest: float) -> None:
    scale = choose_scale(np.array([-largest, largest / 3]))
    exact = abs(Fraction(largest) / Fraction(scale))
    assert exact < MAX_ACTIVATION + Fraction(1, 2)
    if largest > 1e-300:
        assert quantize(np.array([-largest]), scale) == -MAX_ACTIVATION


def test_scale_of_zeros_is_one() -> None:
    assert choose_scale(np.zeros(3)) == choose_scale(np.zeros(0)) == 1.0


def is_at_least(score: int, threshold: float, scale: Fraction, head_dim: int) -> bool:
    """score * scale / sqrt(d) >= threshold, by the sign and the square of both sides."""
    left, right = score * scale, Fraction(threshold)
    if (left < 0) != (right < 0):
        return right < 0
    left_square, right_square = left**2, right**2 * head_dim
    return left_square <= right_square if left < 0 else left_square >= right_square


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[int, float, float, float, int, int]:
    """An integer score and a threshold on it, next to it, or anywhere."""
    num_heads, head_dim = draw(head_counts), draw(head_dims | st.sampled_from([1, 4, 16, 64]))
    query_scale = draw(scales | st.integers(-30, 10).map(lambda exponent: 2.0**exponent))
    key_scale = draw(scales | st.integers(-30, 10).map(lambda exponent: 2.0**exponent))
    limit = compute_max_score(num_heads, head_dim)
    score = draw(st.integers(-9, 9) | st.integers(-limit, limit))
    threshold = score * query_scale * key_scale / (math.sqrt(head_dim) * num_heads)
    kind = draw(st.sampled_from(["on", "above", "below", "anywhere"]))
    if kind == "anywhere":
        threshold = draw(numbers)
    elif kind != "on":
        threshold = math.nextafter(threshold, math.inf if kind == "above" else -math.inf)
    return score, threshold, query_scale, key_scale, num_heads, head_dim


@given(comparisons())
@example((4, 0.5, 0.5, 0.5, 1, 4))
@example((-4, -0.5, 0.5, 0.5, 1, 4))
@example((0, 0.0, 0.1, 0.3, 3, 7))
@example((0, -0.0, 0.1, 0.3, 3, 7))
def test_integer_comparison_is_the_real_one(
    case: tuple[int, float, float, float, int, int],
) -> None:
    score, threshold, query_scale, key_scale, num_heads, head_dim = case
    scale = Fraction(query_scale) * Fraction(key_scale) / num_heads
    found = compute_integer_threshold(*case[1:])
    assert (score >= found) == is_at_least(score, threshold, scale, head_dim)
    strict = compute_integer_threshold(*case[1:], strict=True)
    assert (score >= strict) == (not is_at_least(-score, -threshold, scale, head_dim))
    assert strict - found in (0, 1)


@pytest.mark.parametrize("strict", [False, True])
def test_infinite_thresholds_decide_every_score(strict: bool) -> None:
    limit = compute_max_score(2, 8)
    scores = np.array([-limit, 0, limit])
    never = compute_integer_threshold(math.inf, 0.1, 0.2, 2, 8, strict)
    always = compute_integer_threshold(-math.inf, 0.1, 0.2, 2, 8, strict)
    assert is_score_reached(scores, never).tolist() == [False] * 3
    assert is_score_reached(scores, always).tolist() == [True] * 3


def test_threshold_beyond_all_scores_is_limited() -> None:
    limit = compute_max_score(2, 8)
    assert compute_integer_threshold(1e300, 1e-300, 1e-300, 2, 8) == limit + 1
    assert compute_integer_threshold(-1e300, 1e-300, 1e-300, 2, 8) == -limit


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**16))
def test_integer_score_is_the_score_of_the_integers(
    num_keys: int, group: int, head_dim: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    num_heads = num_keys * group
    query = rng.integers(-32768, 32768, (3, num_heads, head_dim)).astype(np.int16)
    key = rng.integers(-32768, 32768, (3, num_keys, head_dim)).astype(np.int16)
    exact = [
        sum(
            int(query[row, head, i]) * int(key[row, head // group, i])
            for head in range(num_heads)
            for i in range(head_dim)
        )
        for row in range(3)
    ]
    score = compute_integer_score(query, key)
    assert score.tolist() == exact
    heads = compute_score_heads(query.astype(np.float64), key.astype(np.float64))
    mean = aggregate_heads(heads, HeadAggregation.MEAN) * math.sqrt(head_dim) * num_heads
    np.testing.assert_allclose(score, mean, rtol=0, atol=1e-14 * compute_max_score(12, 9))


@given(head_counts, head_dims)
def test_accumulator_holds_every_score_and_threshold(num_heads: int, head_dim: int) -> None:
    lowest = np.full((1, num_heads, head_dim), -32768, np.int16)
    num_bits = compute_score_bits(num_heads, head_dim)
    largest = int(compute_integer_score(lowest, lowest)[0])
    assert largest == compute_max_score(num_heads, head_dim)
    assert largest + 1 < 2 ** (num_bits - 1) <= 2 * (largest + 1)


def test_too_many_products_are_refused() -> None:
    assert compute_score_bits(2, 2**31) == 64
    limit = r"must be small enough for 64 bits$"
    with pytest.raises(ArgumentError, match=rf"^num_heads \* head_dim = {2**33}: {limit}"):
        compute_score_bits(2, 2**32)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_scales_are_checked(scale: float) -> None:
    text = rf" = {scale}: must be finite and above 0$"
    with pytest.raises(ArgumentError, match="^scale" + text):
        quantize(np.ones(1), scale)
    with pytest.raises(ArgumentError, match="^query_scale" + text):
        compute_integer_threshold(0.5, scale, 1.0, 1, 2)
    with pytest.raises(ArgumentError, match="^key_scale" + text):
        compute_integer_threshold(0.5, 1.0, scale, 1, 2)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_are_finite(bad: float) -> None:
    for refuse in (lambda x: quantize(x, 1.0), choose_scale):
        with pytest.raises(ArgumentError, match=r"^x = 'nan or inf': must be finite$"):
            refuse(np.array([bad]))


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ArgumentError, match=r"^threshold = nan: must be a number, inf or -inf$"):
        compute_integer_threshold(math.nan, 1.0, 1.0, 1, 2)
    with pytest.raises(ArgumentError, match=r"^head_dim = 0: must be at least 1$"):
        compute_integer_threshold(0.5, 1.0, 1.0, 1, 0)
    with pytest.raises(ArgumentError, match=r"^query = 'int32': must be int16$"):
        compute_integer_score(np.ones((1, 1, 2), np.int32), np.ones((1, 1, 2), np.int16))
