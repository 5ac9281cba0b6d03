"""The partial products of the requantiser add up to accumulator times multiplier, as it is wired.

Three tasks, so that no solver has to find the law of distribution in gates; the claims of the first
two are what the third assumes. Widths: each register is the product of its part and the multiplier
as integers. Distribution: products of any parts, each times the factor of its place, are the
product of the sum of the parts, which z3 rewrites; there is no shift in it, and no width. Sum: with
registers that are what the first task says, the register of the sum, and what the checkers of
`requantizer_rounding.sv` and `requantizer_moving.sv` call the product, are accumulator times
multiplier. There the place of a part is a shift, or wires side by side, and the sum of the parts is
the accumulator.

So, with those two tasks, the result is proven from accumulator and multiplier on. What no tool has
joined: claims of one task are read as assumptions of the next one, for the same values of
accumulator and multiplier, which may be any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastcar.proofs.formal.requantizer import CONFIGURATION, HIGH, LOW, MIDDLE, PRODUCTS, UNIT
from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import DESIGN
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.requantizer import PART_BITS

MODULE = "fastcar.rtl.requantizer"
SUM = f"{DESIGN}_sum_q"

NUMBERS = """
// Accumulator and multiplier of the cycle before, and the parts, all as integers of WIDE bits.
localparam WIDE = 72;
wire [ACCUMULATOR_BITS-1:0] accumulator_then = accumulator_before[1];
wire [WIDE-1:0] whole = $signed(accumulator_then);
wire [WIDE-1:0] factor = multiplier_before[1];
wire [WIDE-1:0] low = accumulator_then[PART_BITS-1:0];
wire [WIDE-1:0] middle = accumulator_then[2*PART_BITS-1:PART_BITS];
wire signed [ACCUMULATOR_BITS-2*PART_BITS-1:0] upper =
    accumulator_then[ACCUMULATOR_BITS-1:2*PART_BITS];
