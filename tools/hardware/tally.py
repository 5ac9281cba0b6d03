"""Where the cycles of layer steps go: sums over the records and counters of the accelerator.

Cycles of single instructions are the cycle model's; the caller has compared its cycles, commits,
retirements and counters with the hardware's, so they add up to what the hardware counted.
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from unittest import mock

from fastcar.cosim.cycles import cycle_recursion
from fastcar.cosim.cycles.course import Step
from fastcar.cosim.cycles.cycle_model import Prediction, predict_run
from fastcar.cosim.cycles.planner import Planner, get_mlp_span
from fastcar.cosim.cycles.timeline import PHASES
from fastcar.cosim.engine import LayerRun
from fastcar.reference.integer.model import IntegerModel
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Opcode, Predicate
from fastcar.rtl.latency import count_mac_beats
from fastcar.rtl.sequencer import DECISION_OPCODES

Json = dict[str, Any]
LATENCY_CYCLES = 1
"""Memory that answers in the next cycle and then delivers one beat per cycle."""


class Tally:
    """Sums over layer steps.

    Args:
        config: sizes of the accelerator.
        model: integer constants.
        num_slots: B.
    """

    def __init__(self, config: AcceleratorConfig, model: IntegerModel, num_slots: int) -> None:
        self.config, self.num_slots = config, num_slots
        self.sums: Counter[str] = Counter()
        self.instructions: dict[tuple[str, str], Counter[str]] = {}
        self.cores = [Counter[str]() for _ in range(config.num_cores)]
        self.cycles_of: dict[str, Counter[int]] = {}
        dense = Planner(config, model.layers).predict_dense(num_slots, LATENCY_CYCLES)
        self.dense_cycles = dense.cycles

    def add(self, run: LayerRun, prediction: Prediction) -> None:
        """One layer step that was found equal."""
        steps = [step for step in prediction.steps if step.core is not None]
        self._add_instructions(steps)
        self._add_cores(run, prediction.cycles, steps)
        self._add_slots(run)
        first, last = get_mlp_span(prediction)
        counters = run.result.counters
        self.sums.update(
            steps=1,
            cycles=run.result.cycles,
            before_mlp_cycles=first,
            mlp_cycles=last - first + 1,
            after_mlp_cycles=prediction.cycles - last - 1,
            wait_decision=counters.wait_decision,
            wait_queue=counters.wait_queue,
            dropped=counters.dropped,
        )
        if any(step.instruction.opcode in DECISION_OPCODES for step in steps):
            self._add_scheduling(run, prediction)

    def summarize(self) -> Json:
        """Everything as numbers."""
        return {
            **self.sums,
            "slots": self.num_slots,
            "dense_cycles": self.dense_cycles * self.sums["steps"],
            "cores": [dict(core) for core in self.cores],
            "instructions": [
                {"phase": phase, "opcode": opcode, **counts}
                for (phase, opcode), counts in self.instructions.items()
            ],
            "histograms": {name: sorted(counts.items()) for name, counts in self.cycles_of.items()},
        }

    def _add_instructions(self, steps: list[Step]) -> None:
        for step in steps:
            phase = PHASES[Predicate(step.instruction.predicate)]
            key = phase, Opcode(step.instruction.opcode).name
            self.instructions.setdefault(key, Counter()).update(
                count=1,
                cycles=step.last_cycle - step.first_cycle + 1,
                mac_beats=count_mac_beats(self.config, step.instruction),
            )

    def _add_cores(self, run: LayerRun, cycles: int, steps: list[Step]) -> None:
        result = run.result
        for index, core in enumerate(self.cores):
            own = [step for step in steps if step.core == index]
            counters, traffic = result.counters.cores[index], result.traffic[index]
            for step in own:
                phase = PHASES[Predicate(step.instruction.predicate)]
                core[phase] += step.last_cycle - step.first_cycle + 1
            first = own[0].first_cycle if own else cycles
            last = own[-1].last_cycle if own else cycles - 1
            worked = sum(step.last_cycle - step.first_cycle + 1 for step in own)
            core.update(
                before=first,
                between=last - first + 1 - worked if own else 0,
                after=cycles - last - 1,
                mac_busy=counters.mac_busy,
                read_stall=counters.read_stall,
                write_stall=counters.write_stall,
                read_bytes=traffic.num_read_beats * self.config.beat_bytes,
                written_bytes=traffic.num_write_beats * self.config.beat_bytes,
            )

    def _add_slots(self, run: LayerRun) -> None:
        """Rounds, loads, and how long every slot took from its first to its last cycle."""
        decisions = {record.slot: record for record in run.result.decisions}
        loads = Counter(record.core for record in decisions.values() if record.computes)
        for core, load in loads.items():
            self.cores[core]["slots"] += load
        num_computing = sum(loads.values())
        rounds = -(-num_computing // self.config.num_cores)
        self.sums["rounds_equal"] += max(loads.values(), default=0) == rounds
        self.sums["replayed"] += len(decisions) - num_computing
        for record in run.result.retires:
            kind = "compute" if decisions[record.slot].computes else "replay"
            self._note(f"{kind} slot", record.end_cycle - record.start_cycle + 1)

    def _add_scheduling(self, run: LayerRun, prediction: Prediction) -> None:
        """From decision to dispatch, and what a scheduler that takes no time would save."""
        self.sums["decided_steps"] += 1
        seen: set[int] = set()
        previous = -1
        for step in prediction.steps:
            slot = step.instruction.slot
            is_predicated = step.instruction.predicate != Predicate.ALWAYS
            if is_predicated and slot not in seen:
                seen.add(slot)
                if step.pass_cycle > previous + 1:
                    commit = run.result.decisions[slot].cycle
                    self._note("commit to dispatch", step.pass_cycle - commit)
            previous = step.pass_cycle
        starts = {record.slot: record.start_cycle for record in run.result.retires}
        soonest = min(starts[record.slot] - record.cycle for record in run.result.decisions)
        self._note("soonest start after commit", soonest)
        computes = [record.computes for record in run.result.decisions]
        with mock.patch.multiple(
            cycle_recursion, COMPARE_CYCLES=0, COMMIT_CYCLES=0, VISIBLE_CYCLES=0
        ):
            ideal = predict_run(self.config, run.program, computes, LATENCY_CYCLES).cycles
        self._note("exposed overhead", prediction.cycles - ideal)

    def _note(self, name: str, cycles: int) -> None:
        self.cycles_of.setdefault(name, Counter())[cycles] += 1
