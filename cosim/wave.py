"""Wave form of one layer on the accelerator, as VCD: ports and registers around a cycle.

The program runs again, from reset, on the memory as it was before, in PyRTL's FastSimulation
whatever back end ran it first. The wire `cycle` shows the cycle of the run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

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
    stepper, backend = _make_tracing_backend(config)
    memory = SharedMemory(*start.memory_before.shape)
    memory.beats[:] = start.memory_before
    settings = replace(start.settings, limit_cycles=limit_cycles)
    with suppress(FastCarError):  # What was broken the first time is what the wave form shows.
        backend.run([encode(one) for one in start.program], memory, settings)
    if cycle is not None:
        _cut(stepper.trace, cycle + STEPS_BEFORE_RUN)
    with path.open("w", encoding="ascii") as file:
        print_vcd(stepper.trace, file)


def _make_tracing_backend(config: AcceleratorConfig) -> tuple[TracingStepper, PyrtlBackend]:
    """After a reset, of which the trace has one step."""
    made: list[TracingStepper] = []

    def make(block: pyrtl.Block) -> TracingStepper:
        made.append(TracingStepper(block))
        return made[0]

    backend = PyrtlBackend(config, make)
    for values in made[0].trace.trace.values():
        values.clear()
    backend.reset(num_cycles=1)
    return made[0], backend


def print_vcd(trace: pyrtl.SimulationTrace, file: TextIO) -> None:
    """What PyRTL's `trace.print_vcd` writes, without sorting all names anew in every step."""
    widths = {str(wire.name): wire.bitwidth for wire in trace.wires_to_track}
    names = sorted(widths, key=_split_number)
    file.write("$timescale 1ns $end\n$scope module logic $end\n")
    file.writelines(f"$var wire {widths[name]} {name} {name} $end\n" for name in names)
    file.write("$upscope $end\n$enddefinitions $end\n$dumpvars\n")
    steps = [
        "".join(f"b{value:b} {name}\n" for name, value in zip(names, values, strict=True))
        for values in zip(*(trace.trace[name] for name in names), strict=True)
    ]
    file.write(f"{steps[0]}$end\n")
    file.writelines(f"#{10 * number}\n{step}\n" for number, step in enumerate(steps))
    file.write(f"#{10 * len(steps)}\n")


def _split_number(name: str) -> list[str | int]:
    """`core2` stands before `core10`."""
    return [int(part) if part.isdecimal() else part for part in re.split("([0-9]+)", name)]


def _cut(trace: pyrtl.SimulationTrace, step: int) -> None:
    """Keep the window around a step."""
    first = max(0, step - WINDOW_CYCLES)
    for values in trace.trace.values():
        values[:] = values[first : step + WINDOW_CYCLES + 1]
