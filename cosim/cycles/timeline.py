"""What every core worked on over one layer: spans of cycles, and the layer under both mappings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.rtl.instruction import Predicate

PHASES = {
    Predicate.ALWAYS: "decide",
    Predicate.IF_COMPUTE: "compute",
    Predicate.IF_REPLAY: "replay",
}
"""What a core works on, by the predicate of its instruction."""


@dataclass(frozen=True)
class Span:
    """Cycles in a row that a core spends on one phase of one slot.

    Attributes:
        core: which.
        slot: batch slot.
        phase: of `PHASES`.
        first_cycle: of the run.
        last_cycle: of the run.
    """

    core: int
    slot: int
    phase: str
    first_cycle: int
    last_cycle: int


@dataclass(frozen=True)
class Timeline:
    """One layer of one token, under both mappings.

    Attributes:
        layer_index: l.
        token_index: j.
        computes: decision of every slot.
        drs_cycles: of the layer under DRS.
        static_cycles: under static mapping.
        drs: spans of the cores under DRS.
        static: under static mapping.
    """

    layer_index: int
    token_index: int
    computes: tuple[bool, ...]
    drs_cycles: int
    static_cycles: int
    drs: tuple[Span, ...]
    static: tuple[Span, ...]


def list_spans(prediction: Prediction) -> tuple[Span, ...]:
    """What every core worked on, instructions of one slot and phase joined."""
    spans: list[Span] = []
    open_spans: dict[int, Span] = {}
    for step in prediction.steps:
        if step.core is None:
            continue
        phase, slot = PHASES[Predicate(step.instruction.predicate)], step.instruction.slot
        span = open_spans.get(step.core)
        if span is not None and (span.slot, span.phase) == (slot, phase):
            open_spans[step.core] = replace(span, last_cycle=step.last_cycle)
            continue
        if span is not None:
            spans.append(span)
        open_spans[step.core] = Span(step.core, slot, phase, step.first_cycle, step.last_cycle)
    spans += open_spans.values()
    return tuple(sorted(spans, key=lambda span: (span.core, span.first_cycle)))
