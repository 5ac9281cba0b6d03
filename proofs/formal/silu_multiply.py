"""The product of SiLU and up, or of the factors that are lent, equals its integer formula.

The hidden activation is requantiser(silu(gate) * up). The tasks are cut at the registers of the
factors and of the partial products; behind a cut the register takes any value, so together they are
all inputs. SiLU and the requantiser have tasks of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.silu_multiply import LOW_BITS, LentInputs, SiluMultiplyInputs, make_silu_multiply

MODULE = "fastcar.rtl.silu_multiply"
LEFT, RIGHT = "unit_left_q", "unit_right_q"
LOW, HIGH, PRODUCT = "unit_low_product_q", "unit_high_product_q", "unit_product_q"
LENT = {"valid": 1, "left": 16, "right": 16, "multiplier": 17, "shift": 6}

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


def _build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    lent = {name: wires.pop(f"lent_{name}") for name in LENT}
    outputs, _ = make_silu_multiply("unit", SiluMultiplyInputs(**wires, lent=LentInputs(**lent)))
    return {"valid": outputs.valid, "result": outputs.result}


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
    """Factors, product."""
    yield make_factors_task()
    yield make_product_task()


def make_factors_task() -> FormalTask:
    """The partial products of silu and up, or of the factors that are lent."""
    widths = MULTIPLY.read_register_bits(LEFT, RIGHT, LOW, HIGH)
    return make_unit_task(
        MULTIPLY,
        "silu_factors_checker",
        FACTORS_BODY,
        name="silu factors",
        claim="both parts of silu, or of the factor that is lent, times up, or times its factor",
        configuration=f"{widths[LEFT]} x {widths[RIGHT]} bits",
        method=Method.BMC,
        depth_cycles=3,
        delays={LEFT: 1, "up": 1, "is_lent": 1, "lent_right": 1},
        constants={
            "LEFT_BITS": widths[LEFT],
            "LOW_BITS": LOW_BITS,
            "LOW_PRODUCT_BITS": widths[LOW],
            "HIGH_PRODUCT_BITS": widths[HIGH],
        },
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
        solver="bitwuzla",
    )


def make_product_task() -> FormalTask:
    """The sum of any partial products."""
    widths = MULTIPLY.read_register_bits(LOW, HIGH, PRODUCT)
    return make_unit_task(
        MULTIPLY,
        "silu_product_checker",
        PRODUCT_BODY,
        name="silu product",
        claim="the partial products add up without an overflow",
        configuration=f"{widths[PRODUCT]} bits",
        depth_cycles=1,
        delays={LOW: 1, HIGH: 1},
        constants={"LOW_BITS": LOW_BITS, "LOW_PRODUCT_BITS": widths[LOW]},
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
    )
