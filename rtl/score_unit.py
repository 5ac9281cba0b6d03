"""Score unit: compares measures with the threshold and keeps what is decided but not committed.

Source: ours. Scores and distances arrive from the cores in any order, several in one cycle; the
scheduler reads decisions in the order of the slots.

Latency: what arrives in cycle t is compared, kept in a register in t + 1, and at the head in t + 2.
The head's decision stands in registers that look ahead to the slot that is at the head in the next
cycle: everything that waits for a commit hangs behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.circuits import (
    SLOT_BITS,
    make_static_core,
    mark_slot,
    mask,
    read_slot,
    select_value,
)
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.registers import drive, latch, make_register


@dataclass(frozen=True)
class Measure:
    """Score or distance of one slot, from one core.

    Attributes:
        valid: 1 bit; slot and value count in this cycle.
        slot: 5 bits; b mod C is the number of the core.
        value: 48 bits, signed.
    """

    valid: pyrtl.WireVector
    slot: pyrtl.WireVector
    value: pyrtl.WireVector


@dataclass(frozen=True)
class ScoreUnitInputs:
    """What the score unit reads; all wires are valid in every cycle.

    Attributes:
        reset: 1 bit.
        is_begin: 1 bit; forget everything, take over `is_distance`.
        is_distance: 1 bit; a slot replays iff its value is <= the threshold, otherwise iff >=.
        is_threshold: 1 bit; take over `threshold`.
        threshold: 48 bits, signed.
        measures: one for each core.
        direct_valid: 1 bit; `direct_slot` is decided without a measure.
        direct_slot: 5 bits.
        direct_computes: 1 bit; the decision.
        head_slot: 6 bits, straight from a register; the slot that is committed next.
        next_slot: 6 bits; `head_slot` + 1.
        is_commit: 1 bit; `next_slot` is the head in the next cycle.
    """

    reset: pyrtl.WireVector
    is_begin: pyrtl.WireVector
    is_distance: pyrtl.WireVector
    is_threshold: pyrtl.WireVector
    threshold: pyrtl.WireVector
    measures: Sequence[Measure]
    direct_valid: pyrtl.WireVector
    direct_slot: pyrtl.WireVector
    direct_computes: pyrtl.WireVector
    head_slot: pyrtl.WireVector
    next_slot: pyrtl.WireVector
    is_commit: pyrtl.WireVector


@dataclass(frozen=True)
class ScoreUnitOutputs:
    """What is known of the slot `head_slot`.

    Attributes:
        is_decided: 1 bit, a register.
        computes: 1 bit, a register; counts where `is_decided` is 1, as does `score`.
        score: 48 bits, the measure; 0 if the slot was decided without one.
        is_distance: 1 bit; distances decide in this run.
        is_arriving: 1 bit; a decision is on its way to its mark.
    """

    is_decided: pyrtl.WireVector
    computes: pyrtl.WireVector
    score: pyrtl.WireVector
    is_distance: pyrtl.WireVector
    is_arriving: pyrtl.WireVector


@dataclass(frozen=True)
class _Decision:
    """A decision: valid (1 bit), slot (5 bits), computes (1 bit)."""

    valid: pyrtl.WireVector
    slot: pyrtl.WireVector
    computes: pyrtl.WireVector


def make_score_unit(config: AcceleratorConfig, inputs: ScoreUnitInputs) -> ScoreUnitOutputs:
    """Build the score unit in the working block."""
    # State.
    threshold_q = make_register(ACCUMULATOR_BITS, "score_unit_threshold")
    is_distance_q = make_register(1, "score_unit_is_distance")
    drive(threshold_q, (inputs.is_threshold, inputs.threshold), clear=inputs.reset)
    drive(is_distance_q, (inputs.is_begin, inputs.is_distance), clear=inputs.reset)

    # Datapath: one comparator for each core, so that a measure meets the threshold of its time.
    forget = inputs.reset | inputs.is_begin
    found = [
        _Decision(
            measure.valid, measure.slot, _is_computing(measure.value, threshold_q, is_distance_q)
        )
        for measure in inputs.measures
    ]
    found.append(_Decision(inputs.direct_valid, inputs.direct_slot, inputs.direct_computes))
    decisions = [_keep(decision, source, forget) for source, decision in enumerate(found)]

    marks = [mark_slot(config, decision.valid, decision.slot) for decision in decisions]
    computing = [
        mask(mark, decision.computes) for mark, decision in zip(marks, decisions, strict=True)
    ]
    decided_q = _make_marks("decided", forget, marks)
    computing_q = _make_marks("computing", forget, computing)
    measured_q = _make_marks("measured", forget, marks[:-1])
    is_decided_q = make_register(1, "score_unit_head_is_decided")
    computes_q = make_register(1, "score_unit_head_computes")

    # Control: after a commit the next slot is at the head.
    marks_q = decided_q, computing_q
    next_is_decided, next_computes = _look(inputs.next_slot[:SLOT_BITS], marks_q, decisions)
    head_is_decided, head_computes = _look(inputs.head_slot[:SLOT_BITS], marks_q, decisions)
    is_decided_d = pyrtl.select(inputs.is_commit, next_is_decided, head_is_decided)
    drive(is_decided_q, (pyrtl.Const(1, 1), is_decided_d), clear=forget)
    computes_d = pyrtl.select(inputs.is_commit, next_computes, head_computes)
    drive(computes_q, (pyrtl.Const(1, 1), computes_d), clear=forget)
    _require_single_decisions(config, inputs, marks, decided_q)
    head_slot = inputs.head_slot[:SLOT_BITS]
    is_measured = read_slot(measured_q, head_slot)
    score = _make_measure_memories(config, inputs.measures, head_slot)
    return ScoreUnitOutputs(
        is_decided=is_decided_q,
        computes=computes_q,
        score=mask(score, is_measured),
        is_distance=is_distance_q,
        is_arriving=pyrtl.rtl_any(*(decision.valid for decision in decisions)),
    )


def _require_single_decisions(
    config: AcceleratorConfig,
    inputs: ScoreUnitInputs,
    marks: Sequence[pyrtl.WireVector],
    decided: pyrtl.WireVector,
) -> None:
    """Assert what the dispatcher guarantees: one decision for each slot, from core b mod C."""
    for number, mark in enumerate(marks):
        others = reduce(or_, marks[:number], decided)
        require(inputs.reset | ((mark & others) == 0), f"source {number} decides a slot once")
    for core, measure in enumerate(inputs.measures):
        is_own = make_static_core(config, measure.slot) == core
        require(~measure.valid | is_own, f"core{core} measures slots b with b mod C = {core}")


def _keep(decision: _Decision, source: int, forget: pyrtl.WireVector) -> _Decision:
    """The decision of a source (a core, or DECIDE behind all cores), one cycle later."""
    name = f"score_unit_decision{source}"
    valid_q = make_register(1, f"{name}_valid")
    drive(valid_q, (pyrtl.Const(1, 1), decision.valid), clear=forget)
    return _Decision(
        valid_q, latch(decision.slot, f"{name}_slot"), latch(decision.computes, f"{name}_computes")
    )


def _is_computing(
    value: pyrtl.WireVector, threshold: pyrtl.WireVector, is_distance: pyrtl.WireVector
) -> pyrtl.WireVector:
    """1 where the slot computes: a distance above the threshold, a score below it."""
    return pyrtl.select(
        is_distance, pyrtl.signed_gt(value, threshold), pyrtl.signed_lt(value, threshold)
    )


def _make_marks(
    name: str, forget: pyrtl.WireVector, marks: Sequence[pyrtl.WireVector]
) -> pyrtl.Register:
    """One bit for each slot, set by `marks` and cleared by `forget`."""
    marks_q = make_register(len(marks[0]), f"score_unit_{name}")
    drive(marks_q, (pyrtl.Const(1, 1), reduce(or_, marks, marks_q)), clear=forget)
    return marks_q


def _look(
    slot: pyrtl.WireVector,
    marks: Sequence[pyrtl.WireVector],
    decisions: Sequence[_Decision],
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Is the slot decided, and does it compute: as the marks show from the next cycle on.

    Args:
        slot: 5 bits.
        marks: decided and computing, B bits each.
        decisions: that are marked in this cycle.

    Returns:
        Two wires of 1 bit.
    """
    decided, computing = (read_slot(mark, slot) for mark in marks)
    for decision in decisions:
        is_here = decision.valid & (decision.slot == slot)
        decided, computing = decided | is_here, computing | is_here & decision.computes
    return decided, computing


def _make_measure_memories(
    config: AcceleratorConfig, measures: Sequence[Measure], head_slot: pyrtl.WireVector
) -> pyrtl.WireVector:
    """One memory of measures for each core, because all may write in one cycle; reads the head."""
    values = []
    for core, measure in enumerate(measures):
        memory = pyrtl.MemBlock(
            ACCUMULATOR_BITS, SLOT_BITS, name=f"score_unit_core{core}_measures", asynchronous=False
        )
        memory[measure.slot] <<= pyrtl.MemBlock.EnabledWrite(measure.value, measure.valid)
        values.append(memory[head_slot])
    return select_value(values, make_static_core(config, head_slot))
