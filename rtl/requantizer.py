"""Requantisation: a wide sum times an unsigned multiplier, rounded, shifted and saturated.

Source: docs/accelerator.md, section 1: sat16((accumulator * multiplier + half) >> shift) with
half = 2^(shift - 1), 0 if shift = 0. GEMV, the RMS norm and the hidden activations all end here.

Contract: one value in every cycle, the result of the value of cycle t is there in cycle
t + LATENCY_CYCLES. Every shift from 0 to 63 is exact.

Half is added after the shift: (z + half) >> shift = (z >> shift) + the last bit that was shifted
out.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import (
    ACTIVATION_BITS,
    MAX_ACTIVATION,
    shift_right_arithmetic,
    signed_product,
    signed_sum,
)
from fastcar.rtl.registers import delay, latch

LATENCY_CYCLES = 5
PRODUCT_CYCLES = 2
"""Of them partial products and their sum."""
SHIFT_BITS = 6
PART_BITS = 17
"""The accumulator is multiplied in three parts; with a sign each fits in one 18-bit multiplier."""
FINE_SHIFT_BITS = 2
"""The shift is taken in two steps: by multiples of 4, then by the rest."""
NARROW_BITS = 21
"""Halves that need more bits before a shift by at most 3 saturate after it, too."""
MAX_BYTE = 127
"""Of what is narrow: a key or value of the cache."""


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from value to result, the same in every configuration."""
    del config
    return LATENCY_CYCLES


