"""The exponential of float32 numbers that are not positive, in operations that vectorise.

x = n ln 2 + r with n whole and |r| <= 0.3467, exp(x) = 2^n exp(r), exp(r) by its Taylor polynomial
of degree 7. Relative error in units of u = 2^-24, each operation rounding once: r is off by 2 |r|
(two fused steps) and |n| 2^-48 / u < 0.01 (what two floats lack of ln 2), together 0.8; the
polynomial ends at r^8 / 8! < 0.1; its last step rounds by 1, what enters that step by |r| (1 +
|r| + ...) < 0.6. In all less than `EXP_ROUNDINGS`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import device
from fastcar.reference.kernels.lanes import fused_multiply_add, get_bits, make_float

EXP_ROUNDINGS = 4
"""Bound on the relative error of `compute_exp` in units of 2^-24."""
SMALLEST = -87.0
"""Below it the result is 0; the exponential there is below 1.7e-38 (D-28)."""

LOG2_E = np.float32(1 / math.log(2))
LN2_HIGH = np.float32(math.log(2))
LN2_LOW = np.float32(math.log(2) - float(LN2_HIGH))
"""Two floats that together are ln 2."""
ROUNDER = np.float32(1.5 * 2**23)
"""Added and subtracted, it rounds to whole numbers, ties to even."""
ROUNDER_BITS = int(ROUNDER.view(np.int32))
BIAS = 127
"""Of the exponent of a float32."""
COEFFICIENTS = tuple(np.float32(1 / math.factorial(k)) for k in range(7, -1, -1))
"""Of the Taylor polynomial, the highest power first."""

_SMALLEST = np.float32(SMALLEST)
_C7, _C6, _C5, _C4, _C3, _C2, _ONE, _ = COEFFICIENTS
_ZERO = np.float32(0)

Float32 = Any


@device
def compute_exp(x: Float32) -> Float32:
    """exp(x) of a float32 x <= 0; 0 below `SMALLEST`; NaN of NaN."""
    clamped = _SMALLEST if x < _SMALLEST else x
    shifted = fused_multiply_add(clamped, LOG2_E, ROUNDER)
    whole = shifted - ROUNDER
    rest = fused_multiply_add(-whole, LN2_HIGH, clamped)
    rest = fused_multiply_add(-whole, LN2_LOW, rest)
    series = fused_multiply_add(_C7, rest, _C6)
    series = fused_multiply_add(series, rest, _C5)
    series = fused_multiply_add(series, rest, _C4)
    series = fused_multiply_add(series, rest, _C3)
    series = fused_multiply_add(series, rest, _C2)
    series = fused_multiply_add(series, rest, _ONE)
    series = fused_multiply_add(series, rest, _ONE)
    exponent = get_bits(shifted) - np.int32(ROUNDER_BITS - BIAS)
    power = series * make_float(np.int32(exponent << 23))
    return _ZERO if x < _SMALLEST else power
