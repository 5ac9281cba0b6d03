"""SiLU by table, and its product with up, equal their integer formulas for all inputs.

The hidden activation is requantiser(silu(gate) * up). The tasks are cut at registers: magnitude,
entry of the table, scaled step, partial products, product. Behind a cut the register takes any
value, so together they are all inputs. The requantiser has tasks of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyrtl

from proofs.formal.task import FormalTask, Method
from proofs.formal.unit import Unit, UnitBug, make_checker, make_unit_task
from reference.tables import SILU_TABLE
from rtl.silu_multiply import (
    LOW_BITS,
    SILU_CYCLES,
    STEP_BITS,
    LentInputs,
    SiluMultiplyInputs,
    make_silu,
    make_silu_multiply,
)

MODULE = "rtl.silu_multiply"
MAGNITUDE, ENTRY = "unit_magnitude_q", "unit_entry_2_q"
SCALED_STEP = "unit_scaled_step_q"
MAGNITUDE_CYCLES, ENTRY_CYCLES = 2, 2
"""From the gate to its magnitude, from there to the table's entry."""
LEFT, RIGHT = "unit_left_q", "unit_right_q"
LOW, HIGH, PRODUCT = "unit_low_product_q", "unit_high_product_q", "unit_product_q"
LENT = {"valid": 1, "left": 16, "right": 16, "multiplier": 17, "shift": 6}

MAGNITUDE_BODY = """
wire signed [31:0] wide = $signed(gate_before[2]);
wire [31:0] expected = (wide < 0 ? -wide : wide) << gate_shift_before[1];
always @(posedge clk) begin
    if (age >= 2) is_magnitude: assert (unit_magnitude_q == expected);
    lowest_gate: cover (age >= 2 && wide == -32768 && unit_magnitude_q == 262144);
end
"""
ENTRY_BODY = """
wire [9:0] place = unit_magnitude_q_before[2][14:6];
wire [31:0] value = table_value(place);
wire [31:0] step = table_value(place + 10'd1) - table_value(place);
always @(posedge clk) begin
    if (age >= 2) is_value: assert (unit_entry_2_q >> STEP_BITS == value);
    if (age >= 2) is_step: assert (unit_entry_2_q[STEP_BITS-1:0] == step);
    last_entry: cover (age >= 2 && place == 511 && unit_entry_2_q != 0);
end
"""
CURVE_BODY = """
wire is_negative = gate_before[LATENCY][15];
wire signed [47:0] magnitude = unit_magnitude_q_before[LATENCY-2];
wire signed [47:0] value = unit_entry_2_q_before[LATENCY-4] >> STEP_BITS;
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
STEP_BODY = """
wire [STEP_BITS-1:0] step = unit_entry_2_q_before[1][STEP_BITS-1:0];
wire [5:0] remainder = unit_magnitude_q_before[3][5:0];
wire [STEP_BITS+5:0] expected = step * remainder;
always @(posedge clk) begin
    if (age >= 3) is_scaled_step: assert (unit_scaled_step_q == expected);
    a_step: cover (age >= 3 && step == 5 && unit_scaled_step_q == 35);
