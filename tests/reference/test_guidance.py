"""Classifier-free guidance: which rows, and how their logits combine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.guidance import check_scale, combine_logits, make_guided_rows
from tests.reference.rounding import compute_gamma

seeds = st.integers(0, 2**16)


@given(seeds, st.integers(1, 3), st.floats(0, 10), st.booleans())
def test_logits_leave_the_unconditional_towards_the_conditional(
    seed: int, videos: int, scale: float, is_single: bool
) -> None:
    dtype = np.float32 if is_single else np.float64
    rng = np.random.default_rng(seed)
    logits: FloatArray = rng.standard_normal((2 * videos, 5)).astype(dtype)
    guided = combine_logits(logits, scale)
    assert guided.dtype == dtype
    wide = logits.astype(np.float64)
    conditional, unconditional = wide[:videos], wide[videos:]
    expected = unconditional + scale * (conditional - unconditional)
    size = np.abs(unconditional) + scale * (np.abs(conditional) + np.abs(unconditional))
    # Scale, difference, product, sum; as many for the expectation. The scale may be subnormal.
    tolerance = 2 * compute_gamma(4, dtype) * size + np.finfo(dtype).tiny
    assert (np.abs(guided - expected) <= tolerance).all()


@given(seeds, st.integers(1, 3))
def test_scale_zero_is_unconditional_and_equal_rows_stay(seed: int, videos: int) -> None:
    logits = np.random.default_rng(seed).standard_normal((2 * videos, 5))
    assert np.array_equal(combine_logits(logits, 0.0), logits[videos:])
    same = np.concatenate([logits[:videos], logits[:videos]])
    assert np.array_equal(combine_logits(same, 7.5), logits[:videos])


def test_rows_are_all_conditional_then_all_unconditional() -> None:
    rows = make_guided_rows(np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]]))
    assert rows.tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]


def test_refuses_prompts_of_other_shape() -> None:
    message = r"^unconditional shape = \(1, 2\): must be \(2, 2\)$"
    with pytest.raises(ArgumentError, match=message):
        make_guided_rows(np.zeros((2, 2), np.int64), np.zeros((1, 2), np.int64))


@pytest.mark.parametrize("scale", [-0.5, float("inf"), float("nan")])
def test_refuses_scales_outside_the_limits(scale: float) -> None:
    with pytest.raises(ArgumentError, match=r"^guidance = \S+: must be finite and at least 0$"):
        check_scale(scale)


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0])
def test_accepts_finite_scales(scale: float) -> None:
    check_scale(scale)
