"""Scores of one query: logits from the result path to the softmax, weights to the score buffer.

Words of logits come block by block, in each block head by head, as their keys were streamed; what
they are is counted, not carried along.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.block_walk import (
    count_score_index_bits,
    make_block_flags,
    make_step_counter,
    mark_visible,
)
from fastcar.rtl.attention.softmax import SoftmaxInputs, SoftmaxOutputs, make_softmax
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import split_options
from fastcar.rtl.registers import drive, increment, make_register


@dataclass(frozen=True)
class ScoringInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        start: 1 bit, first cycle of SCORES.
        fields: of the instruction.
        word_valid: 1 bit, a word of logits that has weights.
        logits: L times 24 bits, signed.
        exponent_head: register, key head whose exponent CONTEXT reads.
        reciprocal_head: register, key head whose reciprocal it reads.
    """

    clear: pyrtl.WireVector
    start: pyrtl.WireVector
    fields: dict[str, pyrtl.WireVector]
    word_valid: pyrtl.WireVector
    logits: pyrtl.WireVector
    exponent_head: pyrtl.Register
    reciprocal_head: pyrtl.Register


def make_scoring(config: AcceleratorConfig, name: str, inputs: ScoringInputs) -> SoftmaxOutputs:
    """Build the counters of words and the softmax."""
    attention = config.attention
    assert attention is not None
    # State.
    index_q = make_register(count_score_index_bits(config), f"{name}_index")

    # Datapath.
    start, fields = inputs.start, inputs.fields
    options = split_options(fields["reserved"])
    num_heads = attention.num_key_value_heads
    head_q, is_block_end = make_step_counter(f"{name}_head", num_heads, start, inputs.word_valid)
    flags = make_block_flags(name, start, is_block_end, fields["rows"])
    visible = mark_visible(config.num_lanes, flags, options["first_lane"], options["last_lane"])

    # Control.
    drive(
        index_q,
        (start, fields["columns"][: len(index_q)]),
        (inputs.word_valid, increment(index_q)),
    )
    return make_softmax(
        f"{name}_softmax",
        num_heads,
        SoftmaxInputs(
            clear=inputs.clear,
            is_fresh=options["is_fresh"],
            is_final=options["is_final"],
            word_valid=inputs.word_valid,
            logits=inputs.logits,
            visible=visible,
            is_first_block=flags.is_first,
            is_last_block=flags.is_last,
            head=head_q,
            word_index=index_q,
            exponent_head=inputs.exponent_head,
            reciprocal_head=inputs.reciprocal_head,
        ),
    )
