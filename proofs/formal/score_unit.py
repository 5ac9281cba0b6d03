"""The score unit compares a measure with the threshold as integers do, for all 48-bit values.

A score replays iff it is >= the threshold, a distance iff it is <= it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.score_unit import Measure, ScoreUnitInputs, make_score_unit

CONFIG = AcceleratorConfig(1, 4, 4, 4, 4, 4, 2)
MODULE = "fastcar.rtl.score_unit"
BODY = """
reg is_decided = 0, computes, is_measured = 0, is_distance_run = 0;
reg signed [47:0] threshold_now = 0;
// What came in the cycle before.
reg has_come = 0, came_measured, came_computes;
(* anyconst *) reg [1:0] any_slot;
wire [4:0] slot = any_slot;
wire comes_0 = score_unit_decision0_valid_q && score_unit_decision0_slot_q == slot;
wire comes_1 = score_unit_decision1_valid_q && score_unit_decision1_slot_q == slot;
wire is_measure = measure_valid && measure_slot == slot;
wire is_direct = direct_valid && direct_slot == slot;
wire signed [47:0] value = measure_value;
wire is_equal = was_reset && is_measure && value == threshold_now;
wire is_shown = out_head_slot == slot && is_decided;
wire replays = is_distance_run ? value <= threshold_now : value >= threshold_now;
always @(posedge clk) begin
    if (reset) {threshold_now, is_distance_run} <= 0;
    else begin
        if (is_threshold) threshold_now <= threshold;
        if (is_begin) is_distance_run <= is_distance;
    end
    if (reset || is_begin) {is_decided, is_measured, has_come} <= 0;
    else begin
        has_come <= is_measure || is_direct;
        came_measured <= is_measure;
        came_computes <= is_measure ? !replays : direct_computes;
        if (has_come) {is_decided, is_measured, computes} <= {1'b1, came_measured, came_computes};
    end
    one_decision_for_a_slot: assume (reset || !(is_measure && is_direct)
        && !((is_measure || is_direct) && (is_decided || has_come)));
    if (was_reset) begin
        invariant_threshold: assert ($signed(score_unit_threshold_q) == threshold_now);
        invariant_mode: assert (score_unit_is_distance_q == is_distance_run);
        invariant_once: assert (!(is_decided && has_come));
        invariant_measures_decide: assert (!is_measured || is_decided);
        invariant_came_measured: assert (comes_0 == (has_come && came_measured));
        invariant_came_directly: assert (comes_1 == (has_come && !came_measured));
        invariant_came_0: assert (!comes_0 || score_unit_decision0_computes_q == came_computes);
        invariant_came_1: assert (!comes_1 || score_unit_decision1_computes_q == came_computes);
        invariant_measured: assert (score_unit_measured_q[any_slot] == is_measured);
        invariant_decided: assert (score_unit_decided_q[any_slot] == is_decided);
        invariant_computing: assert (!is_decided || score_unit_computing_q[any_slot] == computes);
        invariant_undecided: assert (is_decided || !score_unit_computing_q[any_slot]);
        if (out_head_slot == slot) decided_once_it_came: assert (out_is_decided == is_decided);
        if (is_shown) compares_as_integers: assert (out_computes == computes);
        if (is_shown && !is_measured) no_measure_is_0: assert (out_score == 0);
    end
    equal_score: cover (is_equal && !is_distance_run && value < 0);
    equal_distance: cover (is_equal && is_distance_run && value > 0);
    directly: cover (was_reset && is_shown && !is_measured);
end
"""
DECISION = ("valid", "slot", "computes")
"""Registers of what has come from a source: 0 is the core, 1 is DECIDE."""
INNER = (
    *(f"score_unit_decision{source}_{name}_q" for source in (0, 1) for name in DECISION),
    "score_unit_threshold_q",
    "score_unit_is_distance_q",
    "score_unit_measured_q",
    "score_unit_decided_q",
    "score_unit_computing_q",
)
BUGS = (
    UnitBug(
        "a distance equal to the threshold computes",
        MODULE,
        "pyrtl.signed_gt(value, threshold)",
        "pyrtl.signed_ge(value, threshold)",
    ),
    UnitBug(
        "scores are compared without their sign",
        MODULE,
        "pyrtl.signed_lt(value, threshold)",
        "value < threshold",
    ),
)


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """The unit of one core between ports; any slot may follow at the head."""
    head_slot = pyrtl.Register(6, "head_slot_q")
    head_slot.next <<= pyrtl.select(wires["is_commit"], wires["next_slot"], head_slot)
    measure = Measure(*(wires.pop(f"measure_{name}") for name in ("valid", "slot", "value")))
    outputs = make_score_unit(
        CONFIG, ScoreUnitInputs(**wires, measures=[measure], head_slot=head_slot)
    )
    names = ("is_decided", "computes", "score")
    return {name: getattr(outputs, name) for name in names} | {"head_slot": head_slot}


UNIT = Unit(
    build,
    {
        "reset": 1,
        "is_begin": 1,
        "is_distance": 1,
        "is_threshold": 1,
        "threshold": ACCUMULATOR_BITS,
        "measure_valid": 1,
        "measure_slot": 5,
        "measure_value": ACCUMULATOR_BITS,
        "direct_valid": 1,
        "direct_slot": 5,
        "direct_computes": 1,
        "next_slot": 6,
        "is_commit": 1,
    },
    {"is_decided": 1, "computes": 1, "score": ACCUMULATOR_BITS, "head_slot": 6},
)


def list_tasks() -> Iterator[FormalTask]:
    """One core, any slot."""
    yield make_unit_task(
        UNIT,
        "score_unit_checker",
        BODY,
        name="score unit",
        claim="every score and every distance is compared with the threshold as integers are, also "
        "when equal; a decision stays until BEGIN",
        configuration="C = 1, B = 4, 48 bits",
        depth_cycles=1,
        argument="the checker's own record of one symbolic slot equals the unit's marks",
        bugs=BUGS,
        shown=(
            "is_distance_run",
            "threshold_now",
            "measure_valid",
            "measure_slot",
            "measure_value",
            "out_head_slot",
            "out_is_decided",
            "out_computes",
        ),
        visible=INNER,
        is_quick=True,
    )
