"""The weight of a key is p = round(E[z mod 256] 2^-k), k = M - floor(z / 256) - 1, half upwards.

docs/accelerator.md, section 7: 255 - i mod 256 is z mod 256, and k is floor(i / 256). Two
tasks, cut at the table's entry, which in the second one is any number up to the table's largest, as
the first one claims. Assumed: a visible key is below its maximum, as `running_maximum.py` claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_table_function, make_unit_task
from fastcar.reference.tables import (
    EXPONENTIAL_STEP_BITS,
    EXPONENTIAL_TABLE,
)
from fastcar.rtl.attention.exponential import (
    LATENCY_CYCLES,
    ExponentialInputs,
    make_exponential,
)
from fastcar.rtl.attention.formats import (
    EXPONENT_BITS,
    LOGIT_BITS,
    LOGIT_FRACTION_BITS,
    SOFTMAX_WEIGHT_BITS,
)
from fastcar.rtl.vector_memory import FETCH_CYCLES

MODULE = "fastcar.rtl.attention.exponential"
ENTRY = f"{DESIGN}_entry_{FETCH_CYCLES}_q"
ENTRY_BODY = f"""
always @(posedge clk) begin
    if (age >= FETCH) is_entry: assert ({ENTRY} == table_value(logit_before[FETCH][STEP_BITS-1:0]));
    last_entry: cover (age >= FETCH && logit_before[FETCH][STEP_BITS-1:0] == 255);
end
"""
WEIGHT_BODY = f"""
// The exponent comes one cycle behind its logit, the entry FETCH cycles behind it.
wire signed [LOGIT_BITS-1:0] logit_then = $signed(logit_before[LATENCY]);
wire signed [31:0] maximum = $signed(exponent_before[LATENCY-1]);
wire signed [31:0] octave = logit_then >>> FRACTION_BITS;
wire [31:0] k = maximum - octave - 1;
wire is_seen = visible_before[LATENCY];
wire [63:0] entry_then = {ENTRY}_before[LATENCY-FETCH];
wire [63:0] half = k == 0 ? 0 : 64'd1 << (k - 1);
wire [63:0] expected = is_seen && k < 40 ? (entry_then + half) >> k : 0;
wire is_through = age >= LATENCY;
always @(posedge clk) begin
    below_its_maximum: assume (!is_through || !is_seen || maximum > octave);
    an_entry_of_the_table: assume ({ENTRY} <= LARGEST);
    if (is_through) is_weight: assert (out_weight == expected);
    largest: cover (is_through && is_seen && k == 0 && entry_then == LARGEST);
    a_last_bit: cover (is_through && is_seen && k == 16 && expected == 1);
    far_below: cover (is_through && is_seen && k == 65000);
end
"""
UNIT = Unit(
    lambda wires: {"weight": make_exponential(DESIGN, ExponentialInputs(**wires))},
    {"logit": LOGIT_BITS, "visible": 1, "exponent": EXPONENT_BITS},
    {"weight": SOFTMAX_WEIGHT_BITS},
)


def list_tasks() -> Iterator[FormalTask]:
    """The entry, then the weight for any entry."""
    yield _make_task(
        "entry",
        make_table_function("table_value", 0, EXPONENTIAL_TABLE) + ENTRY_BODY,
        claim="the table in the exported Verilog holds every E[j]",
        delays={"logit": FETCH_CYCLES},
        constants={"FETCH": FETCH_CYCLES, "STEP_BITS": EXPONENTIAL_STEP_BITS},
        visible=(ENTRY,),
        depth_cycles=FETCH_CYCLES + 1,
        bugs=(
            UnitBug(
                "one entry of the table is off by one",
                MODULE,
                "romdata=list(EXPONENTIAL_TABLE)",
                "romdata=[one - (j == 77) for j, one in enumerate(EXPONENTIAL_TABLE)]",
            ),
        ),
        solver="bitwuzla",
    )
    yield _make_task(
        "weight",
        WEIGHT_BODY,
        claim="p = round(E 2^-k), half upwards, for every k; 0 where a key does not count",
        delays={"logit": LATENCY_CYCLES, "visible": LATENCY_CYCLES}
        | {"exponent": LATENCY_CYCLES - 1, ENTRY: LATENCY_CYCLES - FETCH_CYCLES},
        constants={
            "LATENCY": LATENCY_CYCLES,
            "FETCH": FETCH_CYCLES,
            "LOGIT_BITS": LOGIT_BITS,
            "FRACTION_BITS": LOGIT_FRACTION_BITS,
            "LARGEST": max(EXPONENTIAL_TABLE),
        },
        free=(ENTRY,),
        is_quick=True,
        depth_cycles=LATENCY_CYCLES + 1,
        bugs=(
            UnitBug(
                "weights are rounded down",
                MODULE,
                "rounded = increment(halves_q)[1:]",
                "rounded = halves_q[1:]",
            ),
            UnitBug(
                "what is far below counts as if it were near",
                MODULE,
                "is_counted_q = latch(is_visible & is_near,",
                "is_counted_q = latch(is_visible,",
            ),
        ),
    )


def _make_task(part: str, body: str, **attributes: Any) -> FormalTask:
    """A task whose runs are complete; see `make_unit_task`."""
    return make_unit_task(
        UNIT,
        f"exponential_{part}_checker",
        body,
        name=f"exponential {part}",
        configuration=f"{LOGIT_BITS}-bit logits, {SOFTMAX_WEIGHT_BITS}-bit weights",
        method=Method.BMC,
        argument="complete: the pipeline has no other state, and the first cycle of these runs is "
        "any cycle",
        shown=("logit", "visible", "exponent", "out_weight"),
        **attributes,
    )
