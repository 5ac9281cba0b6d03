"""Small circuits that several units of the control half share."""

from __future__ import annotations

from collections.abc import Sequence

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS

SLOT_BITS = FIELD_BITS["slot"]
"""Width of the number of a batch slot."""

CORE_BITS = 5
"""Width of the number of a core, whatever their number."""


def connect(wire: pyrtl.WireVector, source: pyrtl.WireVector) -> None:
    """Drive a wire that was declared before its source existed."""
    wire <<= source


def mask(value: pyrtl.WireVector, enable: pyrtl.WireVector) -> pyrtl.WireVector:
    """`value` where `enable` (1 bit) is 1, else 0."""
    return pyrtl.select(enable, value, pyrtl.Const(0, len(value)))


def mark_slot(
    config: AcceleratorConfig, enable: pyrtl.WireVector, slot: pyrtl.WireVector
) -> pyrtl.WireVector:
    """B bits: that of `slot` is `enable`, the others are 0; a slot from B on marks nothing."""
    one_hot = pyrtl.shift_left_logical(enable.zero_extended(1 << SLOT_BITS), slot)
    return one_hot[: config.num_slots]


def read_slot(bits: pyrtl.WireVector, slot: pyrtl.WireVector) -> pyrtl.WireVector:
    """The bit of `slot`; 0 from B on."""
    return pyrtl.shift_right_logical(bits, slot)[0]


def select_value(values: Sequence[pyrtl.WireVector], index: pyrtl.WireVector) -> pyrtl.WireVector:
    """`values[index]`; any of them where there is none.

    The values may be fewer than `index` can name; bits of `index` above the last value are ignored.
    """
    if len(values) == 1:
        return values[0]
    num_bits = (len(values) - 1).bit_length()
    half = 1 << num_bits - 1
    low, high = select_value(values[:half], index), select_value(values[half:], index)
    return pyrtl.select(index[num_bits - 1], high, low)


def make_static_core(config: AcceleratorConfig, slot: pyrtl.WireVector) -> pyrtl.WireVector:
    """5 bits: b mod C."""
    num_core_bits = (config.num_cores - 1).bit_length()
    if config.num_cores == 1 << num_core_bits:
        low = slot[:num_core_bits] if num_core_bits else pyrtl.Const(0, 1)
        return low.zero_extended(CORE_BITS)
    cores = [pyrtl.Const(b % config.num_cores, CORE_BITS) for b in range(config.num_slots)]
    return select_value(cores, slot)
