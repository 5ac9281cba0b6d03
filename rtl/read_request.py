"""Beats of the one read request of an instruction: LOAD and GEMV.

Contract: from the first cycle of the instruction on, until its last.
"""

from __future__ import annotations

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.channel import NUM_BEATS_BITS
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Opcode, get_buffer_words
from fastcar.rtl.registers import drive, fit, make_register
from fastcar.rtl.sequencer import SequencerOutputs, is_one_of
from fastcar.rtl.vector_memory import count_index_bits


def check_request_size(config: AcceleratorConfig) -> None:
    """Every GEMV that is legal by the capacities of the buffers must fit in one request."""
    most_words = max(get_buffer_words(config, buffer) for buffer in Buffer)
    num_beats = most_words**2 * config.num_lanes
    if num_beats >= 1 << NUM_BEATS_BITS:
        raise ArgumentError(
            "largest buffer", f"{most_words} words", "small enough for one request of 65,535 beats"
        )


def count_beats(
    config: AcceleratorConfig, name: str, sequencer: SequencerOutputs
) -> pyrtl.WireVector:
    """Beats of LOAD (2 rows) or of GEMV (rows L times columns), 16 bits; multiplied at the head."""
    index_bits = count_index_bits(config)
    fields, head = sequencer.fields, sequencer.head
    # Larger lengths than a buffer are refused before dispatch: the upper bits are 0.
    rows, columns = head["rows"][:index_bits], head["columns"][:index_bits]
    num_blocks_q = make_register(2 * index_bits, f"{name}_num_blocks")
    drive(num_blocks_q, (sequencer.is_starting, rows * columns))
    lane_bits = config.num_lanes.bit_length() - 1
    product = pyrtl.concat(num_blocks_q, pyrtl.Const(0, lane_bits))
    # `check_request_size`: the bits above the 16 are 0.
    product_beats = product[:NUM_BEATS_BITS].zero_extended(NUM_BEATS_BITS)
    load_beats = fit(pyrtl.concat(fields["rows"][:index_bits], pyrtl.Const(0, 1)), NUM_BEATS_BITS)
    return pyrtl.select(is_one_of(fields, (Opcode.LOAD,)), load_beats, product_beats)
