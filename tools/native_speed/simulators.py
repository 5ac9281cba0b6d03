"""PyRTL's three simulators and the native one, each as what is built and what runs some cycles."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.cosim.native import NativeSimulation
from tools.native_speed.designs import Design, Inputs

RunCycles = Callable[[Sequence[Inputs]], None]
Build = Callable[[pyrtl.Block, Design, Inputs], RunCycles]


@dataclass(frozen=True)
class Contender:
    """A way to simulate.

    Attributes:
        name: in the table.
        build: makes what runs cycles; the third argument are inputs of a first cycle, in which
            `reset` is 1 where there is one.
        needs: a program that must be installed.
    """

    name: str
    build: Build
    needs: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether it can run."""
        return self.needs is None or shutil.which(self.needs) is not None


def _build_simulation(block: pyrtl.Block, design: Design, first: Inputs) -> RunCycles:
    return _step_by_step(pyrtl.Simulation(tracer=None, block=block).step, first)


def _build_fast(block: pyrtl.Block, design: Design, first: Inputs) -> RunCycles:
    return _step_by_step(pyrtl.FastSimulation(tracer=None, block=block).step, first)


def _build_native_step(block: pyrtl.Block, design: Design, first: Inputs) -> RunCycles:
    return _step_by_step(NativeSimulation(tracer=None, block=block).step, first)


def _build_native_run(block: pyrtl.Block, design: Design, first: Inputs) -> RunCycles:
    simulation = NativeSimulation(tracer=None, block=block)
    simulation.step(first)
    return lambda inputs: simulation.run(len(inputs), inputs[0])


def _build_compiled(block: pyrtl.Block, design: Design, first: Inputs) -> RunCycles:
    """It cannot do without a tracer; one port is traced."""
    with pyrtl.set_working_block(block):
        tracer = pyrtl.SimulationTrace([block.get_wirevector_by_name(design.output)])
        simulation = pyrtl.CompiledSimulation(tracer=tracer, block=block)
    simulation.run([first])

    def run(inputs: Sequence[Inputs]) -> None:
        tracer.trace[design.output].clear()
        simulation.run(inputs)

    return run


def _step_by_step(step: Callable[[Inputs], None], first: Inputs) -> RunCycles:
    step(dict(first))

    def run(inputs: Sequence[Inputs]) -> None:
        for values in inputs:
            step(values)

    return run


RUN, STEP = "native, `run`", "native, `step`"
CONTENDERS = (
    Contender("Simulation", _build_simulation),
    Contender("FastSimulation", _build_fast),
    Contender("CompiledSimulation, `run`", _build_compiled, needs="gcc"),
    Contender(STEP, _build_native_step),
    Contender(RUN, _build_native_run),
)
