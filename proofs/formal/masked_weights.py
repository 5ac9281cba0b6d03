"""The weight of a key that is not visible is 0, and so is its share of a sum of CONTEXT.

Behind `masked_keys.py`, in one copy: the softmax of docs/accelerator.md, section 7, gives a word of
weights its latency after a word of logits, 0 in the lanes that the positions leave out; a product
of the MAC array is 0 where its weight is 0, so what memory holds at positions that no token has
written yet, or that a window has left, is in no sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fastcar.proofs.formal.masked_keys import (
    ARE_VISIBLE,
    COMPARISON,
    CONFIG,
    CONFIGURATION,
    CONSTANTS,
    EXPONENTIAL,
    LANES,
    MASK_BUGS,
    SOFTMAX,
    UNIT,
)
from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl.attention.formats import SOFTMAX_WEIGHT_BITS
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.mac_array import MacArrayInputs, MacArrayOutputs, MacMode, make_mac_array

WEIGHING = f"{SOFTMAX}_weighing"
STAGES = tuple(
    f"{COMPARISON}_{name}_q"
    for name in ("is_last_1", "maximum_is_complete_1", "maximum_is_coming_1", "maximum_is_coming_2")
)
"""A word behind its last lane, cycle by cycle."""
ENDS = tuple(f"{WEIGHING}_is_last_{stage}_q" for stage in (1, 2, 3))
VISIBLE = tuple(f"{COMPARISON}_visible_{stage}_q" for stage in range(1, LANES + 4))
COLLECTED = tuple(f"{SOFTMAX}_collected_{lane}_q" for lane in range(1, LANES))
COUNTERS = tuple(
    f"{counter}_{name}_q" for counter in (COMPARISON, WEIGHING) for name in ("is_counting", "lane")
)
FLAGS = tuple(f"{EXPONENTIAL}_{name}_q" for name in ("is_visible_1", "is_visible_2", "is_counted"))
BLOCKS = tuple(
    f"{DESIGN}_{name}_q"
    for name in ("head", "is_first_block", "is_last_block", "num_blocks_behind")
)


def _join(names: tuple[str, ...]) -> str:
    """A vector with the first name in the lowest bits."""
    return f"{{{', '.join(reversed(names))}}}"


PLACES_BODY = f"""
wire [3:0] stages = {_join(STAGES)};
wire [2:0] ends = {_join(ENDS)};
wire [LANES+3:1] comparison_visible = {_join(VISIBLE)};
wire [(LANES-1)*WEIGHT_BITS-1:0] collected = {_join(COLLECTED)};
always @(posedge clk) begin
    invariant_place: assert (!is_open || head < HEADS && block < rows);
    invariant_first: assert (!is_open || {BLOCKS[1]} == (block == 0));
    invariant_last: assert (!is_open || {BLOCKS[2]} == (block == rows - 1));
    invariant_behind: assert (!is_open || {BLOCKS[3]} == rows - 1 - block);
    invariant_head: assert (!is_open || {BLOCKS[0]} == head);
end
"""
"""Names for registers of all stages, and what is so of the counters of blocks."""
BUGS = (
    *MASK_BUGS,
    UnitBug(
        "weights are collected the wrong way round",
        "fastcar.rtl.attention.softmax",
        "join_lanes(lanes)",
        "join_lanes(lanes[::-1])",
    ),
)

VALUES_BODY = """
integer i;
reg is_zero;
wire [LANES-1:0][PRODUCT_BITS-1:0] product = products;
wire is_context = age >= 2 && mode_before[2] == WEIGHTS;
always @* begin
    is_zero = 1;
    for (i = 0; i < LANES; i = i + 1)
        if (left_before[2][16*i +: 16] == 0 && product[i] != 0) is_zero = 0;
end
always @(posedge clk) begin
    if (is_context) no_weight_no_product: assert (is_zero);
    a_product: cover (is_context && left_before[2][15:0] == 3 && product[0] == -21
        && product[1] == 0);
end
"""
VALUE_BUGS = (
    UnitBug(
        "what is multiplied is the difference to another operand",
        "fastcar.rtl.mac_array",
        "is_difference = inputs.mode == MacMode.SQUARED_DIFFERENCE",
        "is_difference = inputs.mode != MacMode.SQUARED_DIFFERENCE",
    ),
)
PRODUCTS = tuple(f"{DESIGN}_product_{lane}_q" for lane in range(LANES))
ARRAY = make_unit(
    lambda inputs: make_mac_array(CONFIG, DESIGN, inputs),
    MacArrayInputs,
    MacArrayOutputs,
    {
        "mode": 2,
        "left": CONFIG.word_bits,
        "right": CONFIG.word_bits,
        "weights": CONFIG.beat_bits,
        "is_left_unsigned": 1,
        "accumulator": ACCUMULATOR_BITS,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """Weights, then products of values."""
    free = tuple(f"{EXPONENTIAL}_{name}_q" for name in ("distance", "halves"))
    task = make_unit_task(
        UNIT,
        "masked_weights_checker",
        read_body("visible_keys") + PLACES_BODY + read_body("masked_weights"),
        name="masked weights",
        claim="a word of weights comes with the latency of its word of logits, and is 0 where a "
        "key is not visible",
        configuration=CONFIGURATION,
        depth_cycles=1,
        argument="what stands behind table and exponent is cut; the checker follows words and "
        "their lanes through all stages",
        constants={**CONSTANTS, "WEIGHT_BITS": SOFTMAX_WEIGHT_BITS},
        bugs=BUGS,
        shown=("start", "word_valid", "head", "block", "visible", "came", "out_weights"),
        free=free,
        visible=(
            ARE_VISIBLE,
            *STAGES,
            *ENDS,
            *VISIBLE,
            *COLLECTED,
            *COUNTERS,
            *FLAGS,
            *BLOCKS,
            f"{EXPONENTIAL}_weight_q",
        ),
    )
    cycles = 2 * CONSTANTS["LATENCY"]
    bugs = tuple(replace(bug, depth_cycles=cycles) for bug in task.bugs)
    yield replace(task, is_quick=True, cover_depth_cycles=cycles, bugs=bugs)
    widths = ARRAY.read_register_bits(*PRODUCTS)
    yield make_unit_task(
        ARRAY,
        "masked_values_checker",
        f"wire [LANES*PRODUCT_BITS-1:0] products = {_join(PRODUCTS)};\n"
        f"localparam WEIGHTS = {MacMode.WEIGHTS.value};\n" + VALUES_BODY,
        name="masked values",
        claim="a value whose weight is 0 has no share in a sum of CONTEXT, whatever it is",
        configuration=f"L = {LANES}",
        method=Method.BMC,
        depth_cycles=3,
        argument="complete: products depend on the two cycles before alone, sums on products",
        delays={"left": 2, "mode": 2},
        constants={"LANES": LANES, "PRODUCT_BITS": widths[PRODUCTS[0]]},
        bugs=VALUE_BUGS,
        shown=("left", "weights", "mode"),
        visible=PRODUCTS,
        is_quick=True,
    )
