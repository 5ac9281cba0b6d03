"""Wave form of one layer on the accelerator, as VCD: ports and registers around a cycle.

The program runs again, from reset, on the memory as it was before, in PyRTL's FastSimulation
whatever back end ran it first. The wire `cycle` shows the cycle of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyrtl

from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.cosim.engine import LayerStart
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import encode

WINDOW_CYCLES = 500
"""Cycles shown before and behind the one that is looked at."""

STEPS_BEFORE_RUN = 2
"""Reset, and the step in which the first instruction is accepted."""


class TracingStepper:
    """FastSimulation that keeps every step; implements `pyrtl_backend.Stepper`.

    Attributes:
        trace: inputs, outputs, registers and `cycle` in every step.
    """

    def __init__(self, block: pyrtl.Block) -> None:
        kinds = pyrtl.Input, pyrtl.Output, pyrtl.Register
        wires = block.wirevector_subset(kinds) | {block.wirevector_by_name["cycle"]}
        self.trace = pyrtl.SimulationTrace(sorted(wires, key=str), block=block)
        self._simulation = pyrtl.FastSimulation(tracer=self.trace, block=block)

    def step(self, inputs: Mapping[str, int]) -> None:
        """Run a cycle on all inputs."""
        self._simulation.step(inputs)

    def get(self, name: str) -> int:
        """An output port in the last cycle."""
        return int(self._simulation.context[name])


def write_wave(
    path: Path,
    config: AcceleratorConfig,
    start: LayerStart,
    limit_cycles: int,
    cycle: int | None = None,
) -> None:
    """Write the wave form of a layer.

    Args:
        path: the VCD file.
        config: sizes of the accelerator.
        start: of the layer, with the memory as it was before.
        limit_cycles: cycles shown of a layer that does not end.
        cycle: only this one and WINDOW_CYCLES around it; None = the whole run.
    """
    if start.memory_before is None:
        raise ArgumentError("memory_before", None, "kept by the engine")
    backend = PyrtlBackend(config)
    stepper = TracingStepper(backend.block)
    backend.stepper = stepper
    backend.reset(num_cycles=1)
    memory = SharedMemory(*start.memory_before.shape)
    memory.beats[:] = start.memory_before
    settings = replace(start.settings, limit_cycles=limit_cycles)
    with suppress(FastCarError):  # What was broken the first time is what the wave form shows.
        backend.run([encode(one) for one in start.program], memory, settings)
    if cycle is not None:
        _cut(stepper.trace, cycle + STEPS_BEFORE_RUN)
    with path.open("w", encoding="ascii") as file:
        stepper.trace.print_vcd(file)


def _cut(trace: pyrtl.SimulationTrace, step: int) -> None:
    """Keep the window around a step."""
    first = max(0, step - WINDOW_CYCLES)
    for values in trace.trace.values():
        values[:] = values[first : step + WINDOW_CYCLES + 1]
