"""The scale of the RMS norm equals its integer formula, for every sum from 1 on.

Cut at registers like `fastcar.proofs.formal.silu_table`: normalised sum, entry of the table, scaled
step. Behind a cut the register takes any value, so together the tasks are all inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_table_function, make_unit_task
from fastcar.reference.tables import RSQRT_FIRST_INDEX, RSQRT_TABLE
from fastcar.rtl.instruction import VALUE_BITS
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.rms_norm import (
    MANTISSA_BITS,
    STEP_BITS,
    RmsNormInputs,
    RmsNormOutputs,
    make_rms_norm,
)

MODULE = "fastcar.rtl.rms_norm"
NORMALISED, ENTRY = "unit_normalised_q", "unit_entry_3_q"
SCALED, SCALED_STEP = "unit_scaled_q", "unit_scaled_step_q"
ENTRY_CYCLES = 3
"""From the normalised sum to the table's entry."""
NORMALISED_CYCLES = 4
"""From the sum to its normalised form: sum with E, highest pair (2), shift."""

NORMALISED_BODY = """
wire [47:0] sum_then = sum_of_squares_before[LATENCY] + epsilon_before[LATENCY];
integer k;
reg [5:0] highest;
reg is_alone;
always @* begin
    highest = 0;
    for (k = 0; k < 48; k = k + 1) if (sum_then[k]) highest = k;
    is_alone = valid_before[LATENCY];
    for (k = 1; k < LATENCY; k = k + 1) is_alone = is_alone & !valid_before[k];
end
wire [5:0] half_exponent = highest >> 1;
wire is_result = age >= LATENCY && is_alone && sum_then != 0;
always @(posedge clk) begin
    if (is_result) is_normalised: assert (unit_normalised_q == sum_then << 46 - 2 * half_exponent);
    if (is_result) is_shift: assert (out_shift == 16 + half_exponent);
    smallest_sum: cover (is_result && sum_then == 1);
    largest_sum: cover (is_result && sum_then == 48'h7fffffffffff);
end
"""
ENTRY_BODY = """
wire [9:0] place = unit_normalised_q_before[3][47:39];
wire [31:0] value = table_value(place);
wire [31:0] step = table_value(place) - table_value(place + 10'd1);
wire is_read = age >= 3 && place >= 128;
always @(posedge clk) begin
    if (is_read) is_value: assert (unit_entry_3_q >> STEP_BITS == value);
    if (is_read) is_step: assert (unit_entry_3_q[STEP_BITS-1:0] == step);
    last_entry: cover (is_read && place == 511);
end
"""
STEP_BODY = """
wire [STEP_BITS-1:0] step = unit_entry_3_q_before[1][STEP_BITS-1:0];
wire [7:0] remainder = unit_normalised_q_before[1][38:31];
wire [STEP_BITS+7:0] expected = step * remainder;
wire [31:0] value = unit_entry_3_q_before[1] >> STEP_BITS;
always @(posedge clk) begin
    if (age >= 1) is_scaled_step: assert (unit_scaled_step_q == expected);
    if (age >= 1) is_scaled: assert (unit_scaled_q == 256 * value + 128);
    a_step: cover (age >= 1 && step == 5 && unit_scaled_step_q == 35);
end
"""
MANTISSA_BODY = """
wire [31:0] scaled = unit_scaled_q_before[1];
wire [31:0] scaled_step = unit_scaled_step_q_before[1];
always @(posedge clk) begin
    // So it is for every entry and remainder; a test of the table says so.
    is_not_negative: assume (unit_scaled_step_q <= unit_scaled_q);
    if (age >= 1) is_mantissa: assert (out_mantissa == (scaled - scaled_step) >> 8);
    largest: cover (age >= 1 && out_mantissa == 65536);
end
"""


UNIT = make_unit(
    lambda inputs: make_rms_norm(DESIGN, inputs),
    RmsNormInputs,
    RmsNormOutputs,
    {
        "sum_of_squares": ACCUMULATOR_BITS,
        "epsilon": VALUE_BITS,
        "mantissa": MANTISSA_BITS,
        "shift": 6,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """Normalised sum, entry, scaled step, mantissa."""
    yield _make_task(
        "normalised",
        NORMALISED_BODY,
        claim="the sum is shifted by an even number to 2^46 .. 2^48, and the shift is 16 + t",
        delays=dict.fromkeys(("valid", "sum_of_squares", "epsilon"), NORMALISED_CYCLES),
        constants={"LATENCY": NORMALISED_CYCLES},
        visible=(NORMALISED,),
        depth_cycles=NORMALISED_CYCLES + 1,
        bug=UnitBug(
            "the norm shifts one pair too few",
            MODULE,
            "num_shifts = pyrtl.concat(~pair_q, pyrtl.Const(0, 1))",
            "num_shifts = pyrtl.concat(~pair_q, pyrtl.Const(1, 1))",
        ),
    )
    yield _make_task(
        "entry",
        make_table_function("table_value", RSQRT_FIRST_INDEX, RSQRT_TABLE) + ENTRY_BODY,
        claim="the table in the exported Verilog holds every T[i] and T[i] - T[i + 1]",
        delays={NORMALISED: ENTRY_CYCLES},
        constants={"STEP_BITS": STEP_BITS},
        free=(NORMALISED,),
        visible=(ENTRY,),
        depth_cycles=ENTRY_CYCLES + 1,
        bug=UnitBug(
            "one entry of the table is off by one",
            MODULE,
            "RSQRT_TABLE[i] << STEP_BITS | step for",
            "RSQRT_TABLE[i] - (i == 77) << STEP_BITS | step for",
        ),
        solver="bitwuzla",
    )
    yield _make_task(
        "step",
        STEP_BODY,
        claim="the step to the table's next entry times the remainder; the value plus half",
        delays={NORMALISED: 1, ENTRY: 1},
        constants={"STEP_BITS": STEP_BITS},
        free=(NORMALISED, ENTRY),
        visible=(SCALED, SCALED_STEP),
        depth_cycles=3,
        bug=UnitBug(
            "the norm's interpolation rounds down",
            MODULE,
            "half = 1 << (REMAINDER_BITS - 1)",
            "half = 0",
        ),
        method=Method.BMC,
        solver="bitwuzla",
    )
    yield _make_task(
        "mantissa",
        MANTISSA_BODY,
        claim="the difference of scaled value and scaled step without its fraction",
        delays={SCALED: 1, SCALED_STEP: 1},
        free=(SCALED, SCALED_STEP),
        depth_cycles=1,
        bug=UnitBug(
            "the step is added",
            MODULE,
            "(scaled_q - scaled_step_q)",
            "(scaled_q + scaled_step_q)",
        ),
    )


def _make_task(part: str, body: str, *, bug: UnitBug, **attributes: Any) -> FormalTask:
    """A task between two cuts; attributes as those of `make_unit_task`."""
    return make_unit_task(
        UNIT,
        f"rms_norm_{part}_checker",
        body,
        name=f"rms norm {part}",
        configuration="48-bit sum",
        argument="cut at registers that take any value; in bounded runs the first cycle is any "
        "cycle, because nothing has an initial value",
        bugs=(bug,),
        **attributes,
    )
