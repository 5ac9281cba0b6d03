"""The reciprocal of softmax equals its integer formula, R = floor((2^33 - 1) / (S >> (e - 18))).

Two tasks: the divisor of a sum, and the division step by step for any divisor. Each step is the
schoolbook's: what is left, with the next bit behind it, holds the divisor once or not at all. R
times the divisor is added up bit by bit, so that no solver has to look into a multiplier.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyrtl

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.attention.formats import BIT_LENGTH_BITS, RECIPROCAL_BITS, TOTAL_BITS
from fastcar.rtl.attention.reciprocal import (
    DIVISOR_BITS,
    LOAD_CYCLES,
    SMALLEST_BIT_LENGTH,
    START_CYCLES,
    ReciprocalInputs,
    make_reciprocal,
)
from fastcar.rtl.registers import make_register

MODULE = "fastcar.rtl.attention.reciprocal"
NUM_HEADS = 2
LOAD = f"{DESIGN}_load_{LOAD_CYCLES}_q"
DIVISOR, BIT_LENGTH = f"{DESIGN}_divisor_q", f"{DESIGN}_bit_length_q"
REMAINDER, QUOTIENT = f"{DESIGN}_remainder_q", f"{DESIGN}_quotient_q"

DIVISOR_BODY = f"""
wire [TOTAL_BITS-1:0] total_then = total_before[1];
integer k;
reg [5:0] length;
always @* begin
    length = 0;
    for (k = 0; k < TOTAL_BITS; k = k + 1) if (total_then[k]) length = k + 1;
end
wire is_loaded = age >= 2 && {LOAD}_before[1] && total_before[2] == total_then
    && length >= SMALLEST;
