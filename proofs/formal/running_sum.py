"""The running sum of softmax is S' = (S >> (M' - M)) + (sum p << GUARD_BITS), word by word.

Words of two heads come as close as the contract of the unit allows. The memory holds any numbers to
begin with, and sums are those modulo 2^TOTAL_BITS: that no more keys are allowed than a sum has
room for is a limit of the sizes (docs/accelerator.md, section 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl.attention.formats import (
    GUARD_BITS,
    RESCALING_BITS,
    SOFTMAX_WEIGHT_BITS,
    TOTAL_BITS,
)
from fastcar.rtl.attention.running_sum import (
    LOOP_CYCLES,
    RunningSumInputs,
    RunningSumOutputs,
    make_running_sum,
)

MODULE = "fastcar.rtl.attention.running_sum"
NUM_HEADS, NUM_LANES = 2, 4
MEMORY = f"{DESIGN}_totals"
BUGS = (
    UnitBug(
        "S counts behind a restart",
        MODULE,
        "counted = mask(before, ~inputs.is_restart)",
        "counted = before",
    ),
    UnitBug(
        "S is not rescaled by less than four octaves",
        MODULE,
        "total = shift_fine(coarse_q, inputs.rescaling) + word",
        "total = coarse_q + word",
    ),
    UnitBug(
        "a word goes on with the sum of the word before",
        MODULE,
        "base = mask(partial_q, ~inputs.is_first)",
        "base = partial_q",
    ),
    UnitBug(
        "a word that is forgotten is written",
        MODULE,
        'f"{name}_is_written", inputs.clear)',
        'f"{name}_is_written")',
    ),
)
UNIT = make_unit(
    lambda inputs: make_running_sum(DESIGN, NUM_LANES, inputs),
    RunningSumInputs,
    RunningSumOutputs,
    {
        "weight": SOFTMAX_WEIGHT_BITS,
        "rescaling": RESCALING_BITS,
        "reader_total": TOTAL_BITS,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """Two heads."""
    task = make_unit_task(
        UNIT,
        "running_sum_checker",
        read_body("running_sum"),
        name="running sum",
        claim="S' = (S >> (M' - M)) + (sum p << g), from 0 behind a restart, no carry of a word "
        "is lost; no other head changes, nothing that is forgotten is written, and a reader finds "
        "S",
        configuration=f"{NUM_HEADS} heads, L = {NUM_LANES}, {SOFTMAX_WEIGHT_BITS}-bit weights",
        depth_cycles=LOOP_CYCLES + 2,
        argument="words end LOOP_CYCLES apart and what belongs to them holds, as the unit asks",
        delays={
            "is_last": 1,
            "clear": 1,
            "head": 2,
            "rescaling": 1,
            "reader_head": 2,
            "out_is_written": 1,
            f"{MEMORY}_0": 2,
            f"{MEMORY}_1": 2,
        },
        constants={
            "LANES": NUM_LANES,
            "LOOP": LOOP_CYCLES,
            "WEIGHT_BITS": SOFTMAX_WEIGHT_BITS,
            "GUARD_BITS": GUARD_BITS,
            "TOTAL_BITS": TOTAL_BITS,
        },
        bugs=BUGS,
        shown=("is_first", "is_last", "weight", "head", "is_restart", "rescaling", "written"),
        visible=(f"{DESIGN}_sum_q",),
        memories=((MEMORY, NUM_HEADS),),
    )
    bugs = tuple(replace(bug, depth_cycles=12) for bug in task.bugs)
    yield replace(task, cover_depth_cycles=14, bugs=bugs)
