"""The saturating addition of ADD equals sat16(x + y) for all 2^32 pairs."""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.lanes import ACTIVATION_BITS, join_lanes, saturate, signed_sum, split_lanes

MODULE = "fastcar.rtl.lanes"
BODY = """
wire signed [31:0] x = $signed(left[15:0]);
wire signed [31:0] y = $signed(right[15:0]);
wire signed [31:0] x_upper = $signed(left[31:16]);
wire signed [31:0] y_upper = $signed(right[31:16]);
function automatic signed [15:0] limit(input signed [31:0] sum);
    limit = sum > 32767 ? 16'sd32767 : sum < -32767 ? -16'sd32767 : sum[15:0];
endfunction
wire [31:0] expected = {limit(x_upper + y_upper), limit(x + y)};
always @(posedge clk) begin
    is_lane_by_lane: assert (out_sum == expected);
    both_limits: cover (out_sum == 32'h7fff8001);
    lowest_values: cover (x == -32768 && y == 1);
end
"""
BUGS = (
    UnitBug(
        "-32768 is not limited",
        MODULE,
        "(~pyrtl.and_all_bits(upper) | is_lowest)",
        "~pyrtl.and_all_bits(upper)",
    ),
    UnitBug(
        "sums wrap around",
        MODULE,
        "(left.sign_extended(num_bits) + right.sign_extended(num_bits))[:num_bits]",
        "(left + right)[: num_bits - 1].sign_extended(num_bits)",
    ),
)


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """Two lanes between ports, of the sum and the limit that write-back puts a register between."""
    pairs = zip(
        split_lanes(wires["left"], ACTIVATION_BITS),
        split_lanes(wires["right"], ACTIVATION_BITS),
        strict=True,
    )
    return {"sum": join_lanes([saturate(signed_sum(a, b)) for a, b in pairs])}


UNIT = Unit(build, {"left": 32, "right": 32}, {"sum": 32})


def list_tasks() -> Iterator[FormalTask]:
    """Two lanes."""
    yield make_unit_task(
        UNIT,
        "saturating_add_checker",
        BODY,
        name="saturating add",
        claim="sat16(x + y), lane by lane, for every pair of int16",
        configuration="2 lanes",
        method=Method.BMC,
        depth_cycles=1,
        argument="complete: combinational",
        bugs=BUGS,
        shown=("left", "right", "out_sum", "expected"),
        is_quick=True,
    )
