"""The accumulators of CONTEXT: A' = A + floor((sum p v) 2^g 2^-(M - M of the word)), one position.

docs/accelerator.md, section 7 (D-46). One symbolic position of all is followed; the others come in
any order between. Accumulators hold any numbers to begin with, and equal is equal modulo 2^48.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.attention.context import (
    LATENCY_CYCLES,
    RETURN_CYCLES,
    WORD_SUM_BITS,
    ContextInputs,
    ContextOutputs,
    count_position_bits,
    make_context,
)
from fastcar.rtl.attention.formats import EXPONENT_BITS, GUARD_BITS, RESCALING_BITS
from fastcar.rtl.lanes import ACCUMULATOR_BITS

MODULE = "fastcar.rtl.attention.context"
NUM_POSITIONS = 8
MEMORY = f"{DESIGN}_accumulators"
_WORDS = ", ".join(f"{MEMORY}_{place}" for place in reversed(range(NUM_POSITIONS)))
BODY = f"""
(* anyconst *) reg [POSITION_BITS-1:0] place;
wire [{NUM_POSITIONS - 1}:0][WIDTH-1:0] words = {{{_WORDS}}};
wire [WIDTH-1:0] word = words[place];
wire comes = sum_valid && position == place;
// Sums of the place that are under way, and cycles since the last one.
reg [LATENCY+1:1] came = 0;
wire signed [WIDTH-1:0] scaled = $signed(sum[WORD_SUM_BITS-1:0]) <<< GUARD_BITS;
wire [RESCALING_BITS-1:0] octaves = (drop >> RESCALING_BITS) == 0 ? drop : ~0;
reg signed [WIDTH-1:0] scaled_then;
reg [RESCALING_BITS-1:0] octaves_then;
// One cycle later the accumulator is what the sum before has left.
wire signed [WIDTH-1:0] shifted = scaled_then >>> octaves_then;
wire [WIDTH-1:0] following = (is_first_before[1] ? 0 : word) + shifted;
reg [LATENCY+1:2][WIDTH-1:0] expected;
reg [WIDTH-1:0] word_then;
wire is_through = age > LATENCY + 1;
always @(posedge clk) begin
    came <= clear ? {{came[LATENCY], {{LATENCY{{1'b0}}}}}} : {{came[LATENCY:1], comes}};
    scaled_then <= scaled;
    octaves_then <= octaves;
    expected <= {{expected[LATENCY:2], following}};
    word_then <= word;
    returns_when_written: assume (!comes || came[RETURN-1:1] == 0);
    if (is_through) begin
        if (came[LATENCY]) is_value: assert (out_value == expected[LATENCY]);
        if (came[LATENCY]) is_passed_on: assert (out_value_valid == is_last_before[LATENCY]);
        if (came[LATENCY+1]) is_kept: assert (word == expected[LATENCY+1]);
        if (!came[LATENCY+1]) nothing_else_is_written: assert (word == word_then);
    end
    a_return: cover (is_through && came[LATENCY+1] && came[1] && !is_first_before[1]
        && octaves_then == 3 && word == 77);
    nothing_is_left: cover (is_through && came[LATENCY] && out_value_valid && out_value == ~48'd0);
end
"""
BUGS = (
    UnitBug(
        "a far word is shifted by less than 64",
        MODULE,
        "drop_q = latch(limit_rescaling(inputs.drop),",
        "drop_q = latch(inputs.drop[:6],",
    ),
    UnitBug(
        "the fine shift is that of the sum behind",
        MODULE,
        'fine_drop = delay(drop_q, 1, f"{name}_fine_drop")',
        "fine_drop = drop_q",
    ),
    UnitBug(
        "a context begins with what was there",
        MODULE,
        "total = signed_sum(mask(before, ~is_first), shifted_q)",
        "total = signed_sum(before, shifted_q)",
    ),
)
UNIT = make_unit(
    lambda inputs: make_context(DESIGN, inputs),
    ContextInputs,
    ContextOutputs,
    {
        "sum": ACCUMULATOR_BITS,
        "position": count_position_bits(NUM_POSITIONS),
        "drop": EXPONENT_BITS,
        "value": ACCUMULATOR_BITS,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """Any position of eight."""
    task = make_unit_task(
        UNIT,
        "context_checker",
        BODY,
        name="context",
        claim="A' = A + floor((sum p v) 2^g 2^-drop), from 0 where it is the first sum, drops from "
        "63 on leave the sign; passed on with its last sum, and no other sum changes it",
        configuration=f"{NUM_POSITIONS} positions, {ACCUMULATOR_BITS} bits",
        depth_cycles=LATENCY_CYCLES + 3,
        argument="one symbolic position, which returns RETURN_CYCLES later at the earliest, as the "
        "unit asks",
        delays={"is_first": 1, "is_last": LATENCY_CYCLES},
        constants={
            "WIDTH": ACCUMULATOR_BITS,
            "POSITION_BITS": count_position_bits(NUM_POSITIONS),
            "WORD_SUM_BITS": WORD_SUM_BITS,
            "GUARD_BITS": GUARD_BITS,
            "RESCALING_BITS": RESCALING_BITS,
            "LATENCY": LATENCY_CYCLES,
            "RETURN": RETURN_CYCLES,
        },
        bugs=BUGS,
        shown=("sum_valid", "sum", "position", "place", "drop", "is_first", "out_value", "word"),
        memories=((MEMORY, NUM_POSITIONS),),
        solver="bitwuzla",
    )
    bugs = tuple(replace(bug, depth_cycles=14) for bug in task.bugs)
    yield replace(task, cover_depth_cycles=18, bugs=bugs)
