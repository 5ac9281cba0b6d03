"""The running maximum of softmax never falls, and its rise is what sums are shifted by.

Words of two heads come with any number of lanes, as close as the contract of the unit allows. The
memory holds any numbers to begin with.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl.attention.formats import EXPONENT_BITS, NO_OCTAVE, RESCALING_BITS
from fastcar.rtl.attention.running_maximum import (
    LOOP_CYCLES,
    RunningMaximumInputs,
    RunningMaximumOutputs,
    make_running_maximum,
)

MODULE = "fastcar.rtl.attention.running_maximum"
NUM_HEADS = 2
MEMORY, LARGEST = f"{DESIGN}_exponents", f"{DESIGN}_largest_q"
BUGS = (
    UnitBug(
        "the maximum falls to what a word needs",
        MODULE,
        "exponent = pyrtl.select(is_below & ~inputs.is_restart, before, needed_q)",
        "exponent = needed_q",
    ),
    UnitBug(
        "a smaller word rescales",
        MODULE,
        "mask(limit_rescaling(rise_q[:-1]), ~is_below)",
        "limit_rescaling(rise_q[:-1])",
    ),
    UnitBug(
        "the largest octave may equal the maximum",
        MODULE,
        "drive(needed_q, (is_complete_q, increment(largest_q)))",
        "drive(needed_q, (is_complete_q, largest_q))",
    ),
)

UNIT = make_unit(
    lambda inputs: make_running_maximum(DESIGN, inputs),
    RunningMaximumInputs,
    RunningMaximumOutputs,
    {
        "octave": EXPONENT_BITS,
        "exponent": EXPONENT_BITS,
        "rescaling": RESCALING_BITS,
        "reader_exponent": EXPONENT_BITS,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """Two heads."""
    yield make_unit_task(
        UNIT,
        "running_maximum_checker",
        read_body("running_maximum"),
        name="running maximum",
        claim="M' = max(M, largest octave + 1), M' alone behind a restart; it never falls, every "
        "octave of its word is below it, and the rescaling is min(M' - M, 63), never below 0; no "
        "other head changes, and a reader finds M",
        configuration=f"{NUM_HEADS} heads",
        depth_cycles=2 * LOOP_CYCLES,
        argument="words end LOOP_CYCLES apart and their head holds, as the unit asks; octaves are "
        "those of 24-bit logits, or none",
        delays={
            "is_last": 3,
            "clear": 3,
            "head": 1,
            "is_restart": 1,
            "reader_head": 2,
            "out_is_coming": 1,
            f"{MEMORY}_0": 2,
            f"{MEMORY}_1": 2,
        },
        constants={"WIDTH": EXPONENT_BITS, "NO_OCTAVE": NO_OCTAVE},
        bugs=BUGS,
        shown=("is_last", "head", "is_restart", "octave", "maximum", "needed", "out_exponent"),
        visible=(LARGEST,),
        memories=((MEMORY, NUM_HEADS),),
    )