wire [WIDE-1:0] high = upper;
wire [WIDE-1:0] low_product = low * factor;
wire [WIDE-1:0] middle_product = middle * factor;
wire [WIDE-1:0] high_product = high * factor;
wire [WIDE-1:0] product = whole * factor;
"""
WIDTHS_BODY = f"""
wire [WIDE-1:0] low_found = $signed({LOW});
wire [WIDE-1:0] middle_found = $signed({MIDDLE});
wire [WIDE-1:0] high_found = $signed({HIGH});
always @(posedge clk) if (age >= 1) begin
    low_is_exact: assert (low_found == low_product);
    middle_is_exact: assert (middle_found == middle_product);
    high_is_exact: assert (high_found == high_product);
    largest: cover (low == 72'h1ffff && middle == 72'h1ffff && factor == 72'h1ffff && upper < 0);
end
"""
DISTRIBUTION_BODY = f"""
// Any integers of WIDE bits, modulo 2^WIDE.
(* anyseq *) reg [WIDE-1:0] first, second, third, any_factor, any_place;
wire [WIDE-1:0] of_parts = first * any_factor + second * any_factor * any_place
    + third * any_factor * (any_place * any_place);
wire [WIDE-1:0] of_sum =
    (first + second * any_place + third * (any_place * any_place)) * any_factor;
wire [WIDE-1:0] low_found = $signed({LOW});
always @(posedge clk) begin
    is_distributive: assert (of_parts == of_sum);
    if (age >= 1) low_fits: assert (low_found >> 2 * PART_BITS == 0);
    a_product: cover (first == 2 && second == 1 && any_place == 5 && of_parts == -72'd21);
    largest: cover (age >= 1 && low == 72'h1ffff && factor == 72'h1ffff && low_found > 9);
end
"""
SUM_BODY = f"""
wire [WIDE-1:0] place = 72'd1 << PART_BITS;
wire [WIDE-1:0] low_found = $signed({LOW});
wire [WIDE-1:0] middle_found = $signed({MIDDLE});
wire [WIDE-1:0] high_found = $signed({HIGH});
wire [WIDE-1:0] sum_found = $signed({SUM});
// As the checkers of what stands behind say it.
wire signed [WIDE-1:0] low_read = {LOW}[2*PART_BITS-1:0];
wire signed [WIDE-1:0] middle_read = $signed({MIDDLE});
wire signed [WIDE-1:0] high_read = $signed({HIGH});
wire signed [WIDE-1:0] product_read =
    low_read + (middle_read <<< PART_BITS) + (high_read <<< 2 * PART_BITS);
reg [WIDE-1:0] product_then;
always @(posedge clk) product_then <= product;
always @(posedge clk) begin
    if (age >= 1) begin
        low_is_exact: assume (low_found == low_product);
        low_fits: assume (low_found >> 2 * PART_BITS == 0);
        middle_is_exact: assume (middle_found == middle_product);
        high_is_exact: assume (high_found == high_product);
        is_distributive: assume (low_product + middle_product * place
            + high_product * (place * place)
            == (low + middle * place + high * (place * place)) * factor);
        is_read: assert (product_read == product);
    end
    if (age >= 2) is_sum: assert (sum_found == product_then);
    carries: cover (age >= 2 && sum_found == -72'd21);
    all_parts: cover (age >= 1 && low > 9 && middle > 9 && upper < -9 && factor == 3);
end
"""
WIDTH_BUGS = (
    UnitBug(
        "the middle part keeps a sign",
        MODULE,
        "pyrtl.concat(zero, accumulator[PART_BITS : 2 * PART_BITS])",
        "pyrtl.concat(accumulator[2 * PART_BITS - 1], accumulator[PART_BITS : 2 * PART_BITS])",
    ),
)
DISTRIBUTION_BUGS = (
    UnitBug(
        "the lowest part has a sign",
        MODULE,
        "pyrtl.concat(zero, accumulator[:PART_BITS])",
        "pyrtl.concat(accumulator[PART_BITS - 1], accumulator[:PART_BITS])",
    ),
)
SUM_BUGS = (
    UnitBug(
        "the lowest product loses its highest bit",
        MODULE,
        "outer = pyrtl.concat(high_q, low_q[: 2 * PART_BITS])",
        "outer = pyrtl.concat(high_q, pyrtl.Const(0, 1), low_q[: 2 * PART_BITS - 1])",
    ),
    UnitBug(
        "the middle product counts half",
        MODULE,
        "inner = pyrtl.concat(middle_q, pyrtl.Const(0, PART_BITS))",
        "inner = pyrtl.concat(middle_q, pyrtl.Const(0, PART_BITS - 1))",
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """Widths and distribution, then the sum of them."""
    yield _make_task(
        "widths",
        WIDTHS_BODY,
        claim="each register is its part times the multiplier, as integers",
        argument="complete: registers of products depend on the cycle before alone",
        visible=PRODUCTS,
        bugs=WIDTH_BUGS,
        is_quick=True,
        depth_cycles=2,
        solver="bitwuzla",
    )
    yield _make_task(
        "distribution",
        DISTRIBUTION_BODY,
        claim="products of parts, each times the factor of its place, are the product of the sum "
        "of the parts; the lowest product fits what is read of it",
        argument="complete: for any integers, which z3 rewrites; there is no shift in it",
        visible=(LOW,),
        bugs=DISTRIBUTION_BUGS,
        is_quick=True,
        depth_cycles=2,
    )
    yield _make_task(
        "sum",
        SUM_BODY,
        claim="the register of the sum, and the product that the tasks behind it say of any "
        "partial products, are accumulator times multiplier: shifts and wires side by side are the "
        "factors of the places",
        argument="complete: partial products are cut, and what is assumed of them is the claim of "
        "the task before",
        free=PRODUCTS,
        visible=(SUM,),
        bugs=SUM_BUGS,
        solver="bitwuzla",
        depth_cycles=3,
    )


def _make_task(part: str, body: str, **attributes: Any) -> FormalTask:
    """A task about accumulator and multiplier of the cycle before; see `make_unit_task`."""
    return make_unit_task(
        UNIT,
        f"requantizer_{part}_checker",
        NUMBERS + body,
        name=f"requantizer {part}",
        configuration=CONFIGURATION,
        method=Method.BMC,
        delays={"accumulator": 1, "multiplier": 1},
        constants={
            "ACCUMULATOR_BITS": ACCUMULATOR_BITS,
            "PART_BITS": PART_BITS,
        },
        shown=("accumulator_then", "factor", *attributes.get("free", ()), *attributes["visible"]),
        **attributes,
    )
