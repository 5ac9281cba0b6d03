"""What the cycle model says of layer steps that need not be run: any decisions, any mapping.

The cycle model is equal to the hardware (`tests/cosim`), and thousands of layer steps cost seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache

import numpy as np

from fastcar.cosim.cycles.cycle_model import Prediction, predict_run
from fastcar.cosim.program.compiler import LayerCompiler, LayerStep
from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.reference.arrays import BoolArray
from fastcar.reference.integer.layer import IntegerLayer
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Predicate


class Planner:
    """Predictions of layer steps in which every slot is decided by a source.

    Args:
        config: sizes; numbers of cores and slots are replaced.
        layers: constants, of which only the sizes count; layer 0 is predicted.
    """

    def __init__(self, config: AcceleratorConfig, layers: Sequence[IntegerLayer]) -> None:
        self.config, self.layers = config, tuple(layers)
        self._program = cache(self._compile)
        self._dense_program = cache(self._compile_dense)
        self._mlp_cycles = cache(self._count_mlp_cycles)

    def predict(
        self,
        flags: Sequence[bool],
        num_cores: int,
        dispatch: Dispatch,
        source: DecisionSource,
        latency_cycles: int,
    ) -> Prediction:
        """One layer step.

        Args:
            flags: [B], which slots compute.
            num_cores: C.
            dispatch: dynamic (DRS) or static mapping.
            source: what decides.
            latency_cycles: of the memory.
        """
        config = dataclasses.replace(self.config, num_cores=num_cores, num_slots=len(flags))
        program = self._program(len(flags), dispatch, source)
        return predict_run(config, program, flags, latency_cycles)

    def predict_dense(self, num_slots: int, latency_cycles: int) -> Prediction:
        """A layer step without gate: every slot computes, and nothing is scored."""
        config = dataclasses.replace(self.config, num_slots=num_slots)
        program = self.get_dense_program(num_slots)
        return predict_run(config, program, [True] * num_slots, latency_cycles)

    def get_program(
        self, num_slots: int, dispatch: Dispatch, source: DecisionSource
    ) -> list[Instruction]:
        """The program of a layer step, compiled once."""
        return self._program(num_slots, dispatch, source)

    def get_dense_program(self, num_slots: int) -> list[Instruction]:
        """Likewise without gate."""
        return self._dense_program(num_slots)

    def count_mlp_cycles(
        self,
        flags: BoolArray,
        num_cores: int,
        dispatch: Dispatch,
        source: DecisionSource,
        latency_cycles: int = 1,
    ) -> int:
        """Cycles from the first to the last one of the MLP phase."""
        return self._mlp_cycles(tuple(flags.tolist()), num_cores, dispatch, source, latency_cycles)

    def _count_mlp_cycles(
        self,
        flags: tuple[bool, ...],
        num_cores: int,
        dispatch: Dispatch,
        source: DecisionSource,
        latency_cycles: int,
    ) -> int:
        first, last = get_mlp_span(self.predict(flags, num_cores, dispatch, source, latency_cycles))
        return last - first + 1

    def _compile(
        self, num_slots: int, dispatch: Dispatch, source: DecisionSource
    ) -> list[Instruction]:
        config = dataclasses.replace(self.config, num_slots=num_slots)
        everything = np.ones(num_slots, bool)
        return self._compile_step(
            config, LayerStep(0, 0, source, 0, everything, everything, dispatch)
        )

    def _compile_dense(self, num_slots: int) -> list[Instruction]:
        config = dataclasses.replace(self.config, num_slots=num_slots)
        everyone = np.ones(num_slots, bool)
        step = LayerStep(0, 0, DecisionSource.SCORE, 0, ~everyone, everyone)
        return self._compile_step(config, step)

    def _compile_step(self, config: AcceleratorConfig, step: LayerStep) -> list[Instruction]:
        """A program by itself; its addresses are those of a frame of one token."""
        memory_map = MemoryMap(config, len(self.layers), config.num_slots, 1)
        return LayerCompiler(memory_map, self.layers).compile(step)


def get_mlp_span(prediction: Prediction) -> tuple[int, int]:
    """First and last cycle in which a core works on a decided slot."""
    own = [
        step
        for step in prediction.steps
        if step.core is not None and step.instruction.predicate != Predicate.ALWAYS
    ]
    return min(step.first_cycle for step in own), max(step.last_cycle for step in own)
