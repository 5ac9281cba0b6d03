"""Walk over blocks of keys or values: what the beat of every cycle meets.

A block is K beats, d for each key head. For SCORES these are L keys of d / L beats, and every key
meets the d / L words of its head's query; for CONTEXT they are d dimensions, and each of them meets
the word of weights of its head and block.

Contract: `start` before the first beat; what is said of a beat stands in its own cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.registers import decrement, drive, increment, make_register


@dataclass(frozen=True)
class BlockFlags:
    """Where a walk is among its blocks.

    Attributes:
        is_first: register, 1 bit.
        is_last: register, 1 bit.
        num_behind: register; blocks that come after this one.
    """

    is_first: pyrtl.Register
    is_last: pyrtl.Register
    num_behind: pyrtl.Register


def make_block_flags(
    name: str, start: pyrtl.WireVector, is_end: pyrtl.WireVector, num_blocks: pyrtl.WireVector
) -> BlockFlags:
    """Count blocks from `start` on; `is_end` (1 bit) with the last step of each of them."""
    is_first_q = make_register(1, f"{name}_is_first_block")
    is_last_q = make_register(1, f"{name}_is_last_block")
    num_behind_q = make_register(len(num_blocks), f"{name}_num_blocks_behind")
    drive(is_first_q, (start, 1), (is_end, 0))
    drive(is_last_q, (start, num_blocks == 1), (is_end, num_behind_q == 1))
    drive(num_behind_q, (start, decrement(num_blocks)), (is_end, decrement(num_behind_q)))
    return BlockFlags(is_first_q, is_last_q, num_behind_q)


def make_step_counter(
    name: str, num_steps: int, start: pyrtl.WireVector, is_step: pyrtl.WireVector
) -> tuple[pyrtl.Register, pyrtl.WireVector]:
    """A number of steps, around and around, and 1 bit: this step is the last one of a round."""
    count_q = make_register(max(1, (num_steps - 1).bit_length()), name)
    is_last = is_step & (count_q == num_steps - 1)
    drive(count_q, (start | is_last, 0), (is_step, increment(count_q)))
    return count_q, is_last


@dataclass(frozen=True)
class BlockWalkInputs:
    """Wires into the unit.

    Attributes:
        start: 1 bit, first cycle of SCORES or CONTEXT.
        is_beat: 1 bit, a beat of keys or values is read.
        num_blocks: `rows`.
        group: which query head of each key head.
        first_score_word: `columns`, where the weights of the first block begin.
        operand_index: register that `following` and `first` drive, the word of queries.
    """

    start: pyrtl.WireVector
    is_beat: pyrtl.WireVector
    num_blocks: pyrtl.WireVector
    group: pyrtl.WireVector
    first_score_word: pyrtl.WireVector
    operand_index: pyrtl.Register


@dataclass(frozen=True)
class BlockWalkOutputs:
    """Wires out of the unit.

    Attributes:
        is_key_first: 1 bit, first beat of a key.
        is_key_last: 1 bit, last beat of a key.
        first: word of H with which the group begins; valid with `start`.
        following: word of H of the next beat.
        head: register, key head of the beat.
        score_index: register, word of the score buffer.
    """

    is_key_first: pyrtl.WireVector
    is_key_last: pyrtl.WireVector
    first: pyrtl.WireVector
    following: pyrtl.WireVector
    head: pyrtl.Register
    score_index: pyrtl.Register


def count_score_index_bits(config: AcceleratorConfig) -> int:
    """Width of the index of a word of the score buffer."""
    assert config.attention is not None
    return max(1, (config.attention.score_words - 1).bit_length())


def find_group_start(
    config: AcceleratorConfig, group: pyrtl.WireVector, num_bits: int
) -> pyrtl.WireVector:
    """group K / L: where the words of a group of query heads, or of their contexts, begin."""
    product = group * pyrtl.Const(config.key_words)
    return product[:num_bits].zero_extended(num_bits)


def make_block_walk(
    config: AcceleratorConfig, name: str, inputs: BlockWalkInputs
) -> BlockWalkOutputs:
    """Build the counters of beats, keys and heads, and the indices that follow them."""
    attention = config.attention
    assert attention is not None
    # State.
    index_bits = len(inputs.operand_index)
    head_start_q = make_register(index_bits, f"{name}_head_start")
    score_index_q = make_register(count_score_index_bits(config), f"{name}_score_index")

    # Datapath.
    start, is_beat = inputs.start, inputs.is_beat
    words_of_head = attention.head_dim // config.num_lanes
    beat_q, is_key_last = make_step_counter(f"{name}_beat", words_of_head, start, is_beat)
    _, is_head_last = make_step_counter(f"{name}_key", config.num_lanes, start, is_key_last)
    num_heads = attention.num_key_value_heads
    head_q, is_block_last = make_step_counter(f"{name}_head", num_heads, start, is_head_last)
    first = find_group_start(config, inputs.group, index_bits)
    next_word = increment(inputs.operand_index)
    next_head = pyrtl.select(is_block_last, first, next_word)
    following = pyrtl.select(
        is_key_last, pyrtl.select(is_head_last, next_head, head_start_q), next_word
    )

    # Control.
    drive(head_start_q, (start, first), (is_head_last, next_head))
    drive(
        score_index_q,
        (start, inputs.first_score_word[: len(score_index_q)]),
        (is_head_last, increment(score_index_q)),
    )
    return BlockWalkOutputs(
        is_key_first=beat_q == 0,
        is_key_last=is_key_last,
        first=first,
        following=following,
        head=head_q,
        score_index=score_index_q,
    )


def mark_visible(
    num_lanes: int,
    flags: BlockFlags,
    first_lane: pyrtl.WireVector,
    last_lane: pyrtl.WireVector,
) -> pyrtl.WireVector:
    """L bits: the keys of a block that count; all but for the first and the last block."""
    lanes = []
    for lane in range(num_lanes):
        is_before = pyrtl.Const(lane, len(first_lane)) < first_lane
        is_behind = pyrtl.Const(lane, len(last_lane)) > last_lane
        lanes.append(~(flags.is_first & is_before) & ~(flags.is_last & is_behind))
    return pyrtl.concat_list(lanes)
