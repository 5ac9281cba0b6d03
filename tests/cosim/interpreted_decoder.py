"""A stand-in for an accelerator that decodes alone: the naive interpreter, with the times of the
cycle model.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastcar.cosim.backends.backend import RunResult, RunSettings, Traffic
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.cycles.cycle_model import Prediction, predict_sets
from fastcar.cosim.records import CommitRecord, Registers, RetireRecord
from fastcar.cosim.wave.recording import Recorder
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import decode
from tests.cosim.interpreted_backend import Sabotage
from tests.cosim.whole_interpreter import Section, WholeInterpreter


class InterpretedDecoder:
    """Implements `fastcar.cosim.backends.backend.Backend`.

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
        settings = settings or RunSettings()
        if self.interpreter is None:
            self.interpreter = WholeInterpreter(self.config, memory.beats)
        self.interpreter.beats = memory.beats
        self.interpreter.run(program)
        layers = self.interpreter.layers
        timed = predict_sets(
            self.config,
            [decode(word) for word in program],
            [[layer.computes[slot] for slot in sorted(layer.computes)] for layer in layers],
            settings.channels.latency_cycles,
        )
        num_cores = self.config.num_cores
        result = RunResult(
            self._list_decisions(self.interpreter, timed),
            self._list_retires(self.interpreter, timed),
            timed.counters,
            Registers(0, 0, (0,) * self.config.num_slots),
            (Traffic(8, 4),) * num_cores,
            None,
            len(program),
            timed.cycles,
        )
        return result if self.sabotage is None else self.sabotage(result, memory)

    def _list_decisions(
        self, done: WholeInterpreter, timed: Prediction
    ) -> tuple[CommitRecord, ...]:
        decisions: list[CommitRecord] = []
        for layer in done.layers:
            for slot in sorted(layer.computes):
                computes, order = layer.computes[slot], len(decisions)
                core = layer.mapping.get(slot, slot % self.config.num_cores)
                score, cycle = layer.scores.get(slot, 0), timed.decision_cycles[order]
                decisions.append(CommitRecord(order, slot, score, computes, core, cycle))
        return tuple(decisions)

    def _list_retires(self, done: WholeInterpreter, timed: Prediction) -> tuple[RetireRecord, ...]:
        """Core b mod C, but for the MLP phase of a slot that computes."""
        sections: dict[int, list[Section]] = {}
        for section in done.sections:
            sections.setdefault(section.slot, []).append(section)
        retires: list[RetireRecord] = []
        for order, one in enumerate(timed.retirements):
            place = sum(record.slot == one.slot for record in retires)
            core = one.slot % self.config.num_cores
            section = sections[one.slot][place]
            phases = sum(before.token is None for before in sections[one.slot][:place])
            if section.token is None and phases % 2:
                core = done.layers[phases // 2].mapping.get(one.slot, core)
            cycles = one.start_cycle, one.end_cycle
            token = section.token or 0
            retires.append(RetireRecord(order, one.slot, core, *cycles, section.digest, token))
        return tuple(retires)
