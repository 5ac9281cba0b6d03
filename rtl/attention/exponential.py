"""Weight of a key: a power of two from a table of one octave, shifted and rounded.

Source: docs/accelerator.md, section 7: i = 256 M - z - 1, k = floor(i / 256),
p = round(E[255 - i mod 256] 2^-k). 255 - i mod 256 is z mod 256, so that the table need not wait
for M, and k is M - floor(z / 256) - 1. From k = 17 on p is 0.

Contract: a logit in every cycle, its exponent one cycle later; the weight of the logit of cycle t
is there in cycle t + LATENCY_CYCLES. A visible logit is below 256 M.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.reference.tables import (
    EXPONENTIAL_FRACTION_BITS,
    EXPONENTIAL_STEP_BITS,
    EXPONENTIAL_TABLE,
)
from fastcar.rtl.attention.formats import EXPONENT_BITS, LOGIT_FRACTION_BITS
from fastcar.rtl.circuits import mask
from fastcar.rtl.registers import delay, increment, latch
from fastcar.rtl.vector_memory import FETCH_CYCLES

LATENCY_CYCLES = FETCH_CYCLES + 2
"""Table, shift, rounding."""
ENTRY_BITS = EXPONENTIAL_FRACTION_BITS + 1
OCTAVE_BITS = 5
"""Of k where p can be above 0; with more of them nothing is left of an entry either."""


@dataclass(frozen=True)
class ExponentialInputs:
    """Wires into the unit.

    Attributes:
        logit: register, 24 bits, signed, z.
        visible: 1 bit, with the logit; where it is 0 the weight is 0.
        exponent: EXPONENT_BITS, signed, M, one cycle after its logit.
    """

    logit: pyrtl.WireVector
    visible: pyrtl.WireVector
    exponent: pyrtl.WireVector


def make_exponential(name: str, inputs: ExponentialInputs) -> pyrtl.WireVector:
    """Build the pipeline; gives p, 16 bits."""
    # Datapath.
    rom = pyrtl.RomBlock(
        bitwidth=ENTRY_BITS,
        addrwidth=EXPONENTIAL_STEP_BITS,
        romdata=list(EXPONENTIAL_TABLE),
        name=f"{name}_table",
        asynchronous=False,
    )
    entry = delay(rom[inputs.logit[:EXPONENTIAL_STEP_BITS]], FETCH_CYCLES, f"{name}_entry")
    octave = delay(inputs.logit[LOGIT_FRACTION_BITS:], 1, f"{name}_octave")
    # M - floor(z / 256) - 1; the complement is the negative less 1.
    distance = inputs.exponent + ~octave.sign_extended(EXPONENT_BITS)
    distance_q = latch(distance[:EXPONENT_BITS], f"{name}_distance")
    doubled = pyrtl.concat(entry, pyrtl.Const(0, 1))
    halves = pyrtl.shift_right_logical(doubled, distance_q[:OCTAVE_BITS])
    halves_q = latch(halves, f"{name}_halves")
    rounded = increment(halves_q)[1:]

    # Control.
    is_visible = delay(inputs.visible, FETCH_CYCLES, f"{name}_is_visible")
    is_near = ~pyrtl.or_all_bits(distance_q[OCTAVE_BITS:])
    is_counted_q = latch(is_visible & is_near, f"{name}_is_counted")
    return latch(mask(rounded, is_counted_q), f"{name}_weight")
