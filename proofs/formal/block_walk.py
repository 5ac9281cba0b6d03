"""The walk over blocks of keys or values: which word of queries and of weights a beat meets.

docs/accelerator.md, section 8: beats come block by block, in each block key head by key head, of a
head L keys (or d dimensions), of a key d / L beats. The checker counts all of these for itself; the
index of the query's word is a register that the operand feed drives from the walk.

Assumed of the core: a walk begins before its beats, and its group and columns hold meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyrtl

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.attention.block_walk import (
    BlockWalkInputs,
    count_score_index_bits,
    make_block_walk,
)
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS
from fastcar.rtl.registers import drive, make_register

MODULE = "fastcar.rtl.attention.block_walk"
ATTENTION = AttentionConfig(4, 2, 8, 3)
CONFIG = AcceleratorConfig(1, 4, 2, 8, 8, ATTENTION.query_size, 4, ATTENTION)
INDEX_BITS = 5
GROUP_BITS = FIELD_BITS["target"] + FIELD_BITS["source"]
INDEX = f"{DESIGN}_index_q"
COUNTERS = tuple(f"{DESIGN}_{name}_q" for name in ("beat", "key", "head_start"))

BODY = f"""
reg [7:0] part, key;
reg [15:0] head, block;
reg has_begun = 0;
wire is_key_end = is_beat && part == PARTS - 1;
wire is_head_end = is_key_end && key == LANES - 1;
wire is_block_end = is_head_end && head == HEADS - 1;
// The words of a group's queries stand one after the other, K / L of them; a head has d / L.
wire [{INDEX_BITS - 1}:0] begin_of_head = group * (HEADS * PARTS) + head * PARTS;
wire [{INDEX_BITS - 1}:0] word = begin_of_head + part;
wire [SCORE_BITS-1:0] weights = first_score_word + block * HEADS + head;
always @(posedge clk) begin
    has_begun <= has_begun || start;
    part <= start || is_key_end ? 0 : part + is_beat;
    key <= start || is_head_end ? 0 : key + is_key_end;
    head <= start || is_block_end ? 0 : head + is_head_end;
    block <= start ? 0 : block + is_block_end;
end
reg [31:0] says_before;
wire [31:0] says = {{group, first_score_word}};
always @(posedge clk) says_before <= says;
always @(posedge clk) begin
    begins_before_its_beats: assume (!start || !is_beat);
    instruction_holds: assume (!has_begun || start || says == says_before);
    if (has_begun && !start) begin
        invariant_counters: assert (part < PARTS && key < LANES && head < HEADS);
        invariant_part: assert ({COUNTERS[0]} == part);
        invariant_key: assert ({COUNTERS[1]} == key);
        invariant_begin: assert ({COUNTERS[2]} == begin_of_head);
        begins_a_key: assert (out_is_key_first == (part == 0));
        ends_a_key: assert (out_is_key_last == is_key_end);
        word_of_the_query: assert ({INDEX} == word);
        head_of_the_beat: assert (out_head == head);
        word_of_the_weights: assert (out_score_index == weights);
    end
    second_head: cover (has_begun && is_beat && head == 1 && part == 1 && group == 1);
    second_block: cover (has_begun && is_beat && block == 1 && key == 1 && first_score_word == 1);
end
"""
BUGS = (
    UnitBug(
        "every key has the words behind those of the key before",
        MODULE,
        "is_key_last, pyrtl.select(is_head_last, next_head, head_start_q), next_word",
        "is_key_last, pyrtl.select(is_head_last, next_head, next_word), next_word",
    ),
    UnitBug(
        "the second block begins with the words behind the group",
        MODULE,
        "next_head = pyrtl.select(is_block_last, first, next_word)",
        "next_head = next_word",
    ),
    UnitBug(
        "a word of weights for each block",
        MODULE,
        "(is_head_last, increment(score_index_q)),",
        "(is_block_last, increment(score_index_q)),",
    ),
)


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """The walk, and the index that follows it as in the operand feed."""
    index_q = make_register(INDEX_BITS, f"{DESIGN}_index")
    walk = make_block_walk(CONFIG, DESIGN, BlockWalkInputs(**wires, operand_index=index_q))
    drive(index_q, (wires["start"], walk.first), (wires["is_beat"], walk.following))
    return vars(walk)


SCORE_BITS = count_score_index_bits(CONFIG)
UNIT = Unit(
    build,
    {
        "start": 1,
        "is_beat": 1,
        "num_blocks": FIELD_BITS["rows"],
        "group": GROUP_BITS,
        "first_score_word": FIELD_BITS["columns"],
    },
    {
        "is_key_first": 1,
        "is_key_last": 1,
        "first": INDEX_BITS,
        "following": INDEX_BITS,
        "head": 1,
        "score_index": SCORE_BITS,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """Two key heads of two beats; any number of blocks."""
    task = make_unit_task(
        UNIT,
        "block_walk_checker",
        BODY,
        name="block walk",
        claim="every beat meets the word of its head's query, every key the words from the first "
        "one on, and every head of a block its own word of weights",
        configuration="L = 4, d = 8, 2 key heads, any group and number of blocks",
        depth_cycles=1,
        argument="the checker counts beats, keys, heads and blocks for itself",
        constants={
            "LANES": CONFIG.num_lanes,
            "HEADS": ATTENTION.num_key_value_heads,
            "PARTS": ATTENTION.head_dim // CONFIG.num_lanes,
            "SCORE_BITS": SCORE_BITS,
        },
        bugs=BUGS,
        shown=("start", "is_beat", "group", "part", "key", "head", "block", "word", INDEX),
        visible=(INDEX, *COUNTERS),
    )
    bugs = tuple(replace(bug, depth_cycles=20) for bug in task.bugs)
    yield replace(task, cover_depth_cycles=24, bugs=bugs)
