"""The accelerator in a simulator of PyRTL blocks: needs nothing but pip.

`fast` (PyRTL's FastSimulation, default) checks the assertions in the hardware. `compiled` (its
CompiledSimulation) needs gcc, takes long to build and ignores assertions, but steps faster.
`native` (`fastcar.cosim.native`) is machine code by pip alone, checks the assertions, and takes
seconds to build the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol

import pyrtl

from fastcar.cosim.backends.backend import (
    InstructionDriver,
    RunRecords,
    RunResult,
    RunSettings,
    Traffic,
    count_steps,
)
from fastcar.cosim.backends.memory_model import MemoryChannel, SharedMemory
from fastcar.cosim.native import NativeSimulation
from fastcar.cosim.records import GetPort
from fastcar.cosim.wave.recording import Recorder, Signal, place_signals
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.channel import CoreToMemory, list_channel_ports
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.reset import LONG_RESET_CYCLES


class Simulator(Enum):
    """Simulators of PyRTL blocks."""

    FAST = "fast"
    COMPILED = "compiled"
    NATIVE = "native"


class Stepper(Protocol):
    """One simulator."""

    def step(self, inputs: Mapping[str, int]) -> None:
        """Run a cycle on all inputs."""

    def get(self, name: str) -> int:
        """An output port in the last cycle; a register as it was in it, where `has_registers`."""

    @property
    def has_registers(self) -> bool:
        """Whether registers can be read."""


class _FastStepper:
    """FastSimulation."""

    has_registers = True

    def __init__(self, block: pyrtl.Block) -> None:
        self._simulation = pyrtl.FastSimulation(tracer=None, block=block)

    def step(self, inputs: Mapping[str, int]) -> None:
        self._simulation.step(inputs)

    def get(self, name: str) -> int:
        return int(self._simulation.context[name])


class _CompiledStepper:
    """CompiledSimulation, step by step; its trace is emptied before every step."""

    has_registers = False

    def __init__(self, block: pyrtl.Block) -> None:
        with pyrtl.set_working_block(block):
            ports = block.wirevector_subset(pyrtl.Output)
            self._tracer = pyrtl.SimulationTrace(wires_to_track=sorted(ports, key=str))
            self._simulation = pyrtl.CompiledSimulation(tracer=self._tracer, block=block)

    def step(self, inputs: Mapping[str, int]) -> None:
        for values in self._tracer.trace.values():
            values.clear()
        self._simulation.run([inputs])

    def get(self, name: str) -> int:
        return int(self._tracer.trace[name][-1])


class _NativeStepper:
    """NativeSimulation."""

    has_registers = True

    def __init__(self, block: pyrtl.Block) -> None:
        self._simulation = NativeSimulation(tracer=None, block=block)

    def step(self, inputs: Mapping[str, int]) -> None:
        self._simulation.step(inputs)

    def get(self, name: str) -> int:
        return self._simulation.inspect(name)


STEPPERS: Mapping[Simulator, Callable[[pyrtl.Block], Stepper]] = {
    Simulator.FAST: _FastStepper,
    Simulator.COMPILED: _CompiledStepper,
    Simulator.NATIVE: _NativeStepper,
}


class PyrtlBackend:
    """The accelerator in a simulator; implements `fastcar.cosim.backends.backend.Backend`.

    Args:
        config: sizes.
        simulator: fast, compiled or native; or what makes a stepper of one's own.
        block: the accelerator to simulate, if it is not that of `make_accelerator(config)`.
        observer: called after every cycle of a run with what reads the output ports.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        simulator: Simulator | Callable[[pyrtl.Block], Stepper] = Simulator.FAST,
        block: pyrtl.Block | None = None,
        observer: Callable[[GetPort], None] | None = None,
    ) -> None:
        self.config = config
        self.block = make_accelerator(config) if block is None else block
        self._observer = observer
        make = STEPPERS[simulator] if isinstance(simulator, Simulator) else simulator
        self.stepper = make(self.block)
        self._quiet = {wire.name: 0 for wire in self.block.wirevector_subset(pyrtl.Input)}
        self.reset()

    def reset(self, num_cycles: int = LONG_RESET_CYCLES) -> None:
        """Hold `reset` until what memory owes is forgotten: every run has a memory of its own.

        Args:
            num_cycles: of the reset; one is enough for a simulator that was just made.
        """
        for _ in range(num_cycles):
            self.stepper.step({**self._quiet, "reset": 1})

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """Run a program until `done`; see `fastcar.cosim.backends.backend.Backend.run`."""
        if not program:
            raise ArgumentError("program", program, "at least one instruction")
        settings = settings or RunSettings()
        if recorder is not None:
            signals = list_signals(self.block, self.stepper.has_registers)
            recorder.begin(signals, settings.limit_cycles)
        run = _Run(self.stepper, self.config, program, memory, settings, recorder)
        for _ in count_steps(run.settings.limit_cycles, run.driver):
            is_done = run.step()
            if self._observer is not None:
                self._observer(self.stepper.get)
            if is_done:
                break
        return run.finish()


