"""A small design and its checker, to test the framework with."""

from __future__ import annotations

from dataclasses import replace

from fastcar.proofs.formal.design import replace_once
from fastcar.proofs.formal.task import FormalTask, Method, PlantedBug

DESIGN = """
module counter(input wire clk, input wire reset, input wire step, output wire [3:0] count);
    reg [3:0] count_q;
    wire is_last;
    assign is_last = count_q == 4'd9;
    assign count = count_q;
    always @(posedge clk)
        if (reset) count_q <= 0;
        else if (step) count_q <= is_last ? 4'd0 : count_q + 4'd1;
endmodule
"""

CHECKER = """
module counter_checker(input wire clk, input wire reset, input wire step);
    wire [3:0] count;
    counter design(.clk(clk), .reset(reset), .step(step), .count(count));
    reg was_reset = 0;
    always @(posedge clk) begin
        was_reset <= was_reset | reset;
        no_pause: assume (step);
        if (was_reset) is_decimal: assert (count <= 9);
        steps: cover (was_reset & step & (count == 3));
    end
endmodule
"""


def make_design() -> str:
    """The counter."""
    return DESIGN


def make_buggy() -> str:
    """The counter that counts one too far."""
    return replace_once(DESIGN, "4'd9", "4'd10")


TASK = FormalTask(
    name="counter",
    claim="a decimal counter stays below ten",
    configuration="4 bits",
    make_design=make_design,
    design_top="counter",
    checker=CHECKER,
    top="counter_checker",
    method=Method.INDUCTION,
    depth_cycles=1,
    num_assertions=1,
    num_assumptions=1,
    num_covers=1,
    cover_depth_cycles=8,
    bugs=(PlantedBug("counts to ten", make_buggy),),
    shown=("reset", "step", "count"),
)


def change(**attributes: object) -> FormalTask:
    """The task with other attributes."""
    return replace(TASK, **attributes)  # type: ignore[arg-type]
