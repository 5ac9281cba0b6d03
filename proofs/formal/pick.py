"""PICK gives the first largest of sat16(logit + noise), over one PICK or several.

docs/accelerator.md, section 7. The checker compares the elements as they come; the unit's token is
the same LATENCY_CYCLES later. Assumed: a PICK that is fresh begins when nothing is under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyrtl

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.attention.pick import LATENCY_CYCLES, PickInputs, make_pick
from fastcar.rtl.lanes import ACTIVATION_BITS, MAX_ACTIVATION
from fastcar.rtl.result_path import PickElement
from fastcar.rtl.retirement import TOKEN_BITS

MODULE = "fastcar.rtl.attention.pick"
STATE = tuple(f"{DESIGN}_{name}_q" for name in ("has_best", "best", "number"))
BODY = f"""
localparam signed [WIDTH+1:0] LARGEST = {MAX_ACTIVATION};
wire signed [WIDTH+1:0] sum = $signed(logit) + $signed(noise);
wire signed [WIDTH-1:0] value = sum > LARGEST ? LARGEST : sum < -LARGEST ? -LARGEST : sum;
// Of the elements since the last PICK that was fresh, as they come.
reg has_best = 0;
reg signed [WIDTH-1:0] best;
reg [TOKEN_BITS-1:0] number, token;
wire is_better = valid && (!has_best || value > best);
// The same, one cycle and two cycles later.
reg [2:1] has_best_then = 0;
reg [2:1][WIDTH-1:0] best_then;
reg [2:1][TOKEN_BITS-1:0] number_then, token_then;
wire is_under_way = valid || valid_before[1] || valid_before[2];
always @(posedge clk) begin
    if (is_begin) {{has_best, number}} <= 0;
    else if (valid) {{has_best, number}} <= {{1'b1, number + {TOKEN_BITS}'d1}};
    if (is_better) {{best, token}} <= {{value, number}};
    has_best_then <= is_begin ? 0 : {{has_best_then[1], has_best}};
    best_then <= {{best_then[1], best}};
    number_then <= is_begin ? 0 : {{number_then[1], number}};
    token_then <= {{token_then[1], token}};
    begins_when_drained: assume (!is_begin || !is_under_way);
    nothing_is_forgotten: assume (age < 4 || !clear);
    starts_fresh: assume (age != 4 || is_begin);
    if (age > 4) begin
        invariant_has_best: assert ({STATE[0]} == has_best_then[2]);
        invariant_best: assert (!has_best_then[2] || {STATE[1]} == best_then[2]);
        invariant_number: assert ({STATE[2]} == number_then[2]);
        if (has_best_then[2]) first_largest: assert (out_token == token_then[2]);
    end
    a_tie: cover (age > 4 && valid && has_best && value == best && token == 1 && number == 3);
    a_limit: cover (age > 4 && has_best_then[2] && best_then[2] == LARGEST && out_token == 2);
end
"""
BUGS = (
    UnitBug(
        "the last largest is taken",
        MODULE,
        "pyrtl.signed_gt(limited_q, best_q)",
        "pyrtl.signed_ge(limited_q, best_q)",
    ),
    UnitBug(
        "sums are compared beyond sat16",
        MODULE,
        "limited_q = latch(saturate(sum_q),",
        "limited_q = latch(sum_q[:-1],",
    ),
    UnitBug(
        "numbers go on from PICK to PICK that are fresh",
        MODULE,
        "drive(number_q, (inputs.is_begin, 0), (is_compared, increment(number_q)))",
        "drive(number_q, (is_compared, increment(number_q)))",
    ),
)


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """The unit between ports."""
    element = PickElement(wires["valid"], wires["logit"], wires["noise"])
    return {"token": make_pick(DESIGN, PickInputs(wires["clear"], wires["is_begin"], element))}


UNIT = Unit(
    build,
    {"clear": 1, "is_begin": 1, "valid": 1, "logit": ACTIVATION_BITS, "noise": ACTIVATION_BITS},
    {"token": TOKEN_BITS},
)


def list_tasks() -> Iterator[FormalTask]:
    """Any number of elements."""
    task = make_unit_task(
        UNIT,
        "pick_checker",
        BODY,
        name="pick",
        claim="the token is the first largest sat16(logit + noise) since the last fresh PICK",
        configuration=f"{ACTIVATION_BITS}-bit logits and noise",
        depth_cycles=LATENCY_CYCLES + 1,
        argument="the checker's own best, number and token, as they come, are the unit's two "
        "cycles later",
        delays={"valid": 2},
        constants={
            "WIDTH": ACTIVATION_BITS,
            "TOKEN_BITS": TOKEN_BITS,
        },
        bugs=BUGS,
        shown=("is_begin", "valid", "logit", "noise", "value", "number", "token", "out_token"),
        visible=STATE,
        is_quick=True,
    )
    bugs = tuple(replace(bug, depth_cycles=16) for bug in task.bugs)
    yield replace(task, cover_depth_cycles=16, bugs=bugs)
