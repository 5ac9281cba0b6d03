"""Fixed-point semantics: what the accelerator computes, on NumPy integers, to the last bit.

Source: ours. Activations are int16 with one scale per tensor: x stands for scale * integer. Every
rounding is to the nearest integer, ties towards plus infinity, floor(x + 1/2): that is what "add
half, shift right arithmetically" does on wires. What does not fit saturates (D-21).

The score: the paper's mean TAS over the heads, sum q.k / (sqrt(d) H), is compared with tau. With
q = s_q a and k = s_k b the sum over all heads of a.b is an integer, and comparing it with
ceil(tau sqrt(d) H / (s_q s_k)) is exactly the comparison of the dequantised score with tau.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray, Int16Array, Int64Array
from fastcar.reference.errors import ArgumentError

MAX_ACTIVATION = 32767
"""Largest activation; -32768 is left out, so that negation never overflows."""

TIE_WINDOW = 2.0**-30
"""A quotient below 2^16 is off by at most 2^-37: further from a tie, its rounding is that of x."""


def quantize(x: FloatArray, scale: float) -> Int16Array:
    """Nearest integers to x / scale, ties upwards, saturated to +-32767; exact to the tie.

    Args:
        x: float, any shape, finite.
        scale: value of one step, finite and above 0.

    Raises:
        ArgumentError: an element is not finite, or the scale is outside its limit.

    >>> quantize(np.array([-1.0, -0.75, 0.25, 0.75, 1e9]), scale=0.5).tolist()
    [-2, -1, 1, 2, 32767]
    """
    check_scale("scale", scale)
    if not np.isfinite(x).all():
        raise ArgumentError("x", "nan or inf", "finite")
    with np.errstate(over="ignore", under="ignore"):  # Both ends saturate or round to 0.
        quotient = np.asarray(x, np.float64) / scale
    limited = np.clip(quotient, -2.0 * MAX_ACTIVATION, 2.0 * MAX_ACTIVATION)
    nearest = np.floor(limited + 0.5)
    is_near_tie = np.abs(limited - np.floor(limited) - 0.5) < TIE_WINDOW
    for place in zip(*np.nonzero(is_near_tie), strict=True):
        exact = Fraction(float(x[place])) / Fraction(scale)
        nearest[place] = math.floor(exact + Fraction(1, 2))
    return np.clip(nearest, -MAX_ACTIVATION, MAX_ACTIVATION).astype(np.int16)


def choose_scale(x: FloatArray) -> float:
    """Smallest scale with which no element saturates: max |x| / 32767.

    >>> choose_scale(np.array([-65534.0, 1.0]))
    2.0
    """
    if not np.isfinite(x).all():
        raise ArgumentError("x", "nan or inf", "finite")
    largest = float(np.max(np.abs(x), initial=0.0))
    if largest == 0.0:
        return 1.0
    return max(largest / MAX_ACTIVATION, float(np.finfo(np.float64).tiny))


def compute_integer_score(query: Int16Array, aligned_key: Int16Array) -> Int64Array:
    """Sum over all heads of query times aligned key; no rounding anywhere.

    Args:
        query: [B, H, d] int16.
        aligned_key: [B, H_kv, d] int16; H_kv divides H (grouped-query attention).

    Returns:
        [B] int64; its magnitude is at most `compute_max_score(H, d)`.

    >>> compute_integer_score(np.full((1, 2, 4), 3, np.int16), np.full((1, 1, 4), -5, np.int16))
    array([-120])
    """
    for name, array in (("query", query), ("aligned_key", aligned_key)):
        if array.dtype != np.int16:
            raise ArgumentError(name, array.dtype.name, "int16")
    rows, num_heads, head_dim = query.shape
    compute_score_bits(num_heads, head_dim)
    grouped = query.astype(np.int64).reshape(rows, aligned_key.shape[1], -1, head_dim)
    products = grouped * aligned_key.astype(np.int64)[:, :, None]  # [B, H_kv, G, d]
    score: Int64Array = products.sum(axis=(1, 2, 3))
    return score


def compute_max_score(num_heads: int, head_dim: int) -> int:
    """Largest magnitude of an integer score, and of every partial sum: H d 2^30.

    Any int16 is allowed for, also -32768, which `quantize` never gives.

    >>> compute_max_score(num_heads=32, head_dim=128) == 2**42
    True
    """
    return num_heads * head_dim * (MAX_ACTIVATION + 1) ** 2


def compute_score_bits(num_heads: int, head_dim: int) -> int:
    """Width of a two's complement accumulator that no score, threshold or partial sum overflows.

    Raises:
        ArgumentError: it would be wider than 64 bits.

    >>> compute_score_bits(num_heads=32, head_dim=128)
    44
    """
    for name, size in (("num_heads", num_heads), ("head_dim", head_dim)):
        if size < 1:
            raise ArgumentError(name, size, "at least 1")
    # The threshold that is never reached is one above the largest score.
    num_bits = (compute_max_score(num_heads, head_dim) + 1).bit_length() + 1
    if num_bits > 64:
        raise ArgumentError(
            "num_heads * head_dim", num_heads * head_dim, "small enough for 64 bits"
        )
    return num_bits


def compute_integer_threshold(
    threshold: float,
    query_scale: float,
    key_scale: float,
    num_heads: int,
    head_dim: int,
    strict: bool = False,
) -> int:
    """The integer T with: integer score >= T exactly where the dequantised mean score >= tau.

    The three floats count as the rationals they are, and sqrt(d) as the real number it is: for
    x = tau H / (s_q s_k) the smallest integer not below x sqrt(d) follows from the integer square
    root of x^2 d, without rounding. T is limited to the range that scores have, plus one value
    above it, which no score reaches: tau = +inf never replays and -inf always.

    Args:
        threshold: tau, not NaN.
        query_scale: s_q.
        key_scale: s_k.
        num_heads: H, query heads.
        head_dim: d.
        strict: compare with > instead of >= (D-02); T then holds for the strict comparison.

    Returns:
        T in [-max_score, max_score + 1].

    >>> compute_integer_threshold(0.5, 0.25, 0.25, num_heads=2, head_dim=4)
    32
    >>> compute_integer_threshold(0.5, 0.25, 0.25, num_heads=2, head_dim=4, strict=True)
    33
    """
    check_scale("query_scale", query_scale)
    check_scale("key_scale", key_scale)
    compute_score_bits(num_heads, head_dim)
    if math.isnan(threshold):
        raise ArgumentError("threshold", threshold, "a number, inf or -inf")
    limit = compute_max_score(num_heads, head_dim)
    if math.isinf(threshold):
        return limit + 1 if threshold > 0 else -limit
    scaled = Fraction(threshold) * num_heads / (Fraction(query_scale) * Fraction(key_scale))
    # floor(z) + 1 = 1 - ceil(-z).
    smallest = 1 - _ceil_product(-scaled, head_dim) if strict else _ceil_product(scaled, head_dim)
    return min(max(smallest, -limit), limit + 1)


def is_score_reached(score: Int64Array, integer_threshold: int) -> NDArray[np.bool_]:
    """Whether each row [B] replays: the comparison that the score unit makes."""
    return score >= integer_threshold


def check_scale(name: str, scale: float) -> None:
    """Refuse a scale that is not finite and above 0."""
    if not 0 < scale < math.inf:
        raise ArgumentError(name, scale, "finite and above 0")


def _ceil_product(factor: Fraction, radicand: int) -> int:
    """ceil(factor * sqrt(radicand)), exactly."""
    square = factor**2 * radicand
    if factor <= 0:
        return -math.isqrt(math.floor(square))
    # The smallest m with m^2 >= square.
    return math.isqrt(math.ceil(square) - 1) + 1
