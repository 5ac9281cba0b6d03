"""SiLU by table equals its integer formula for all inputs.

The tasks are cut at registers: magnitude, entry of the table, scaled step. Behind a cut the
register takes any value, so together they are all inputs.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_table_function, make_unit_task
from fastcar.reference.tables import SILU_TABLE
from fastcar.rtl.silu_multiply import SILU_CYCLES, STEP_BITS, make_silu

MODULE = "fastcar.rtl.silu_multiply"
MAGNITUDE, ENTRY = "unit_magnitude_q", "unit_entry_3_q"
SCALED_STEP = "unit_scaled_step_q"
MAGNITUDE_CYCLES, ENTRY_CYCLES = 2, 3
"""From the gate to its magnitude, from there to the table's entry."""

MAGNITUDE_BODY = """
wire signed [31:0] wide = $signed(gate_before[2]);
wire [31:0] expected = (wide < 0 ? -wide : wide) << gate_shift_before[1];
always @(posedge clk) begin
    if (age >= 2) is_magnitude: assert (unit_magnitude_q == expected);
    lowest_gate: cover (age >= 2 && wide == -32768 && unit_magnitude_q == 262144);
end
"""
ENTRY_BODY = """
wire [9:0] place = unit_magnitude_q_before[3][14:6];
wire [31:0] value = table_value(place);
wire [31:0] step = table_value(place + 10'd1) - table_value(place);
always @(posedge clk) begin
    if (age >= 3) is_value: assert (unit_entry_3_q >> STEP_BITS == value);
    if (age >= 3) is_step: assert (unit_entry_3_q[STEP_BITS-1:0] == step);
    last_entry: cover (age >= 3 && place == 511 && unit_entry_3_q != 0);
end
"""
STEP_BODY = """
wire [STEP_BITS-1:0] step = unit_entry_3_q_before[1][STEP_BITS-1:0];
wire [5:0] remainder = unit_magnitude_q_before[4][5:0];
wire [STEP_BITS+5:0] expected = step * remainder;
always @(posedge clk) begin
    if (age >= 4) is_scaled_step: assert (unit_scaled_step_q == expected);
    a_step: cover (age >= 4 && step == 5 && unit_scaled_step_q == 35);
end
"""
CURVE_BODY = """
wire is_negative = gate_before[LATENCY][15];
wire signed [47:0] magnitude = unit_magnitude_q_before[LATENCY-2];
wire signed [47:0] value = unit_entry_3_q_before[LATENCY-5] >> STEP_BITS;
wire signed [47:0] scaled_step = unit_scaled_step_q[STEP_BITS+5:0];
wire signed [47:0] curve = (64 * value + scaled_step + 32) >>> 6;
wire signed [47:0] line = magnitude * 16;
wire signed [47:0] positive = magnitude >= 32768 ? line : curve;
wire signed [47:0] expected = is_negative ? positive - line : positive;
wire signed [47:0] found = $signed(out_silu);
always @(posedge clk) begin
    step_is_not_negative: assume (unit_scaled_step_q >> STEP_BITS + 6 == 0);
    if (age >= LATENCY) is_curve: assert (found == expected);
    beyond_the_table: cover (age >= LATENCY && is_negative && magnitude > 32768);
    in_the_table: cover (age >= LATENCY && is_negative && magnitude < 32768 && found == -7);
end
"""


