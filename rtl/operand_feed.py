"""Operand feed: which word of the buffers is read in every cycle, and what the MAC array gets.

One index walks over the words of the vectors, from 0 and around: with the weight beats for GEMV,
one word per cycle for the squares of NORM, for ADD, SCORE and DISTANCE, one per L / 2 cycles while
NORM scales. For STORE, STORE_KEY and STORE_VALUE it walks ahead of what is sent, as far as words
are on their way: with the words, wherever they flow. G in GEMV_SILU and P wherever there are
results follow the results instead. With attention SCORES and CONTEXT walk over blocks
(`fastcar.rtl.attention.block_walk`), G follows the results of ROPE and PICK, too, and P of ROPE is
read again for every head.

Contract: a beat or word of cycle t has its index in cycle t. `is_feeding` is 1 in the cycles 0
to words - 1 of NORM, ADD, SCORE and DISTANCE; `is_scaling` in words L / 2 cycles from the one on
after `is_norm_ready`, and in words L cycles from cycle 0 on of ROPE.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.block_walk import (
    BlockWalkInputs,
    BlockWalkOutputs,
    make_block_walk,
)
from fastcar.rtl.circuits import mask
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Opcode
from fastcar.rtl.registers import decrement, drive, increment, make_register
from fastcar.rtl.sequencer import (
    BLOCK_OPCODES,
    FEED_OPCODES,
    PRODUCT_OPCODES,
    STORE_OPCODES,
    SequencerOutputs,
    is_one_of,
)
from fastcar.rtl.vector_memory import count_index_bits


@dataclass(frozen=True)
class OperandFeedInputs:
    """Wires into the unit, each 1 bit.

    Attributes:
        clear: ends feeding and scaling.
        is_read_beat: a beat is read from memory.
        is_norm_ready: mantissa and shift of the norm are there.
        is_word_selected: the last lane of a word of results is selected.
        is_flowing: words on their way from the buffers go on.
    """

    clear: pyrtl.WireVector
    is_read_beat: pyrtl.WireVector
    is_norm_ready: pyrtl.WireVector
    is_word_selected: pyrtl.WireVector
    is_flowing: pyrtl.WireVector


@dataclass(frozen=True)
class OperandFeedOutputs:
    """Wires out of the unit.

    Attributes:
        operand_index: register, read index of X, N, H, Y and K.
        gate_index: register, of G.
        parameter_index: register, of P.
        is_first_word: 1 bit, the beat or word is the first one of a sum.
        is_last_word: 1 bit, it is the last one.
        is_weight_beat: 1 bit, the beat of this cycle is one of weights, keys or values.
        is_feeding: 1 bit.
        is_scaling: 1 bit.
        walk: over blocks; None without attention.
    """

    operand_index: pyrtl.Register
    gate_index: pyrtl.Register
    parameter_index: pyrtl.Register
    is_first_word: pyrtl.WireVector
    is_last_word: pyrtl.WireVector
    is_weight_beat: pyrtl.WireVector
    is_feeding: pyrtl.WireVector
    is_scaling: pyrtl.WireVector
    walk: BlockWalkOutputs | None = None


def make_operand_feed(
    config: AcceleratorConfig, name: str, sequencer: SequencerOutputs, inputs: OperandFeedInputs
) -> OperandFeedOutputs:
    """Build indices and phases."""
    # State.
    index_bits = count_index_bits(config)
    operand_index_q = make_register(index_bits, f"{name}_operand_index")
    gate_index_q = make_register(index_bits, f"{name}_gate_index")
    parameter_index_q = make_register(index_bits, f"{name}_parameter_index")
    last_index_q = make_register(index_bits, f"{name}_last_index")
    is_feeding_q = make_register(1, f"{name}_is_feeding")
    is_scaling_q = make_register(1, f"{name}_is_scaling")

    # Datapath.
    fields, is_starting = sequencer.fields, sequencer.is_starting
    is_product = is_one_of(fields, PRODUCT_OPCODES)
    is_weight_beat = inputs.is_read_beat & is_product
    # Larger lengths than a buffer are refused before dispatch: the upper bits are 0.
    head = sequencer.head
    last_row, last_column = (decrement(head[name][:index_bits]) for name in ("rows", "columns"))
    last_index = pyrtl.select(is_one_of(head, PRODUCT_OPCODES), last_column, last_row)
    drive(last_index_q, (is_starting, last_index))
    is_last_word = operand_index_q == last_index_q
    is_scaled = is_scaling_q & inputs.is_word_selected
    is_storing = is_one_of(fields, STORE_OPCODES) & inputs.is_flowing
    is_step = is_feeding_q | is_weight_beat | is_scaled | is_storing

    # Control.
    following = pyrtl.select(is_last_word, pyrtl.Const(0, index_bits), increment(operand_index_q))
    operand_steps = ((is_starting, 0), (is_step, following))
    walk = _make_walk(config, f"{name}_walk", sequencer, inputs.is_read_beat, operand_index_q)
    walk_steps: tuple[tuple[pyrtl.WireVector, pyrtl.WireVector], ...] = ()
    if walk is not None:
        is_walked = is_one_of(fields, BLOCK_OPCODES)
        is_walk_begin = sequencer.is_first_cycle & is_walked
        walk_steps = (
            (is_walk_begin, walk.first),
            (inputs.is_read_beat & is_walked, walk.following),
        )
    drive(operand_index_q, *walk_steps, *operand_steps)
    is_gated = is_one_of(fields, (Opcode.GEMV_SILU, Opcode.ROPE, Opcode.PICK))
    _drive_result_index(gate_index_q, is_gated, inputs.is_word_selected, operand_steps)
    is_turn = is_one_of(fields, (Opcode.ROPE,))
    has_results = is_product | is_one_of(fields, (Opcode.NORM, Opcode.ROPE))
    is_head_end = None
    if config.attention is not None:
        last_of_head = config.attention.head_dim // config.num_lanes - 1
        is_head_end = is_turn & (parameter_index_q == last_of_head)
    _drive_result_index(
        parameter_index_q, has_results, inputs.is_word_selected, operand_steps, is_head_end
    )

    is_fed = is_one_of(sequencer.head, FEED_OPCODES)
    drive(is_feeding_q, (is_starting, is_fed), (is_last_word, 0), clear=inputs.clear)
    turn_steps: tuple[tuple[pyrtl.WireVector, int], ...] = ()
    if walk is not None:
        turn_steps = ((is_starting & is_one_of(head, (Opcode.ROPE,)), 1),)
    drive(
        is_scaling_q,
        *turn_steps,
        (inputs.is_norm_ready, 1),
        (is_scaled & is_last_word, 0),
        clear=inputs.clear,
    )
    is_sum_first, is_sum_last = operand_index_q == 0, is_last_word
    if walk is not None:
        is_each = is_one_of(fields, (Opcode.CONTEXT,))
        is_sum_first = pyrtl.select(is_walked, walk.is_key_first | is_each, is_sum_first)
        is_sum_last = pyrtl.select(is_walked, walk.is_key_last | is_each, is_sum_last)
        is_weight_beat = is_weight_beat | inputs.is_read_beat & is_walked
    return OperandFeedOutputs(
        operand_index=operand_index_q,
        gate_index=gate_index_q,
        parameter_index=parameter_index_q,
        is_first_word=is_sum_first,
        is_last_word=is_sum_last,
        is_weight_beat=is_weight_beat,
        is_feeding=is_feeding_q,
        is_scaling=is_scaling_q,
        walk=walk,
    )


def _make_walk(
    config: AcceleratorConfig,
    name: str,
    sequencer: SequencerOutputs,
    is_read_beat: pyrtl.WireVector,
    operand_index: pyrtl.Register,
) -> BlockWalkOutputs | None:
    """Over the blocks of SCORES and CONTEXT; None without attention."""
    if config.attention is None:
        return None
    fields = sequencer.fields
    is_walked = is_one_of(fields, BLOCK_OPCODES)
    return make_block_walk(
        config,
        name,
        BlockWalkInputs(
            start=sequencer.is_first_cycle & is_walked,
            is_beat=is_read_beat & is_walked,
            num_blocks=fields["rows"],
            group=pyrtl.concat(fields["target"], fields["source"]),
            first_score_word=fields["columns"],
            operand_index=operand_index,
        ),
    )


def _drive_result_index(
    register: pyrtl.Register,
    follows_results: pyrtl.WireVector,
    is_word_selected: pyrtl.WireVector,
    operand_steps: tuple[tuple[pyrtl.WireVector, int], tuple[pyrtl.WireVector, pyrtl.WireVector]],
    is_end: pyrtl.WireVector | None = None,
) -> None:
    """An index that counts words of results where it follows them, else walks as the operand's.

    Behind `is_end` (1 bit) it begins anew.
    """
    start, (is_step, following) = operand_steps
    next_word = increment(register)
    if is_end is not None:
        next_word = mask(next_word, ~is_end)
    drive(
        register,
        start,
        (follows_results & is_word_selected, next_word),
        (~follows_results & is_step, following),
    )
