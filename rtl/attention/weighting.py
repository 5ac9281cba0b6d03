"""Weighted values: sums of the MAC array to the accumulators of CONTEXT, and from there to results.

Contract: a sum of cycle t that is the last one of its accumulator is announced to the result path
in cycle t + ANNOUNCE_CYCLES; accumulator, reciprocal and shift are there
`context.LATENCY_CYCLES` after t. `is_done` follows the last sum by as much where nothing is passed
on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention import context
from fastcar.rtl.attention.block_walk import make_block_flags, make_step_counter
from fastcar.rtl.attention.context import ContextInputs, count_position_bits, make_context
from fastcar.rtl.attention.softmax import READ_CYCLES, SoftmaxOutputs
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import split_options
from fastcar.rtl.registers import delay

ANNOUNCE_CYCLES = 1
REQUANTISATION_BITS = 7
"""The shift of a context is e + 7."""


@dataclass(frozen=True)
class WeightingInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        start: 1 bit, first cycle of CONTEXT.
        fields: of the instruction.
        sum_valid: 1 bit, a sum of CONTEXT is there.
        sum: 48 bits, signed.
        drop: 17 bits, M of its head - M of its word.
    """

    clear: pyrtl.WireVector
    start: pyrtl.WireVector
    fields: dict[str, pyrtl.WireVector]
    sum_valid: pyrtl.WireVector
    sum: pyrtl.WireVector
    drop: pyrtl.WireVector


@dataclass(frozen=True)
class WeightingOutputs:
    """Wires out of the unit.

    Attributes:
        is_coming: 1 bit, an element is announced.
        value: 48 bits, signed, A.
        reciprocal: 16 bits, R.
        shift: 6 bits, e + 7.
        is_done: 1 bit, the last sum is in its accumulator, and none is passed on.
    """

    is_coming: pyrtl.WireVector
    value: pyrtl.WireVector
    reciprocal: pyrtl.WireVector
    shift: pyrtl.WireVector
    is_done: pyrtl.WireVector


def make_weighting(
    config: AcceleratorConfig,
    name: str,
    inputs: WeightingInputs,
    reciprocal_head: pyrtl.Register,
    softmax: SoftmaxOutputs,
) -> WeightingOutputs:
    """Build the counters of sums, the accumulators and what finishes them.

    Args:
        config: sizes.
        name: of the unit.
        inputs: see there.
        reciprocal_head: register that is driven here, for the softmax.
        softmax: which answers to it.
    """
    attention = config.attention
    assert attention is not None
    # Datapath.
    start, is_step = inputs.start, inputs.sum_valid
    options = split_options(inputs.fields["reserved"])
    num_heads = attention.num_key_value_heads
    _, is_head_end = make_step_counter(f"{name}_element", attention.head_dim, start, is_step)
    head_q, is_block_end = make_step_counter(f"{name}_head", num_heads, start, is_head_end)
    flags = make_block_flags(name, start, is_block_end, inputs.fields["rows"])
    position_q, _ = make_step_counter(f"{name}_position", attention.key_size, start, is_step)
    assert len(position_q) == count_position_bits(attention.key_size)
    is_passed = flags.is_last & options["is_final"]
    accumulators = make_context(
        f"{name}_context",
        ContextInputs(
            clear=inputs.clear,
            sum_valid=is_step,
            sum=inputs.sum,
            is_first=flags.is_first & options["is_fresh"],
            is_last=is_passed,
            position=position_q,
            drop=inputs.drop,
        ),
    )
    reciprocal_head.next <<= head_q
    wait = context.LATENCY_CYCLES - READ_CYCLES - 1
    bit_length = softmax.read_bit_length
    shift = (bit_length + pyrtl.Const(REQUANTISATION_BITS, len(bit_length)))[: len(bit_length)]

    # Control.
    is_end = is_block_end & flags.is_last & ~options["is_final"]
    return WeightingOutputs(
        is_coming=delay(is_step & is_passed, ANNOUNCE_CYCLES, f"{name}_is_coming", inputs.clear),
        value=accumulators.value,
        reciprocal=delay(softmax.read_reciprocal, wait, f"{name}_reciprocal"),
        shift=delay(shift, wait, f"{name}_shift"),
        is_done=delay(is_end, context.LATENCY_CYCLES, f"{name}_is_done", inputs.clear),
    )
