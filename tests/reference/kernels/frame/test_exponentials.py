"""Blocks of logits in vectors: the bits of the operations one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.exponential import SMALLEST, compute_exp
from fastcar.reference.kernels.frame.exponentials import exponentiate_block, scale_block
from fastcar.reference.kernels.frame.run import PACKAGE

BLOCK, LANES = 64, 16
EDGES = np.array(
    [0, -0.0, -np.inf, np.nan, SMALLEST, -1e30, -1e-30, -1e-45, -0.34657, -0.34658], np.float32
)


@kernel(package=PACKAGE)
def exponentiate(blocks: Any, peak: float, sums: Any) -> None:
    for row in range(len(blocks)):
        sums[row] = exponentiate_block(blocks, row, 0, peak)


@kernel(package=PACKAGE)
def exponentiate_singly(numbers: Any) -> None:
    for place in range(len(numbers)):
        numbers[place] = compute_exp(numbers[place])


@kernel(package=PACKAGE)
def scale_blocks(blocks: Any, first: int, scale: float, counts: Any, peaks: Any) -> None:
    for row in range(len(blocks)):
        peaks[row] = scale_block(blocks, row, first, scale, counts[row])


def draw_numbers() -> NDArray[np.float32]:
    """All orders of size, steps of a whole number, the edges and their neighbours."""
    near = [np.nextafter(EDGES, np.float32(side)) for side in (-1e38, 0)]
    bits = np.arange(1 << 31, (1 << 32) - (1 << 23), 65537, dtype=np.uint32)
    numbers = np.concatenate([EDGES, *near, np.arange(-90, 0.25, 0.0625), bits.view(np.float32)])
    return np.resize(numbers.astype(np.float32), -(-len(numbers) // BLOCK) * BLOCK)


def test_sixteen_exponentials_are_those_of_single_numbers() -> None:
    numbers = draw_numbers()
    blocks = numbers.reshape(-1, BLOCK).copy()
    sums = np.empty(len(blocks), np.float32)
    exponentiate(blocks, np.float32(0), sums)
    exponentiate_singly(numbers)
    assert np.array_equal(blocks.reshape(-1), numbers, equal_nan=True)
    lanes = numbers.reshape(-1, BLOCK // LANES, LANES)
    expected = ((lanes[:, 0] + lanes[:, 1]) + lanes[:, 2]) + lanes[:, 3]
    for half in (8, 4, 2, 1):
        expected = expected[:, :half] + expected[:, half:]
    assert np.array_equal(sums, expected[:, 0], equal_nan=True)
    assert np.isnan(sums).any()
    assert np.isfinite(sums).any()


def test_a_block_is_divided_and_its_peak_found() -> None:
    first, scale = 16, np.float32(np.sqrt(20))
    rng = np.random.default_rng(0)
    blocks = rng.standard_normal((BLOCK, first + BLOCK)).astype(np.float32) * 9
    blocks[::3] = -np.abs(blocks[::3])
    counts = np.arange(1, BLOCK + 1)
    given, peaks = blocks.copy(), np.empty(BLOCK, np.float32)
    scale_blocks(blocks, first, scale, counts, peaks)
    expected = given[:, first:] / scale
    expected[np.arange(BLOCK) >= counts[:, None]] = -np.inf
    assert np.array_equal(blocks[:, first:], expected)
    assert np.array_equal(peaks, expected.max(axis=1))
    assert np.array_equal(blocks[:, :first], given[:, :first])
