"""The exponential against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.exponential import EXP_ROUNDINGS, SMALLEST, compute_exp
from tests.reference.rounding import get_unit_roundoff

LOWEST_BITS = int(np.float32(SMALLEST).view(np.uint32))
"""Bits of the most negative number with a result; those of -0 are 2^31."""


@kernel()
def apply_exp(x: Any, out: Any) -> None:
    for place in range(len(x)):
        out[place] = compute_exp(x[place])


def compute(x: NDArray[np.float32]) -> NDArray[np.float32]:
    out = np.empty_like(x)
    apply_exp(x, out)
    return out


def find_worst(bits: NDArray[np.uint32]) -> float:
    """Largest relative error over these numbers, in unit roundoffs."""
    x = bits.view(np.float32)
    exact = np.exp(x.astype(np.float64))
    return float((np.abs(compute(x) / exact - 1)).max() / get_unit_roundoff(np.float32))


def test_every_thousandth_number_is_within_the_bound() -> None:
    bits = np.arange(1 << 31, LOWEST_BITS + 1, 997, dtype=np.uint32)
    assert 0.4 < find_worst(bits) <= EXP_ROUNDINGS


@pytest.mark.slow
def test_every_number_is_within_the_bound() -> None:
    step = 1 << 24
    for start in range(1 << 31, LOWEST_BITS + 1, step):
        bits = np.arange(start, min(start + step, LOWEST_BITS + 1), dtype=np.uint32)
        assert find_worst(bits) <= EXP_ROUNDINGS


def test_special_numbers() -> None:
    x = np.array([0, -0.0, np.nextafter(np.float32(SMALLEST), -np.inf), -1e30, -np.inf], np.float32)
    assert compute(x).tolist() == [1, 1, 0, 0, 0]
    assert np.isnan(compute(np.array([np.nan], np.float32)))[0]


def test_vectors_and_single_numbers_agree() -> None:
    x = -np.abs(np.random.default_rng(0).standard_normal(70)).astype(np.float32) * 30
    single = [compute(x[[place]])[0] for place in range(len(x))]
    assert compute(x).tolist() == single
