"""Cycles and bytes of layer steps under many decisions, by the cycle model or its compiled twin."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

import numpy as np

from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.cycles.planner import Planner
from fastcar.reference.arrays import BoolArray
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode
from fastcar.rtl.latency import START_CYCLES, count_cycles, count_read_beats, count_written_beats
from fastcar.rtl.sequencer import DECISION_OPCODES

MAX_TABLES = 4096
"""Programs that are kept, for a sweep over latencies and slots."""


@dataclasses.dataclass(frozen=True)
class StepCount:
    """One layer step.

    Attributes:
        cycles: of the run.
        read_bytes: that the cores read.
        written_bytes: that they write.
    """

    cycles: int
    read_bytes: int
    written_bytes: int


class StepCounter(Protocol):
    """What counts layer steps."""

    def count(
        self, flags: BoolArray, dispatch: Dispatch, source: DecisionSource, latency_cycles: int
    ) -> list[StepCount]:
        """Steps in which a source decides every slot.

        Args:
            flags: [K, B], which slots compute.
            dispatch: dynamic (DRS) or static mapping.
            source: what decides.
            latency_cycles: of the memory.
        """

    def count_dense(self, latency_cycles: int) -> StepCount:
        """The step in which every slot computes and nothing is scored."""


def count_bytes(config: AcceleratorConfig, prediction: Prediction) -> dict[str, int]:
    """Bytes that the cores read and write in a layer step."""
    done = [step.instruction for step in prediction.steps if step.core is not None]
    return {
        "read_bytes": config.beat_bytes * sum(count_read_beats(config, one) for one in done),
        "written_bytes": config.beat_bytes * sum(count_written_beats(config, one) for one in done),
    }


class InterpretedCounter:
    """By the cycle model.

    Args:
        planner: with the sizes.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner = planner

    def count(
        self, flags: BoolArray, dispatch: Dispatch, source: DecisionSource, latency_cycles: int
    ) -> list[StepCount]:
        """See `StepCounter`."""
        cores = self.planner.config.num_cores
        return [
            self._describe(self.planner.predict(one, cores, dispatch, source, latency_cycles))
            for one in flags.tolist()
        ]

    def count_dense(self, latency_cycles: int) -> StepCount:
        """See `StepCounter`."""
        config = self.planner.config
        return self._describe(self.planner.predict_dense(config.num_slots, latency_cycles))

    def _describe(self, prediction: Prediction) -> StepCount:
        return StepCount(prediction.cycles, **count_bytes(self.planner.config, prediction))


Table = np.ndarray[tuple[int, int], np.dtype[np.int64]]


class ProgramTables:
    """Programs as the kernel reads them, each made once; cores and slots may be any.

    Args:
        planner: with the other sizes.
    """

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.get = lru_cache(maxsize=MAX_TABLES)(self._make)

    def _make(self, num_slots: int, source: DecisionSource | None, latency_cycles: int) -> Table:
        """[instructions, 8] int64 of a layer step; without a source of a dense one."""
        if source is None:
            program = self.planner.get_dense_program(num_slots)
        else:
            program = self.planner.get_program(num_slots, Dispatch.DYNAMIC, source)
        return _tabulate(self.planner.config, program, latency_cycles)


class CompiledCounter:
    """By the compiled recursion: the same numbers, much faster (docs/sweep_rate.md).

    Args:
        tables: of the programs.
        config: sizes, those of the tables but for cores and slots.
    """

    def __init__(self, tables: ProgramTables, config: AcceleratorConfig) -> None:
        self.tables, self.config = tables, config

    def count(
        self, flags: BoolArray, dispatch: Dispatch, source: DecisionSource, latency_cycles: int
    ) -> list[StepCount]:
        """See `StepCounter`."""
        table = self.tables.get(flags.shape[1], source, latency_cycles)
        return self._run(table, flags, dispatch is Dispatch.STATIC)

    def count_dense(self, latency_cycles: int) -> StepCount:
        """See `StepCounter`."""
        num_slots = self.config.num_slots
        table = self.tables.get(num_slots, None, latency_cycles)
        return self._run(table, np.ones((1, num_slots), bool), False)[0]

    def _run(self, table: Table, flags: BoolArray, is_static: bool) -> list[StepCount]:
        from fastcar.cosim.cycles.compiled_recursion import UNDECIDED, count_steps

        config = self.config
        sizes = np.array([config.queue_depth, START_CYCLES], np.int64)
        counted = np.empty((len(flags), 3), np.int64)
        decisions = np.ascontiguousarray(flags)
        count_steps(table, decisions, config.num_cores, sizes, is_static, counted)
        if (counted[:, 0] < 0).any():
            is_early = (counted[:, 0] == UNDECIDED).any()
            raise RuntimeError("cycle model: " + ("not decided" if is_early else "not settled"))
        beats = config.beat_bytes
        return [
            StepCount(cycles, read * beats, written * beats)
            for cycles, read, written in counted.tolist()
        ]


def _tabulate(
    config: AcceleratorConfig, program: Iterable[Instruction], latency_cycles: int
) -> Table:
    """A program as the kernel reads it, [instructions, 8] int64."""
    sizes = dataclasses.replace(config, num_cores=1, num_slots=1)
    rows = [(*_classify(one), *_measure(sizes, _strip(one), latency_cycles)) for one in program]
    return np.array(rows, np.int64)


def _strip(instruction: Instruction) -> Instruction:
    """The same without what does not count for its time: slots share what was measured once."""
    return dataclasses.replace(instruction, slot=0, address=0, predicate=0, is_last=0)


@lru_cache(maxsize=1 << 14)
def _measure(
    config: AcceleratorConfig, instruction: Instruction, latency_cycles: int
) -> tuple[int, int, int]:
    """Duration, beats read, beats written; nothing for the dispatcher's own."""
    if not Opcode(instruction.opcode).is_for_core:
        return 0, 0, 0
    return (
        count_cycles(config, instruction, latency_cycles, latency_cycles),
        count_read_beats(config, instruction),
        count_written_beats(config, instruction),
    )


def _classify(instruction: Instruction) -> tuple[int, int, int, int, int]:
    """Kind, predicate, slot, is_last, is_deciding."""
    kinds: dict[int, int] = {Opcode.BEGIN: 0, Opcode.THRESHOLD: 0, Opcode.END: 1, Opcode.DECIDE: 2}
    return (
        kinds.get(instruction.opcode, 3),
        int(instruction.predicate),
        instruction.slot,
        instruction.is_last,
        int(instruction.opcode in DECISION_OPCODES),
    )
