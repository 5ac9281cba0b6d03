"""A stand-in for the accelerator: the naive interpreter, with the times of the cycle model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fastcar.cosim.backends.backend import RunResult, RunSettings, Traffic
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.cycles.cycle_model import predict_run
from fastcar.cosim.records import CommitRecord, Registers, RetireRecord
from fastcar.cosim.wave.recording import Recorder
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import decode
from tests.cosim.interpreter import Interpreter

Sabotage = Callable[[RunResult, SharedMemory], RunResult]


class InterpretedBackend:
    """Implements `fastcar.cosim.backends.backend.Backend`.

    Args:
        config: sizes.
        sabotage: changes what a run leaves; for tests of checkers.
    """

    def __init__(self, config: AcceleratorConfig, sabotage: Sabotage | None = None) -> None:
        self.config = config
        self.sabotage = sabotage

    def reset(self) -> None:
        """Nothing to recover."""

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """Interpret a program; there are no signals to be recorded."""
        settings = settings or RunSettings()
        done = Interpreter(self.config, memory.beats).run(program)
        computes = [done.computes[slot] for slot in range(len(done.computes))]
        instructions = [decode(word) for word in program]
        latency = settings.channels.latency_cycles
        timed = predict_run(self.config, instructions, computes, latency)
        num_cores = self.config.num_cores
        decisions = tuple(
            CommitRecord(
                slot,
                slot,
                done.scores.get(slot, 0),
                computes[slot],
                done.mapping.get(slot, slot % num_cores),
                cycle,
            )
            for slot, cycle in enumerate(timed.decision_cycles)
        )
        retires = tuple(
            RetireRecord(
                order,
                one.slot,
                one.core,
                one.start_cycle,
                one.end_cycle,
                done.digests[one.slot],
            )
            for order, one in enumerate(timed.retirements)
        )
        index = sum(1 << slot for slot, flag in enumerate(computes) if flag)
        mappings = tuple(done.mapping.get(slot, 0) for slot in range(self.config.num_slots))
        result = RunResult(
            decisions,
            retires,
            timed.counters,
            Registers(index, (1 << len(computes)) - 1, mappings),
            (Traffic(0, 0),) * num_cores,
            None,
            len(program),
            timed.cycles,
        )
        return result if self.sabotage is None else self.sabotage(result, memory)


def change_decision(result: RunResult, slot: int, **changes: Any) -> RunResult:
    """The result with other fields in one decision."""
    decisions = list(result.decisions)
    decisions[slot] = replace(decisions[slot], **changes)
    return replace(result, decisions=tuple(decisions))


def change_retire(result: RunResult, place: int, **changes: Any) -> RunResult:
    """The result with other fields in one retirement."""
    retires = list(result.retires)
    retires[place] = replace(retires[place], **changes)
    return replace(result, retires=tuple(retires))