always @(posedge clk) begin
    if (is_loaded) is_shifted: assert ({DIVISOR} == total_then >> (length - DIVISOR_BITS));
    if (is_loaded) is_length: assert ({BIT_LENGTH} == length);
    if (is_loaded) has_its_highest_bit: assert ({DIVISOR}[DIVISOR_BITS-1]);
    smallest: cover (is_loaded && total_then == 40'd1 << (SMALLEST - 1));
    largest: cover (is_loaded && (&total_then));
end
"""
DIVISION_BODY = f"""
// Steps that are done, 31 where nothing is divided; is_end: the last one was done.
reg [4:0] steps = 31;
reg is_end = 0;
// The bits of the quotient so far times the divisor, bit by bit.
reg [35:0] product_then;
wire [35:0] following = {{product_then, 1'b0}} + ({QUOTIENT}[0] ? {DIVISOR}_before[1] : 18'd0);
wire [35:0] product = steps == 0 ? 36'd0 : following;
wire [35:0] dividend = (36'd1 << (DIVISOR_BITS - 1 + steps)) - 36'd1;
wire [35:0] rest = 36'h1ffffffff - following;
wire is_under_way = steps < STEPS;
always @(posedge clk) begin
    steps <= {LOAD} ? 0 : is_under_way ? steps + 1 : 31;
    is_end <= steps == STEPS - 1;
    product_then <= product;
    one_after_the_other: assume (!({LOAD} && is_under_way && steps != STEPS - 1));
    has_its_highest_bit: assume (steps != 0 || {DIVISOR}[DIVISOR_BITS-1]);
    if (is_under_way) nothing_is_lost: assert (product + {REMAINDER} == dividend);
    if (is_under_way) is_less: assert ({REMAINDER} < {DIVISOR});
    if (is_end) is_contained: assert (following <= 36'h1ffffffff);
    if (is_end) is_all: assert (rest < {DIVISOR}_before[1]);
    if (age >= 1) bits_stay: assert ({QUOTIENT} >> 1 == {QUOTIENT}_before[1][QUOTIENT_BITS-2:0]);
    back_to_back: cover (is_end && steps == 0 && {QUOTIENT} == 16'h8000);
    largest_quotient: cover (is_end && {QUOTIENT} == 16'hffff);
end
"""


DIVISION_BUGS = (
    UnitBug(
        "an equal divisor is not contained",
        MODULE,
        "is_contained = ~rest[-1]",
        "is_contained = ~rest[-1] & (rest[:DIVISOR_BITS] != 0)",
    ),
    UnitBug(
        "a bit of the quotient turns",
        MODULE,
        "pyrtl.concat(quotient_q[:-1], is_contained)",
        "pyrtl.concat(quotient_q[1:-1], ~quotient_q[0], is_contained)",
    ),
)


def _build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """The unit with the register of the head that is divided for, which it drives."""
    outputs = make_reciprocal(
        DESIGN, NUM_HEADS, ReciprocalInputs(head=make_register(1, f"{DESIGN}_head"), **wires)
    )
    return vars(outputs)


UNIT = Unit(
    _build,
    {"clear": 1, "is_finished": 1, "total": TOTAL_BITS, "reader_head": 1},
    {"is_done": 1, "reader_reciprocal": RECIPROCAL_BITS, "reader_bit_length": BIT_LENGTH_BITS},
)


def list_tasks() -> Iterator[FormalTask]:
    """Divisor, division, product."""
    yield _make_task(
        "divisor",
        DIVISOR_BODY,
        claim="e is the bit length of S, the divisor its highest 18 bits, for every S from 2^26 on",
        configuration=f"{TOTAL_BITS}-bit sum",
        depth_cycles=3,
        method=Method.BMC,
        argument="complete: registers depend on the two cycles before alone, and the first cycle "
        "of these runs is any cycle; the start is cut and comes in any cycle",
        delays={"total": 2, LOAD: 1},
        constants={
            "TOTAL_BITS": TOTAL_BITS,
            "DIVISOR_BITS": DIVISOR_BITS,
            "SMALLEST": SMALLEST_BIT_LENGTH,
        },
        bugs=(
            UnitBug(
                "the divisor has a bit too few",
                MODULE,
                "total[SMALLEST_BIT_LENGTH - DIVISOR_BITS :]",
                "total[SMALLEST_BIT_LENGTH - DIVISOR_BITS + 1 :]",
            ),
        ),
        shown=("total", LOAD, DIVISOR, BIT_LENGTH),
        visible=(DIVISOR, BIT_LENGTH),
        is_quick=True,
    )
    task = _make_task(
        "division",
        DIVISION_BODY,
        claim="R S' <= 2^33 - 1 < (R + 1) S' for every divisor S' from 2^17 on; divisions follow "
        "each other without a cycle between",
        configuration=f"{DIVISOR_BITS}-bit divisor, {RECIPROCAL_BITS} steps",
        depth_cycles=1,
        argument="the start is cut and comes in any cycle in which no division is under way, or in "
        "the last one of a division; that a divisor has its highest bit is the claim of the task "
        "before; that R S' is what its bits add up to is the law of distribution",
        delays={DIVISOR: 1, QUOTIENT: 1},
        constants={
            "DIVISOR_BITS": DIVISOR_BITS,
            "QUOTIENT_BITS": RECIPROCAL_BITS,
            "STEPS": START_CYCLES,
        },
        bugs=DIVISION_BUGS,
        shown=(LOAD, "steps", DIVISOR, REMAINDER, QUOTIENT, "product", "is_end"),
        visible=(DIVISOR, REMAINDER, QUOTIENT),
    )
    yield replace(task, cover_depth_cycles=RECIPROCAL_BITS + 5)


def _make_task(part: str, body: str, **attributes: Any) -> FormalTask:
    """A task whose start is cut; attributes as those of `make_unit_task`."""
    return make_unit_task(
        UNIT,
        f"reciprocal_{part}_checker",
        body,
        name=f"reciprocal {part}",
        free=(LOAD,),
        **attributes,
    )