@dataclass(frozen=True)
class RequantizerInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all values under way.
        valid: 1 bit, a value is there.
        accumulator: signed, more than 34 bits.
        multiplier: unsigned, 16 or 17 bits.
        shift: 6 bits; stays the same while values are under way, unless it moves with them.
        is_narrow: 1 bit, the same: results are limited to -127 .. 127; None: never.
    """

    clear: pyrtl.WireVector
    valid: pyrtl.WireVector
    accumulator: pyrtl.WireVector
    multiplier: pyrtl.WireVector
    shift: pyrtl.WireVector
    is_narrow: pyrtl.WireVector | None = None


@dataclass(frozen=True)
class RequantizerOutputs:
    """Wires out of the unit.

    Attributes:
        is_coming: 1 bit, a result is there in the next cycle.
        valid: 1 bit, a result is there.
        result: 16 bits, signed.
        wide: `wide_bits`, signed; the same without a limit; None without those.
    """

    is_coming: pyrtl.WireVector
    valid: pyrtl.WireVector
    result: pyrtl.WireVector
    wide: pyrtl.WireVector | None = None


def make_requantizer(
    name: str, inputs: RequantizerInputs, moves: bool = False, wide_bits: int = 0
) -> RequantizerOutputs:
    """Build the pipeline: partial products, sum, shift in two steps, rounding and saturation.

    Args:
        name: of the unit.
        inputs: see there.
        moves: the shift is that of the value of its cycle, and goes with it (CONTEXT).
        wide_bits: width of results without a limit, for values that are known to fit (SCORES); 0:
            none are made.
    """
    # Datapath.
    sum_q = latch(_make_product(name, inputs), f"{name}_sum")
    # A zero behind: the last bit that is shifted out stays, and is 0 if shift = 0.
    halves = pyrtl.concat(sum_q, pyrtl.Const(0, 1))
    steps, fine = inputs.shift[FINE_SHIFT_BITS:], inputs.shift[:FINE_SHIFT_BITS]
    if moves:
        steps = delay(steps, PRODUCT_CYCLES, f"{name}_steps")
        fine = delay(fine, PRODUCT_CYCLES + 1, f"{name}_fine")
    coarse = pyrtl.concat(steps, pyrtl.Const(0, FINE_SHIFT_BITS))
    coarse_q = latch(shift_right_arithmetic(halves, coarse), f"{name}_coarse")
    # Half and fine shift stand below the bits of a result without a limit.
    num_bits = max(NARROW_BITS, wide_bits + (1 << FINE_SHIFT_BITS))
    sign, low = coarse_q[-1], coarse_q[:num_bits]
    quotient_q = latch(shift_right_arithmetic(low, fine), f"{name}_quotient")
    sign_q = latch(sign, f"{name}_sign")
    is_wide_q = latch(_is_wide(coarse_q, num_bits), f"{name}_is_wide")
    result = round_saturating(quotient_q, sign_q, is_wide_q, inputs.is_narrow)
    result_q = latch(result, f"{name}_result")
    wide_q = None
    if wide_bits:
        wide_q = latch(_round(quotient_q, wide_bits), f"{name}_wide")

    # Control.
    is_coming = delay(inputs.valid, LATENCY_CYCLES - 1, f"{name}_is_coming", inputs.clear)
    valid_q = delay(is_coming, 1, f"{name}_valid", inputs.clear)
    return RequantizerOutputs(is_coming, valid_q, result_q, wide_q)


def _make_product(name: str, inputs: RequantizerInputs) -> pyrtl.WireVector:
    """Accumulator times multiplier, from the registers of its three partial products."""
    zero = pyrtl.Const(0, 1)
    multiplier = pyrtl.concat(zero, inputs.multiplier)
    accumulator = inputs.accumulator
    parts = {
        "low": pyrtl.concat(zero, accumulator[:PART_BITS]),
        "middle": pyrtl.concat(zero, accumulator[PART_BITS : 2 * PART_BITS]),
        "high": accumulator[2 * PART_BITS :],
    }
    low_q, middle_q, high_q = (
        latch(signed_product(part, multiplier), f"{name}_{place}_product")
        for place, part in parts.items()
    )
    # The product of the lowest part is not negative and has 2 PART_BITS bits at most.
    outer = pyrtl.concat(high_q, low_q[: 2 * PART_BITS])
    inner = pyrtl.concat(middle_q, pyrtl.Const(0, PART_BITS))
    return signed_sum(outer, inner)


def _is_wide(value: pyrtl.WireVector, num_bits: int) -> pyrtl.WireVector:
    """1 bit: the value needs more bits, so it saturates whatever the fine shift."""
    upper = value[num_bits - 1 :]
    return ~pyrtl.and_all_bits(upper) & pyrtl.or_all_bits(upper)


def round_saturating(
    halves: pyrtl.WireVector,
    sign: pyrtl.WireVector,
    is_wide: pyrtl.WireVector,
    is_narrow: pyrtl.WireVector | None = None,
) -> pyrtl.WireVector:
    """sat16 of a signed number of halves, rounded upwards; 16 bits.

    The quotient alone says whether it saturates: 32767 and -32768 give the limit with a half and
    without, and so do 127 and -128 where the limit is narrow.

    Args:
        halves: the number, counts where `is_wide` is 0.
        sign: 1 bit, that of the number.
        is_wide: 1 bit; the number is larger than `halves` can say, and saturates.
        is_narrow: 1 bit; the limit is 127; None: never.
    """
    limits = _find_limits(halves, sign, is_wide, MAX_ACTIVATION)
    if is_narrow is not None:
        narrow_limits = _find_limits(halves, sign, is_wide, MAX_BYTE)
        limits = tuple(
            pyrtl.select(is_narrow, *pair) for pair in zip(narrow_limits, limits, strict=True)
        )
    is_large, is_small, largest, smallest = limits
    rounded = _round(halves, ACTIVATION_BITS)
    return pyrtl.select(is_large, largest, pyrtl.select(is_small, smallest, rounded))


def _find_limits(
    halves: pyrtl.WireVector, sign: pyrtl.WireVector, is_wide: pyrtl.WireVector, limit: int
) -> tuple[pyrtl.WireVector, ...]:
    """Whether the number is too large, or too small, and what it becomes then, 16 bits."""
    quotient, num_bits = halves[1:], limit.bit_length()
    upper, lower = quotient[num_bits:-1], quotient[:num_bits]
    return (
        ~sign & (is_wide | pyrtl.or_all_bits(upper) | pyrtl.and_all_bits(lower)),
        sign & (is_wide | ~pyrtl.and_all_bits(upper) | (lower == 0)),
        pyrtl.Const(limit, ACTIVATION_BITS),
        pyrtl.Const(-limit, ACTIVATION_BITS, signed=True),
    )


def _round(halves: pyrtl.WireVector, num_bits: int) -> pyrtl.WireVector:
    """The lower bits of a number of halves, rounded upwards."""
    return (halves[1 : num_bits + 1] + halves[0])[:num_bits]
