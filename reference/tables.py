"""The tables of the integer units: reciprocal square root, SiLU, powers of two of the softmax.

Specified in docs/accelerator.md, sections 1 and 7.

Plain Python integers, because `reference`'s integer units and the hardware read the same entries.
"""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from math import isqrt

RSQRT_FRACTION_BITS = 16
"""T holds 2^16 / sqrt(i / 128)."""
RSQRT_FIRST_INDEX = 128
"""`RSQRT_TABLE[i - 128]` is T[i]."""
RSQRT_LAST_INDEX = 512

SILU_FRACTION_BITS = 15
"""U holds 2^15 silu(i / 32)."""
SILU_STEPS_PER_UNIT = 32
SILU_LAST_INDEX = 512
"""U ends at silu(16)."""

EXPONENTIAL_FRACTION_BITS = 15
"""E holds 2^15 2^(j / 256)."""
EXPONENTIAL_STEP_BITS = 8
"""An octave has 256 steps."""

_DECIMAL_CONTEXT = Context(prec=40)


def _compute_rsqrt_entry(index: int) -> int:
    """round(2^16 sqrt(128 / i)) exactly: floor(z + 1/2) = (floor(2 z) + 1) // 2, and the integer
    square root takes the floor of 2 z = sqrt(2^34 * 128 / i).
    """
    doubled_squared = (RSQRT_FIRST_INDEX << (2 * RSQRT_FRACTION_BITS + 2)) // index
    return (isqrt(doubled_squared) + 1) // 2


def _compute_silu_entry(index: int) -> int:
    """round(2^15 silu(i / 32)). `Decimal.exp` is correctly rounded, so 40 digits leave an error
    below 1e-30, and no entry lies within 1e-3 of a tie (a test encloses every entry).
    """
    with localcontext(_DECIMAL_CONTEXT):
        value = Decimal(index) / SILU_STEPS_PER_UNIT
        scaled = (value / (1 + (-value).exp())) * (1 << SILU_FRACTION_BITS)
        return int(scaled + Decimal("0.5"))


RSQRT_TABLE: tuple[int, ...] = tuple(
    _compute_rsqrt_entry(index) for index in range(RSQRT_FIRST_INDEX, RSQRT_LAST_INDEX + 1)
)
"""T[128] .. T[512]: 65,536 down to 32,768 (17 bits)."""

SILU_TABLE: tuple[int, ...] = tuple(
    _compute_silu_entry(index) for index in range(SILU_LAST_INDEX + 1)
)
"""U[0] .. U[512]: 0 up to 524,288 (20 bits)."""


def _compute_exponential_entry(index: int) -> int:
    """round(2^15 2^(j / 256)) exactly: floor(z + 1/2) = (floor(2 z) + 1) // 2, and 2 z is the 256th
    root of 2^(16 * 256 + j), whose floor is that of 8 integer square roots one after the other.
    """
    doubled = 1 << (((EXPONENTIAL_FRACTION_BITS + 1) << EXPONENTIAL_STEP_BITS) + index)
    for _ in range(EXPONENTIAL_STEP_BITS):
        doubled = isqrt(doubled)
    return (doubled + 1) // 2


EXPONENTIAL_TABLE: tuple[int, ...] = tuple(
    _compute_exponential_entry(index) for index in range(1 << EXPONENTIAL_STEP_BITS)
)
"""E[0] .. E[255]: 32,768 up to 65,359 (16 bits)."""