def _build_silu(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    return {"silu": make_silu("unit", wires["gate"], wires["gate_shift"])}


def _count_silu_bits() -> int:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        return len(make_silu("unit", pyrtl.Input(16), pyrtl.Input(2)))


SILU = Unit(_build_silu, {"gate": 16, "gate_shift": 2}, {"silu": _count_silu_bits()})


def list_tasks() -> Iterator[FormalTask]:
    """Magnitude, entry, scaled step, curve."""
    yield make_magnitude_task()
    yield make_entry_task()
    yield make_step_task()
    yield make_curve_task()


def make_magnitude_task() -> FormalTask:
    """The magnitude of the gate."""
    return make_unit_task(
        SILU,
        "silu_magnitude_checker",
        MAGNITUDE_BODY,
        name="silu magnitude",
        claim="abs(gate) << gate_shift, also for -32768",
        configuration="gate 16 bits, gate_shift 2 bits",
        depth_cycles=MAGNITUDE_CYCLES + 1,
        delays={"gate": MAGNITUDE_CYCLES, "gate_shift": 1},
        argument="the window of the pipeline",
        bugs=(
            UnitBug(
                "negative gates are complemented, not negated",
                MODULE,
                "signed_difference(pyrtl.Const(0, 1), gate), wide)",
                "~wide, wide)",
            ),
        ),
        shown=("gate", "gate_shift", MAGNITUDE, "expected"),
        visible=(MAGNITUDE,),
    )


def make_entry_task() -> FormalTask:
    """The table: its value and the step to the next one."""
    return make_unit_task(
        SILU,
        "silu_entry_checker",
        make_table_function("table_value", 0, SILU_TABLE) + ENTRY_BODY,
        name="silu entry",
        claim="the table in the exported Verilog holds every U[i] and U[i + 1] - U[i]",
        configuration="512 entries",
        depth_cycles=ENTRY_CYCLES + 1,
        delays={MAGNITUDE: ENTRY_CYCLES},
        constants={"STEP_BITS": STEP_BITS},
        argument="the magnitude is cut and takes any value; U is that of fastcar.reference.tables",
        bugs=(
            UnitBug(
                "one entry of the table is off by one",
                MODULE,
                "SILU_TABLE[i] << STEP_BITS | step for",
                "SILU_TABLE[i] + (i == 77) << STEP_BITS | step for",
            ),
        ),
        shown=(MAGNITUDE, ENTRY, "value", "step"),
        free=(MAGNITUDE,),
        visible=(ENTRY,),
        solver="bitwuzla",
    )


def make_step_task() -> FormalTask:
    """Step of the table times remainder."""
    return make_unit_task(
        SILU,
        "silu_step_checker",
        STEP_BODY,
        name="silu step",
        claim="the step to the table's next entry times the remainder",
        configuration=f"{STEP_BITS} x 6 bits",
        method=Method.BMC,
        depth_cycles=6,
        delays={MAGNITUDE: 1 + ENTRY_CYCLES, ENTRY: 1},
        constants={"STEP_BITS": STEP_BITS},
        argument="complete: the first cycle of these runs is any cycle, because nothing has an "
        "initial value; checker and unit multiply the same factors",
        bugs=(
            UnitBug(
                "the remainder has five bits",
                MODULE,
                "step * late_magnitude[:REMAINDER_BITS]",
                "step * late_magnitude[: REMAINDER_BITS - 1].zero_extended(REMAINDER_BITS)",
            ),
        ),
        shown=(MAGNITUDE, ENTRY, SCALED_STEP, "expected"),
        free=(MAGNITUDE, ENTRY),
        visible=(SCALED_STEP,),
        solver="bitwuzla",
    )


def make_curve_task() -> FormalTask:
    """From any magnitude, entry and sign to silu."""
    return make_unit_task(
        SILU,
        "silu_curve_checker",
        CURVE_BODY,
        name="silu curve",
        claim="interpolation, rounding, the line from 16.0 on, and the sign",
        configuration="any entry, any magnitude, any step",
        depth_cycles=SILU_CYCLES + 1,
        delays={
            "gate": SILU_CYCLES,
            MAGNITUDE: SILU_CYCLES - MAGNITUDE_CYCLES,
            ENTRY: SILU_CYCLES - MAGNITUDE_CYCLES - ENTRY_CYCLES,
        },
        constants={"LATENCY": SILU_CYCLES, "STEP_BITS": STEP_BITS},
        argument="magnitude, entry and scaled step are cut; the scaled step has no sign, because a "
        "zero stands before it",
        bugs=(
            UnitBug(
                "the interpolation rounds down",
                MODULE,
                "half = pyrtl.Const(1 << (REMAINDER_BITS - 1), REMAINDER_BITS)",
                "half = pyrtl.Const(0, REMAINDER_BITS)",
            ),
        ),
        shown=("gate", MAGNITUDE, ENTRY, SCALED_STEP, "out_silu", "expected"),
        free=(MAGNITUDE, ENTRY, SCALED_STEP),
    )
