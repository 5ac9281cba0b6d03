"""Beats of the one read request of an instruction: LOAD, EMBED, products, SCORES and CONTEXT.

Contract: from the first cycle of the instruction on, until its last.
"""

from __future__ import annotations

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.channel import NUM_BEATS_BITS
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, get_buffer_words
from fastcar.rtl.registers import drive, fit, make_register
from fastcar.rtl.sequencer import BLOCK_OPCODES, LOAD_OPCODES, SequencerOutputs, is_one_of
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
    """Beats of LOAD (2 rows), of GEMV (rows L times columns) or of blocks (rows times K), 16 bits.

    Multiplied at the head.
    """
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
    beats = pyrtl.select(is_one_of(fields, LOAD_OPCODES), load_beats, product_beats)
    if config.attention is None:
        return beats
    block_beats_q = make_register(NUM_BEATS_BITS, f"{name}_block_beats")
    # The sizes of attention see to it that no run of blocks is too long for one request.
    block_beats = head["rows"] * pyrtl.Const(config.attention.key_size)
    block_beats = block_beats.zero_extended(max(len(block_beats), NUM_BEATS_BITS))
    drive(block_beats_q, (sequencer.is_starting, block_beats[:NUM_BEATS_BITS]))
    return pyrtl.select(is_one_of(fields, BLOCK_OPCODES), block_beats_q, beats)
