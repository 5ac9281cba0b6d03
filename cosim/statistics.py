"""Sums over the layers of a co-simulation: cycles, where the cores spent them, beats, decisions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from fastcar.cosim.cycles.course import Step
from fastcar.cosim.cycles.cycle_model import Prediction, bound_cycles, predict_run
from fastcar.cosim.cycles.timeline import PHASES, Timeline, list_spans
from fastcar.cosim.engine import LayerRun
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import STATIC_BIT, Instruction, Opcode, Predicate
from fastcar.rtl.latency import count_mac_beats


@dataclass
class RunStatistics:
    """Sums over all layers of all simulated tokens; nothing of a run is kept but one timeline.

    Attributes:
        config: sizes of the accelerator.
        latency_cycles: of the memory.
        totals: runs, cycles, decisions, retirements, computed and replayed slots, rounds (slots of
            the busiest core), dropped, wait_decision, wait_queue; drs_cycles and static_cycles, by
            the cycle model of memory without stalls, where `cycles` is one of them; fewest_cycles
            and most_cycles, its bounds where memory stalls.
        phase_cycles: core-cycles by phase; `stalled`: what stalls add to the phases.
        phase_macs: cycles with a MAC beat by phase.
        compute_cycles: core-cycles of the phase `compute` by opcode.
        cores: for each core computed and replayed slots, cycles by phase, read and written beats,
            and its counters.
        layers: for each layer runs, cycles, computed and replayed slots.
        timeline: of the run that DRS shortens most against static mapping.
    """

    config: AcceleratorConfig
    latency_cycles: int
    totals: Counter[str] = field(default_factory=Counter)
    phase_cycles: Counter[str] = field(default_factory=Counter)
    phase_macs: Counter[str] = field(default_factory=Counter)
    compute_cycles: Counter[str] = field(default_factory=Counter)
    cores: list[Counter[str]] = field(default_factory=list)
    layers: dict[int, Counter[str]] = field(default_factory=dict)
    timeline: Timeline | None = None
    _most_saved_cycles: float = -math.inf

    def __post_init__(self) -> None:
        self.cores = [Counter() for _ in range(self.config.num_cores)]

    def add(self, run: LayerRun, prediction: Prediction) -> None:
        """One more layer, found equal to the reference; give it to `LockstepEngine`."""
        computes = tuple(record.computes for record in run.result.decisions)
        self._add_totals(run, computes)
        self._add_bounds(run, prediction)
        self._add_mappings(run, computes, prediction)
        for step in prediction.steps:
            if step.core is not None:
                self._add_step(step, step.core)
        self._add_cores(run)

    def _add_totals(self, run: LayerRun, computes: Sequence[bool]) -> None:
        counters = run.result.counters
        slots = {"computed": sum(computes), "replayed": len(computes) - sum(computes)}
        layer = self.layers.setdefault(run.layer_index, Counter())
        layer.update({"runs": 1, "cycles": counters.cycles, **slots})
        per_core = Counter(record.core for record in run.result.decisions if record.computes)
        self.totals.update(
            {
                "runs": 1,
                "cycles": counters.cycles,
                "decisions": len(run.result.decisions),
                "retirements": len(run.result.retires),
                "rounds": max(per_core.values(), default=0),
                "dropped": counters.dropped,
                "wait_decision": counters.wait_decision,
                "wait_queue": counters.wait_queue,
                **slots,
            }
        )

    def _add_bounds(self, run: LayerRun, prediction: Prediction) -> None:
        """Within what stalls may delay, and how many there were more than without them."""
        fewest, most = bound_cycles(prediction, run.result.counters)
        self.totals.update({"fewest_cycles": fewest, "most_cycles": most})
        pairs = zip(run.result.counters.cores, prediction.counters.cores, strict=True)
        for core, (counted, predicted) in zip(self.cores, pairs, strict=True):
            core["stalled"] += counted.stalls - predicted.stalls
        self.phase_cycles["stalled"] += most - fewest

    def _add_mappings(
        self, run: LayerRun, computes: tuple[bool, ...], prediction: Prediction
    ) -> None:
        """What both mappings take for these decisions: the one that ran, and the other."""
        is_static = run.program[0].is_static
        program = set_mapping(run.program, not is_static)
        other = predict_run(self.config, program, computes, self.latency_cycles)
        drs, static = (other, prediction) if is_static else (prediction, other)
        self.totals.update({"drs_cycles": drs.cycles, "static_cycles": static.cycles})
        if static.cycles - drs.cycles > self._most_saved_cycles:
            self._most_saved_cycles = static.cycles - drs.cycles
            self.timeline = Timeline(
                run.layer_index,
                run.token_index,
                computes,
                drs.cycles,
                static.cycles,
                list_spans(drs),
                list_spans(static),
            )

    def _add_step(self, step: Step, core: int) -> None:
        phase = PHASES[Predicate(step.instruction.predicate)]
        cycles = step.last_cycle - step.first_cycle + 1
        self.phase_cycles[phase] += cycles
        self.phase_macs[phase] += count_mac_beats(self.config, step.instruction)
        self.cores[core][phase] += cycles
        if step.instruction.predicate == Predicate.IF_COMPUTE:
            self.compute_cycles[Opcode(step.instruction.opcode).name] += cycles

    def _add_cores(self, run: LayerRun) -> None:
        for core, counters, traffic in zip(
            self.cores, run.result.counters.cores, run.result.traffic, strict=True
        ):
            core.update(asdict(counters))
            core["read_beats"] += traffic.num_read_beats
            core["written_beats"] += traffic.num_write_beats
        for record in run.result.decisions:
            self.cores[record.core]["computed" if record.computes else "replayed"] += 1


def set_mapping(program: Sequence[Instruction], is_static: bool) -> tuple[Instruction, ...]:
    """The program with another mapping in BEGIN."""
    begin = program[0]
    shift = begin.shift & ~(1 << STATIC_BIT) | is_static << STATIC_BIT
    return replace(begin, shift=shift), *program[1:]