class _Run:
    """One run: drives, steps and observes."""

    def __init__(
        self,
        stepper: Stepper,
        config: AcceleratorConfig,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings,
        recorder: Recorder | None,
    ) -> None:
        self.stepper, self.settings, self.recorder = stepper, settings, recorder
        self.config = config
        self.driver = InstructionDriver(program, settings)
        self.channels = {
            f"core{core}": MemoryChannel(f"core{core}", memory, settings.channels)
            for core in range(config.num_cores)
        }
        self.records = RunRecords(config, stepper.get)
        self.num_steps = 0

    def step(self) -> bool:
        """One cycle: drive all inputs, step, observe all outputs; returns whether the run is done.

        Until its first instruction is accepted, `done` tells of the run before.
        """
        get = self.stepper.get
        has_begun = self.driver.num_accepted > 0
        self.num_steps += 1
        valid, instruction = self.driver.drive()
        inputs = {"reset": 0, "instruction_valid": int(valid), "instruction": instruction}
        for name, channel in self.channels.items():
            drive_channel(inputs, name, channel)
        try:
            self.stepper.step(inputs)
        finally:  # A false assertion ends the run in this cycle.
            if self.recorder is not None:
                self.recorder.add(lambda name: inputs[name] if name in inputs else get(name))
        self.driver.observe(bool(get("instruction_ready")))
        for name, channel in self.channels.items():
            channel.observe(read_channel(self.config, get, name))
        self.records.observe()
        return has_begun and bool(get("done"))

    def finish(self) -> RunResult:
        """Check that nothing is left open, and collect the result."""
        for channel in self.channels.values():
            channel.check_closed()
        traffic = [
            Traffic(channel.num_read_beats, channel.num_write_beats)
            for channel in self.channels.values()
        ]
        return self.records.finish(traffic, self.driver.num_accepted, self.num_steps)


def drive_channel(inputs: dict[str, int], name: str, channel: MemoryChannel) -> None:
    """Add to `inputs` what the memory drives on the channel of core `name`."""
    inputs |= {f"{name}_{port}": value for port, value in vars(channel.drive()).items()}


def read_channel(config: AcceleratorConfig, get: GetPort, name: str) -> CoreToMemory[int]:
    """What core `name` drives on its channel."""
    ports = (port.name for port in list_channel_ports(config) if not port.is_from_memory)
    return CoreToMemory(**{port: get(f"{name}_{port}") for port in ports})


def list_signals(block: pyrtl.Block, has_registers: bool = True) -> tuple[Signal, ...]:
    """What is recorded of an accelerator: inputs, registers, outputs; assertions are not ports."""
    kinds = (pyrtl.Input, pyrtl.Register, pyrtl.Output)
    signals: list[tuple[str, int]] = []
    for kind in kinds:
        if has_registers or kind is not pyrtl.Register:
            wires = block.wirevector_subset(kind) - set(block.rtl_assert_dict)
            signals += sorted((wire.name, len(wire)) for wire in wires)
    return place_signals(signals)
