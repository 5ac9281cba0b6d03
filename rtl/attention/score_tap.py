"""The score tapped from the stream of attention: what SCORES computes anyway, added over all heads.

Source: docs/accelerator.md, section 7: the Temporal Attention Score is the sum over heads of the
accumulators of the aligned key. They pass here one by one, so it costs no cycle.

Contract: a sum of cycle t is part of the score from cycle t + LATENCY_CYCLES on, in which `is_done`
is 1 if it was the last one of the instruction.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.block_walk import make_block_flags, make_step_counter
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.registers import delay, drive, latch, make_register

LATENCY_CYCLES = 2
"""The sum in a register, the score."""


@dataclass(frozen=True)
class ScoreTapInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets the score.
        start: 1 bit, first cycle of SCORES; the instruction's own values hold from here on.
        sum_valid: 1 bit, a sum of SCORES is there.
        sum: 48 bits, signed, query times key.
        num_blocks: of the instruction.
        is_tapped: 1 bit, it has the aligned key.
        distance: blocks from the last one back to that of the aligned key.
        lane: of the aligned key in its block.
        is_taken: 1 bit, the score has been taken: the next one starts from 0.
    """

    clear: pyrtl.WireVector
    start: pyrtl.WireVector
    sum_valid: pyrtl.WireVector
    sum: pyrtl.WireVector
    num_blocks: pyrtl.WireVector
    is_tapped: pyrtl.WireVector
    distance: pyrtl.WireVector
    lane: pyrtl.WireVector
    is_taken: pyrtl.WireVector


@dataclass(frozen=True)
class ScoreTapOutputs:
    """Wires out of the unit.

    Attributes:
        score: register, 48 bits, signed.
        is_done: 1 bit.
    """

    score: pyrtl.Register
    is_done: pyrtl.WireVector


def make_score_tap(config: AcceleratorConfig, name: str, inputs: ScoreTapInputs) -> ScoreTapOutputs:
    """Build the counters of keys, heads and blocks, and the sum."""
    attention = config.attention
    assert attention is not None
    # State.
    score_q = make_register(ACCUMULATOR_BITS, f"{name}_score")

    # Datapath.
    start = inputs.start
    key_q, is_head_end = make_step_counter(f"{name}_key", config.num_lanes, start, inputs.sum_valid)
    num_heads = attention.num_key_value_heads
    _, is_block_end = make_step_counter(f"{name}_head", num_heads, start, is_head_end)
    flags = make_block_flags(name, start, is_block_end, inputs.num_blocks)
    is_block = flags.num_behind == inputs.distance
    is_aligned = is_block & (key_q == inputs.lane) & inputs.is_tapped
    is_added_q = delay(inputs.sum_valid & is_aligned, 1, f"{name}_is_added", inputs.clear)
    sum_q = latch(inputs.sum, f"{name}_sum")

    # Control.
    drive(
        score_q,
        (inputs.is_taken, 0),
        (is_added_q, (score_q + sum_q)[:ACCUMULATOR_BITS]),
        clear=inputs.clear,
    )
    is_end = is_block_end & flags.is_last
    return ScoreTapOutputs(score_q, delay(is_end, LATENCY_CYCLES, f"{name}_is_done", inputs.clear))
