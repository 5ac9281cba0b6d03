"""How far the tabulated reciprocal square root and SiLU are from the functions, with proof.

Reciprocal square root. With M = V 2^(46 - 2 t), R 2^-(16 + t) sqrt(V) = R sqrt(M) 2^-39 exactly. R
depends only on j = M >> 31, so over M in [j 2^31, (j + 1) 2^31) that quotient, which should be 1,
rises with M and is extreme at the ends: its square lies between j R^2 2^-47 and (j + 1) R^2 2^-47.
There are 98,304 values of j; all are looked at, in integers below 2^52.

SiLU. A gate is a whole number A of 2^-11. For A < 2^15 all 32,768 values are looked at, in balls.
Beyond, the result is a itself, off by a - silu(a) = a / (1 + e^a), which falls for a > 1.28, so it
is largest at a = 16. For -a the same number a is taken from the result and from the function.

Source: ours.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.arithmetic import Scalar, get_maximum, to_balls
from fastcar.proofs.swiglu import compute_silu
from fastcar.reference.arrays import Int16Array, Int64Array
from fastcar.reference.integer.units import GATE_FRACTION_BITS, compute_integer_silu, compute_rsqrt
from fastcar.reference.tables import SILU_FRACTION_BITS

RSQRT_RELATIVE_ERROR = 3.309e-5
"""At least |R 2^-(16 + t) sqrt(V) - 1| for every V of `compute_rsqrt`."""

SILU_ABSOLUTE_ERROR = 8.64e-5
"""At least |result 2^-15 - silu(gate)| for every gate, in the units of silu; 2.83 of 2^-15."""

FIRST_CELL, LAST_CELL = 1 << 15, (1 << 17) - 1
"""Values of j = M >> 31."""


def get_roots() -> Int64Array:
    """R of every cell j: V = j 2^29 has t = 22 and M = j 2^31."""
    return compute_rsqrt(np.arange(FIRST_CELL, LAST_CELL + 1) << 29)[0]


def compute_squared_quotients(roots: Int64Array) -> tuple[Fraction, Fraction]:
    """Least and largest square of R 2^-(16 + t) sqrt(V), exactly; roots of all cells in order."""
    cells = np.arange(FIRST_CELL, LAST_CELL + 1)
    squares = roots * roots  # at most 2^32
    least, largest = (cells * squares).min(), ((cells + 1) * squares).max()
    return Fraction(int(least), 1 << 47), Fraction(int(largest), 1 << 47)


def is_rsqrt_error_below(limit: float, roots: Int64Array) -> bool:
    """Whether the relative error is at most `limit` for every V; exact."""
    least, largest = compute_squared_quotients(roots)
    return (1 - Fraction(limit)) ** 2 <= least and largest <= (1 + Fraction(limit)) ** 2


def compute_silu_error(
    compute_unit: Callable[[Int16Array, int], NDArray[np.int64]] = compute_integer_silu,
) -> Scalar:
    """Ball around the largest error of the unit over all gates up to 16, in the units of silu.

    Larger gates are off by less than the last one looked at, A = 2^15.
    """
    magnitudes = np.arange((1 << 15) + 1)
    # A gate shift of 1 reaches A = 2^15; odd A need a gate shift of 0.
    even = compute_unit((magnitudes[::2] // 2).astype(np.int16), 1)
    odd = compute_unit(magnitudes[1::2].astype(np.int16), 0)
    results = np.empty(len(magnitudes))
    results[::2], results[1::2] = even, odd
    exact = compute_silu(to_balls(magnitudes / 2.0**GATE_FRACTION_BITS))
    return get_maximum(abs(to_balls(results / 2.0**SILU_FRACTION_BITS) - exact))
