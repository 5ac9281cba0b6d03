"""Number formats of attention, docs/accelerator.md, section 7 (D-46), and their shifts."""

from __future__ import annotations

import pyrtl

from fastcar.rtl.lanes import shift_right_arithmetic

LOGIT_BITS = 24
"""Of a logit z, signed, in steps of 2^-8 octaves."""
LOGIT_FRACTION_BITS = 8
EXPONENT_BITS = 17
"""Of the running maximum M, signed, in octaves."""
SOFTMAX_WEIGHT_BITS = 16
"""Of a weight p, unsigned, in units of 2^-16 2^M."""
GUARD_BITS = 11
"""That sum and context keep below a weight."""
TOTAL_BITS = 40
"""Of the sum S of all weights, in units of 2^-27 2^M."""
RESCALING_BITS = 6
"""Of a shift by whole octaves; from 63 on nothing is left of 48 bits but the sign."""
RECIPROCAL_BITS = 16
"""Of R: 1 / S is about R 2^-(e + 15)."""
BIT_LENGTH_BITS = 6
"""Of e, the bit length of S."""
NO_OCTAVE = -(1 << (EXPONENT_BITS - 1))
"""Takes the place of floor(z / 256) where a key does not count: below all others."""
NO_EXPONENT = NO_OCTAVE + 1
"""M of a head of which no key has counted yet."""

_FINE_BITS = 2


def limit_rescaling(octaves: pyrtl.WireVector) -> pyrtl.WireVector:
    """min(octaves, 63) of an unsigned number of more than 6 bits."""
    is_large = pyrtl.or_all_bits(octaves[RESCALING_BITS:])
    return octaves[:RESCALING_BITS] | is_large.sign_extended(RESCALING_BITS)


def shift_coarse(value: pyrtl.WireVector, rescaling: pyrtl.WireVector) -> pyrtl.WireVector:
    """The signed value shifted right by the multiple of 4 in the rescaling."""
    coarse = pyrtl.concat(rescaling[_FINE_BITS:], pyrtl.Const(0, _FINE_BITS))
    return shift_right_arithmetic(value, coarse)


def shift_fine(value: pyrtl.WireVector, rescaling: pyrtl.WireVector) -> pyrtl.WireVector:
    """What `shift_coarse` has left, shifted right by the rest of the rescaling."""
    return shift_right_arithmetic(value, rescaling[:_FINE_BITS])
