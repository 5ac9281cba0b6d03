"""Cycles of a run as a formula: of the program, the decisions, the sizes and the memory's latency.

`fastcar.cosim.cycles.cycle_recursion` states the formula for given cycles in which records are
taken. These can only delay what comes later, so passes settle them: a few do.

Where memory stalls, an instruction takes as many cycles more as its core counts more stalls. max
and plus never turn a delay into a larger one, so a run takes at least the cycles without
stalls, and at most all additional stalls more: `bound_cycles`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastcar.cosim.cycles.course import Step
from fastcar.cosim.cycles.cycle_recursion import Recursion
from fastcar.cosim.records import CoreCounters, Counters
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode


@dataclass(frozen=True)
class Retirement:
    """A slot's record.

    Attributes:
        slot: batch slot.
        core: core that finished it.
        start_cycle: first cycle of its first instruction.
        end_cycle: last cycle of its last instruction.
        taken_cycle: in which the record appears.
    """

    slot: int
    core: int
    start_cycle: int
    end_cycle: int
    taken_cycle: int


@dataclass(frozen=True)
class Prediction:
    """What the hardware will count and record.

    Attributes:
        cycles: of the run.
        decision_cycles: commit of every slot, of one set of decisions after the other.
        retirements: in the order of their records.
        counters: all of them.
        steps: every instruction in time.
    """

    cycles: int
    decision_cycles: tuple[int, ...]
    retirements: tuple[Retirement, ...]
    counters: Counters
    steps: tuple[Step, ...]


def predict_run(
    config: AcceleratorConfig,
    program: Sequence[Instruction],
    computes: Sequence[bool],
    latency_cycles: int,
) -> Prediction:
    """Cycles, records and counters of a program that is legal and ends with END.

    Args:
        config: sizes.
        program: BEGIN to END, one set of decisions.
        computes: decision of every slot.
        latency_cycles: of the memory, at least 1.
    """
    opcodes = [instruction.opcode for instruction in program]
    if Opcode.BEGIN in opcodes[1:] or opcodes[-1:] != [Opcode.END]:
        raise ArgumentError("program", opcodes, "one BEGIN, one END, one set of decisions")
    return predict_sets(config, program, [computes], latency_cycles)


def predict_sets(
    config: AcceleratorConfig,
    program: Sequence[Instruction],
    decisions: Sequence[Sequence[bool]],
    latency_cycles: int,
) -> Prediction:
    """Likewise, of a program with several BEGIN: a token of all layers.

    Args:
        config: sizes.
        program: legal, one END at its end.
        decisions: of every slot, one set for each BEGIN.
        latency_cycles: of the memory, at least 1.
    """
    opcodes = [instruction.opcode for instruction in program]
    if opcodes.count(Opcode.END) != 1 or opcodes[-1] != Opcode.END:
        raise ArgumentError("program", opcodes, "one END, at its end")
    if latency_cycles < 1:
        raise ArgumentError("latency_cycles", latency_cycles, "at least 1")
    taken_cycles: list[list[int]] = [[] for _ in range(config.num_cores)]
    num_passes = 0
    while True:
        recursion = Recursion(config, decisions, latency_cycles, taken_cycles)
        for instruction in program:
            recursion.advance(instruction)
        settled = recursion.arbitrate()
        if settled == taken_cycles:
            return _describe(recursion)
        _check_passes(num_passes, (*settled, *taken_cycles))
        num_passes += 1
        taken_cycles = settled


def _check_passes(num_passes: int, taken_cycles: Sequence[Sequence[int]]) -> None:
    """Refuse more passes than there can be.

    What a core does before cycle c + 1 depends on the records that are taken before cycle c alone,
    so a pass, counted from 0, leaves all before cycle `num_passes` - 1 as the pass before. And
    no pass takes a record later than a fixed cycle: it waits one cycle for each other record at
    most, and its offer depends on those alone that the program has before it. So the passes end.

    Args:
        num_passes: before this one.
        taken_cycles: of this pass and of the one before, which differ.
    """
    if num_passes > 1 + max(cycle for cycles in taken_cycles for cycle in cycles):
        raise RuntimeError(f"cycle model: not settled in pass {num_passes}")


def bound_cycles(prediction: Prediction, counters: Counters) -> tuple[int, int]:
    """Fewest and most cycles of a run under stalls, from the stalls that were counted.

    Holds where no record waits for another core's so long that it delays an instruction, as in
    every compiled layer: the order in which records are taken is not a matter of max and plus.

    Args:
        prediction: without stalls.
        counters: of the run with stalls.
    """
    stalls = [
        sum(core.read_stall + core.write_stall for core in each.cores)
        for each in (counters, prediction.counters)
    ]
    return prediction.cycles, prediction.cycles + stalls[0] - stalls[1]


def _describe(recursion: Recursion) -> Prediction:
    """Everything that the hardware shows."""
    retirements = [
        Retirement(slot, number, start, end, taken)
        for number, core in enumerate(recursion.cores)
        for (slot, start, end), taken in zip(
            core.finished, recursion.taken_cycles[number], strict=True
        )
    ]
    cycles = recursion.pass_cycle + 1
    counters = Counters(
        cycles=cycles,
        dropped=recursion.dropped,
        wait_decision=recursion.wait_decision,
        wait_queue=recursion.wait_queue,
        cores=tuple(
            CoreCounters(core.mac_busy, core.read_stall, core.write_stall, len(core.first_cycles))
            for core in recursion.cores
        ),
    )
    return Prediction(
        cycles,
        tuple(recursion.decision_cycles),
        tuple(sorted(retirements, key=lambda one: one.taken_cycle)),
        counters,
        tuple(recursion.steps),
    )
