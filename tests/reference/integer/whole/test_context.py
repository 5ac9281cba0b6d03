"""Context against Python integers and against the exact softmax; the reciprocal's bounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.integer.whole.context import (
    accumulate_context,
    compute_context,
    compute_reciprocal,
)
from fastcar.reference.integer.whole.softmax import MAX_VISIBLE_TOKENS, compute_softmax_words
from tests.examples import examples


@given(
    st.integers(0, 2**16),
    st.integers(1, 40),
    st.sampled_from([4, 8, 16]),
    st.sampled_from([10, 300, 3000, 8_000_000]),
)
def test_context_is_near_the_mean_of_the_exact_softmax(
    seed: int, num_keys: int, num_lanes: int, spread: int
) -> None:
    rng = np.random.default_rng(seed)
    z = rng.integers(-spread, spread + 1, (2, 4, num_keys))
    values = rng.integers(-127, 128, (2, 2, num_keys, 3)).astype(np.int8)
    visible = rng.random((2, 1, num_keys)) < 0.7
    visible[..., 0] = True
    words = compute_softmax_words(z, visible, num_lanes)
    seen = np.where(visible, z, -np.inf)
    shares = np.exp2((seen - seen.max(axis=-1, keepdims=True)) / 256)
    shares /= shares.sum(axis=-1, keepdims=True)
    exact = 256 * np.einsum("rhn,rhnd->rhd", shares, values.repeat(2, axis=1))
    weight = 2.0**14
    bound = 256 * 254 * 0.75 * num_keys / (weight - 0.75 * num_keys) + 32512 * 3.9e-5 + 1.5
    assert np.abs(compute_context(words, values) - exact).max() <= bound


def test_reciprocal_is_within_its_bound_for_every_divisor() -> None:
    divisors = np.arange(1 << 17, 1 << 18)
    reciprocal, bits = compute_reciprocal(divisors << 22)
    assert set(bits.tolist()) == {40}
    assert (reciprocal.min(), reciprocal.max()) == (32768, 65535)
    assert (reciprocal * divisors).min() > (1 << 33) * (1 - 2.0**-15)
    assert (reciprocal * (divisors + 1)).max() <= (1 << 33) * (1 + 2.0**-17)


@given(st.integers(1 << 26, (1 << 40) - 1))
def test_reciprocal_divides_by_the_leading_bits(total: int) -> None:
    reciprocal, bits = compute_reciprocal(np.array([total]))
    assert bits.tolist() == [total.bit_length()]
    divisor = total >> (total.bit_length() - 18)
    assert reciprocal.tolist() == [min(65535, (1 << 33) // divisor)]


@examples(3)
@given(st.sampled_from([-127, 127]), st.sampled_from([-1, -256, -3000]))
def test_context_of_the_most_keys_fits_its_widths(value: int, logit: int) -> None:
    z = np.full((1, 1, MAX_VISIBLE_TOKENS), logit)
    words = compute_softmax_words(z, np.ones_like(z, bool), 16)
    values = np.full((1, 1, MAX_VISIBLE_TOKENS, 1), value, np.int8)
    accumulated = accumulate_context(words, values)
    assert accumulated.tolist() == [[[value * int(words.total[0, 0])]]]
    assert abs(int(accumulated[0, 0, 0])) < 1 << 47
    product = abs(int(accumulated[0, 0, 0])) * int(compute_reciprocal(words.total)[0][0, 0])
    assert product + (1 << 46) < 1 << 62
    # The reciprocal is too small by 2^-15 of itself at most (P-21), which is below one step.
    assert abs(int(compute_context(words, values)[0, 0, 0]) - 256 * value) <= 1


def test_word_far_below_the_maximum_leaves_only_the_floor() -> None:
    z = np.array([[[0, 0, 0, 0, 1 << 22, 0, 0, 0]]])
    words = compute_softmax_words(z, np.ones_like(z, bool), 4)
    below = np.zeros((1, 1, 8, 2), np.int8)
    below[..., :4, 0], below[..., :4, 1] = -1, 1
    assert accumulate_context(words, below).tolist() == [[[-1, 0]]]
    assert compute_context(words, below).tolist() == [[[0, 0]]]
