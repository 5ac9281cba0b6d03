"""A stand-in for an accelerator that decodes alone: the naive interpreter, with times made up."""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.cosim.backends.backend import RunResult, RunSettings, Traffic
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.records import CommitRecord, CoreCounters, Counters, Registers, RetireRecord
from fastcar.cosim.wave.recording import Recorder
from fastcar.rtl.config import AcceleratorConfig
from tests.cosim.interpreted_backend import Sabotage
from tests.cosim.whole_interpreter import WholeInterpreter

SECTION_CYCLES = 10


class InterpretedDecoder:
    """Implements `fastcar.cosim.backends.backend.Backend`; sections come one after the other.

    Args:
        config: sizes, with an attention phase.
        sabotage: changes what a run leaves; for tests of checkers.
    """

    def __init__(self, config: AcceleratorConfig, sabotage: Sabotage | None = None) -> None:
        self.config = config
        self.sabotage = sabotage
        self.interpreter: WholeInterpreter | None = None

    def reset(self) -> None:
        """Forget everything."""
        self.interpreter = None

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """Interpret a program; there are no signals to be recorded."""
        if self.interpreter is None:
            self.interpreter = WholeInterpreter(self.config, memory.beats)
        self.interpreter.beats = memory.beats
        self.interpreter.run(program)
        retires = self._list_retires(self.interpreter)
        cycles = SECTION_CYCLES * len(retires)
        busy = CoreCounters(cycles // 2, 0, 0, len(program))
        num_cores = self.config.num_cores
        result = RunResult(
            self._list_decisions(self.interpreter),
            retires,
            Counters(cycles, 0, 0, 0, (busy,) * num_cores),
            Registers(0, 0, (0,) * self.config.num_slots),
            (Traffic(8, 4),) * num_cores,
            None,
            len(program),
            cycles,
        )
        return result if self.sabotage is None else self.sabotage(result, memory)

    def _list_decisions(self, done: WholeInterpreter) -> tuple[CommitRecord, ...]:
        decisions: list[CommitRecord] = []
        for layer in done.layers:
            for slot in sorted(layer.computes):
                computes, order = layer.computes[slot], len(decisions)
                core = layer.mapping.get(slot, slot % self.config.num_cores)
                score = layer.scores.get(slot, 0)
                decisions.append(CommitRecord(order, slot, score, computes, core, order))
        return tuple(decisions)

    def _list_retires(self, done: WholeInterpreter) -> tuple[RetireRecord, ...]:
        """Core b mod C, but for the MLP phase of a slot that computes."""
        retires: list[RetireRecord] = []
        seen = [0] * self.config.num_slots
        for order, section in enumerate(done.sections):
            slot = section.slot
            core = slot % self.config.num_cores
            if seen[slot] % 2:
                core = done.layers[seen[slot] // 2].mapping.get(slot, core)
            seen[slot] += 1
            start = SECTION_CYCLES * order
            retires.append(
                RetireRecord(
                    order,
                    slot,
                    core,
                    start,
                    start + SECTION_CYCLES - 1,
                    section.digest,
                    section.token or 0,
                )
            )
        return tuple(retires)
