"""Operands of kernels drawn from a seed, and their exact products."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.bfloat16_matrix import BFloat16Matrix, round_to_bfloat16
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.matrix import CompressedLayer, Matrix

KINDS = ("float32", "bfloat16", "int8")
"""Kinds of weight matrix."""


def draw_rows(rng: np.random.Generator, rows: int, width: int) -> NDArray[np.float32]:
    """Numbers of very different size, [rows, width]."""
    spread = 10.0 ** rng.integers(-3, 4, (rows, width))
    return (rng.standard_normal((rows, width)) * spread).astype(np.float32)


def draw_matrix(rng: np.random.Generator, kind: str, outputs: int, width: int) -> Matrix:
    """A matrix [outputs, width] of one kind."""
    if kind == "int8":
        values = rng.integers(-127, 128, (outputs, width), np.int8)
        return Int8Matrix(values, rng.uniform(0.001, 0.1, outputs).astype(np.float32))
    weight = rng.standard_normal((outputs, width)).astype(np.float32)
    return weight if kind == "float32" else round_to_bfloat16(weight)


def draw_layer(rng: np.random.Generator, kind: str, width: int, inner: int) -> CompressedLayer:
    """A layer whose attention has one head of the whole width."""
    gains = [rng.uniform(0.5, 1.5, width).astype(np.float32) for _ in range(2)]
    query, key, value, output = (draw_matrix(rng, kind, width, width) for _ in range(4))
    gate, up = (draw_matrix(rng, kind, inner, width) for _ in range(2))
    down = draw_matrix(rng, kind, width, inner)
    return CompressedLayer(gains[0], query, key, value, output, gains[1], gate, up, down)


def concatenate(upper: Matrix, lower: Matrix) -> Matrix:
    """One matrix of the outputs of two of a kind."""
    if isinstance(upper, Int8Matrix) and isinstance(lower, Int8Matrix):
        values = np.concatenate([upper.values, lower.values])
        return Int8Matrix(values, np.concatenate([upper.scales, lower.scales]))
    if isinstance(upper, BFloat16Matrix) and isinstance(lower, BFloat16Matrix):
        return BFloat16Matrix(np.concatenate([upper.bits, lower.bits]))
    assert isinstance(upper, np.ndarray)
    assert isinstance(lower, np.ndarray)
    return np.concatenate([upper, lower])


def widen(weight: Matrix) -> NDArray[np.float64]:
    """A float matrix as float64, exactly."""
    assert not isinstance(weight, Int8Matrix)
    array = weight.widen() if isinstance(weight, BFloat16Matrix) else weight
    return array.astype(np.float64)


def compute_exact_products(
    x: FloatArray, weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x @ weight.T and |x| @ |weight|.T of float32 numbers, sums rounded once, [R, out] each.

    The product of two float32 numbers is a float64 number, and `math.fsum` rounds once.
    """
    shape = len(x), len(weight)
    products, sizes = np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        terms = x[place[0]].astype(np.float64) * weight[place[1]]
        products[place], sizes[place] = math.fsum(terms), math.fsum(np.abs(terms))
    return products, sizes