end
"""
FACTORS_BODY = """
wire signed [LEFT_BITS-1:0] left = $signed(unit_left_q_before[1]);
wire signed [LOW_BITS:0] low = {1'b0, left[LOW_BITS-1:0]};
wire signed [LEFT_BITS-LOW_BITS-1:0] high = left[LEFT_BITS-1:LOW_BITS];
reg signed [15:0] right;
always @(posedge clk) right <= unit_right_q;
wire signed [LOW_PRODUCT_BITS-1:0] low_product = low * right;
wire signed [HIGH_PRODUCT_BITS-1:0] high_product = high * right;
always @(posedge clk) begin
    if (age >= 1) low_is_product: assert ($signed(unit_low_product_q) == low_product);
    if (age >= 1) high_is_product: assert ($signed(unit_high_product_q) == high_product);
    if (age >= 1) right_is_chosen: assert (unit_right_q
        == (is_lent_before[1] ? lent_right_before[1] : up_before[1]));
    a_product: cover (age >= 2 && right == -3 && high == 2);
end
"""
PRODUCT_BODY = """
wire signed [63:0] low = $signed(unit_low_product_q_before[1]);
wire signed [63:0] high = $signed(unit_high_product_q_before[1]);
wire signed [63:0] expected = low + (high <<< LOW_BITS);
wire signed [63:0] found = $signed(unit_product_q);
always @(posedge clk) begin
    low_has_a_range: assume (!(^unit_low_product_q[LOW_PRODUCT_BITS-1:LOW_PRODUCT_BITS-2]));
    if (age >= 1) is_sum: assert (found == expected);
    a_sum: cover (age >= 1 && found == -5 && high == 7);
    largest_low: cover (age >= 1 && !unit_low_product_q[LOW_PRODUCT_BITS-1]
        && (&unit_low_product_q[LOW_PRODUCT_BITS-3:0]));
end
"""


def _build_silu(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    return {"silu": make_silu("unit", wires["gate"], wires["gate_shift"])}


def _build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    lent = {name: wires.pop(f"lent_{name}") for name in LENT}
    outputs = make_silu_multiply("unit", SiluMultiplyInputs(**wires, lent=LentInputs(**lent)))
    return {"valid": outputs.valid, "result": outputs.result}


def _count_silu_bits() -> int:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        return len(make_silu("unit", pyrtl.Input(16), pyrtl.Input(2)))


SILU = Unit(_build_silu, {"gate": 16, "gate_shift": 2}, {"silu": _count_silu_bits()})
MULTIPLY = Unit(
    _build,
    {
        "clear": 1,
        "valid": 1,
        "gate": 16,
        "up": 16,
        "gate_shift": 2,
        "multiplier": 16,
        "shift": 6,
        "is_lent": 1,
        **{f"lent_{name}": width for name, width in LENT.items()},
    },
    {"valid": 1, "result": 16},
)


def list_tasks() -> Iterator[FormalTask]:
    """Magnitude, entry, scaled step, curve, factors, product."""
    yield make_magnitude_task()
    yield make_entry_task()
    yield make_step_task()
    yield make_curve_task()
    yield make_factors_task()
    yield make_product_task()


def make_table_function(name: str, first_index: int, values: Sequence[int]) -> str:
    """A function of SystemVerilog that gives the entries of a table, 0 where there is none."""
    lines = [f"function automatic [31:0] {name}(input [9:0] index);", "case (index)"]
    lines += [f"{first_index + place}: {name} = {value};" for place, value in enumerate(values)]
    return "\n".join([*lines, f"default: {name} = 0;", "endcase", "endfunction"]) + "\n"


def make_magnitude_task() -> FormalTask:
    """The magnitude of the gate."""
    width = SILU.read_register_bits(MAGNITUDE)[MAGNITUDE]
    checker = make_checker(
        "silu_magnitude_checker",
        SILU,
        MAGNITUDE_BODY,
        delays={"gate": MAGNITUDE_CYCLES, "gate_shift": 1},
        extra={MAGNITUDE: ("output", width)},
    )
    return make_unit_task(
        SILU,
        checker,
        "silu_magnitude_checker",
        name="silu magnitude",
        claim="abs(gate) << gate_shift, also for -32768",
        configuration="gate 16 bits, gate_shift 2 bits",
        depth_cycles=MAGNITUDE_CYCLES + 1,
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
        solver="z3",
    )


def make_entry_task() -> FormalTask:
    """The table: its value and the step to the next one."""
    widths = SILU.read_register_bits(MAGNITUDE, ENTRY)
    checker = make_checker(
        "silu_entry_checker",
        SILU,
        make_table_function("table_value", 0, SILU_TABLE) + ENTRY_BODY,
        delays={MAGNITUDE: ENTRY_CYCLES},
        constants={"STEP_BITS": STEP_BITS},
        extra={MAGNITUDE: ("input", widths[MAGNITUDE]), ENTRY: ("output", widths[ENTRY])},
    )
    return make_unit_task(
        SILU,
        checker,
        "silu_entry_checker",
        name="silu entry",
        claim="the table in the exported Verilog holds every U[i] and U[i + 1] - U[i]",
        configuration="512 entries",
        depth_cycles=ENTRY_CYCLES + 1,
        argument="the magnitude is cut and takes any value; U is that of reference.tables",
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
    )


def make_step_task() -> FormalTask:
    """Step of the table times remainder."""
    widths = SILU.read_register_bits(MAGNITUDE, ENTRY, SCALED_STEP)
    checker = make_checker(
        "silu_step_checker",
        SILU,
        STEP_BODY,
        delays={MAGNITUDE: 1 + ENTRY_CYCLES, ENTRY: 1},
        constants={"STEP_BITS": STEP_BITS},
        extra={
            MAGNITUDE: ("input", widths[MAGNITUDE]),
            ENTRY: ("input", widths[ENTRY]),
            SCALED_STEP: ("output", widths[SCALED_STEP]),
        },
    )
    return make_unit_task(
        SILU,
        checker,
        "silu_step_checker",
        name="silu step",
        claim="the step to the table's next entry times the remainder",
        configuration=f"{STEP_BITS} x 6 bits",
        method=Method.BMC,
        depth_cycles=5,
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
    )


def make_curve_task() -> FormalTask:
    """From any magnitude, entry and sign to silu."""
    widths = SILU.read_register_bits(MAGNITUDE, ENTRY, SCALED_STEP)
    checker = make_checker(
        "silu_curve_checker",
        SILU,
        CURVE_BODY,
        delays={
            "gate": SILU_CYCLES,
            MAGNITUDE: SILU_CYCLES - MAGNITUDE_CYCLES,
            ENTRY: SILU_CYCLES - MAGNITUDE_CYCLES - ENTRY_CYCLES,
        },
        constants={"LATENCY": SILU_CYCLES, "STEP_BITS": STEP_BITS},
        extra={name: ("input", width) for name, width in widths.items()},
    )
    return make_unit_task(
        SILU,
        checker,
        "silu_curve_checker",
        name="silu curve",
        claim="interpolation, rounding, the line from 16.0 on, and the sign",
        configuration="any entry, any magnitude, any step",
        depth_cycles=SILU_CYCLES + 1,
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
        solver="z3",
    )


def make_factors_task() -> FormalTask:
    """The partial products of silu and up, or of the factors that are lent."""
    widths = MULTIPLY.read_register_bits(LEFT, RIGHT, LOW, HIGH)
    checker = make_checker(
        "silu_factors_checker",
        MULTIPLY,
        FACTORS_BODY,
        delays={LEFT: 1, "up": 1, "is_lent": 1, "lent_right": 1},
        constants={
            "LEFT_BITS": widths[LEFT],
            "LOW_BITS": LOW_BITS,
            "LOW_PRODUCT_BITS": widths[LOW],
            "HIGH_PRODUCT_BITS": widths[HIGH],
        },
        extra={
            LEFT: ("input", widths[LEFT]),
            **{name: ("output", widths[name]) for name in (RIGHT, LOW, HIGH)},
        },
    )
    return make_unit_task(
        MULTIPLY,
        checker,
        "silu_factors_checker",
        name="silu factors",
        claim="both parts of silu, or of the factor that is lent, times up, or times its factor",
        configuration=f"{widths[LEFT]} x {widths[RIGHT]} bits",
        method=Method.BMC,
        depth_cycles=3,
        argument="complete: each register depends on the cycle before alone; checker and unit "
        "multiply the same factors",
        bugs=(
            UnitBug(
                "up counts while the unit is lent",
                MODULE,
                "pyrtl.select(is_lent, lent.right, inputs.up)",
                "inputs.up",
            ),
        ),
        shown=("is_lent", "up", "lent_right", LEFT, RIGHT, LOW, HIGH),
        free=(LEFT,),
        visible=(RIGHT, LOW, HIGH),
    )


def make_product_task() -> FormalTask:
    """The sum of any partial products."""
    widths = MULTIPLY.read_register_bits(LOW, HIGH, PRODUCT)
    checker = make_checker(
        "silu_product_checker",
        MULTIPLY,
        PRODUCT_BODY,
        delays={LOW: 1, HIGH: 1},
        constants={"LOW_BITS": LOW_BITS, "LOW_PRODUCT_BITS": widths[LOW]},
        extra={
            LOW: ("input", widths[LOW]),
            HIGH: ("input", widths[HIGH]),
            PRODUCT: ("output", widths[PRODUCT]),
        },
    )
    return make_unit_task(
        MULTIPLY,
        checker,
        "silu_product_checker",
        name="silu product",
        claim="the partial products add up without an overflow",
        configuration=f"{widths[PRODUCT]} bits",
        depth_cycles=1,
        argument="the partial products are cut; an unsigned number of LOW_BITS bits times an int16 "
        "leaves one bit of its register unused",
        bugs=(
            UnitBug(
                "the lower part counts half",
                MODULE,
                "pyrtl.concat(high_q, pyrtl.Const(0, LOW_BITS)), low_q",
                "pyrtl.concat(high_q, pyrtl.Const(0, LOW_BITS)), low_q[1:]",
            ),
        ),
        shown=(LOW, HIGH, PRODUCT, "expected"),
        free=(LOW, HIGH),
        visible=(PRODUCT,),
        solver="z3",
    )
