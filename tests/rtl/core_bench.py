"""Test bench of one core: drives its queue, answers its memory channels, notes what comes out.

Driver: the instructions, with random gaps. Model: `BenchMemory`, with latency, seeded stalls and
errors at chosen beats. Monitor: `CoreRun`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any

import pyrtl

from fastcar.cosim.native import NativeSimulation
from fastcar.rtl.channel import make_channel_inputs
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.core import make_core
from fastcar.rtl.core_ports import CoreInputs, CoreOutputs
from fastcar.rtl.instruction import Instruction, encode
from tests.rtl.wires import to_signed

MAX_CYCLES = 20_000
"""Watchdog of every run."""


@dataclass
class BenchOptions:
    """How memory, dispatcher and record port behave.

    Attributes:
        read_latency: cycles from request to first beat, at least 1.
        write_latency: cycles from write beat to acknowledgement, at least 1.
        stall_probability: of every channel in every cycle; also gaps between instructions and an
            unready record port.
        seed: of the stalls.
        read_error_beat: number of the response beat, from 0, that carries an error.
        write_error_beat: the same for acknowledgements.
        num_error_beats: so many in a row, from there on.
        abort_cycle: `abort` is 1 from this cycle on.
        reset_cycle: the run ends with a reset in this cycle.
    """

    read_latency: int = 1
    write_latency: int = 1
    stall_probability: float = 0.0
    seed: int = 0
    read_error_beat: int | None = None
    write_error_beat: int | None = None
    num_error_beats: int = 1
    abort_cycle: int | None = None
    reset_cycle: int | None = None


@dataclass(frozen=True)
class Retirement:
    """One retire record."""

    slot: int
    start_cycle: int
    end_cycle: int
    digest: int

    @property
    def num_cycles(self) -> int:
        """Cycles from first to last, both counted."""
        return self.end_cycle - self.start_cycle + 1


@dataclass
class CoreRun:
    """What was seen in one run."""

    decisions: list[tuple[int, int]] = field(default_factory=list)
    retirements: list[Retirement] = field(default_factory=list)
    errors: list[tuple[int, int]] = field(default_factory=list)
    num_cycles: int = 0
    num_mac_beats: int = 0
    num_read_stalls: int = 0
    num_write_stalls: int = 0
    first_accept_cycle: int | None = None


class BenchMemory:
    """Memory of one core behind its channels; rules 1 to 6 of docs/accelerator.md, section 4."""

    def __init__(self, beats: dict[int, int], options: BenchOptions) -> None:
        self.beats = beats
        self.options = options
        self.random = Random(options.seed)
        self.responses: deque[tuple[int, int, bool]] = deque()  # first cycle, beat, error
        self.acknowledges: deque[tuple[int, bool]] = deque()  # first cycle, error
        self.num_read = self.num_written = 0
        self.is_response_raised = False

    def is_free(self) -> bool:
        """No stall in this cycle."""
        return self.random.random() >= self.options.stall_probability

    def is_erroneous(self, beat: int, first_beat: int | None) -> bool:
        """Whether the beat with this number carries an error."""
        return first_beat is not None and 0 <= beat - first_beat < self.options.num_error_beats

    def drive(self, cycle: int) -> dict[str, int]:
        """Inputs of the core in this cycle; a raised response stays raised."""
        inputs = {
            "read_request_ready": int(self.is_free()),
            "write_ready": int(self.is_free()),
            "read_response_valid": 0,
            "read_response_data": self.random.getrandbits(8),
            "read_response_error": 0,
            "write_acknowledge_valid": 0,
            "write_acknowledge_error": 0,
        }
        if self.responses and self.responses[0][0] <= cycle:
            self.is_response_raised |= self.is_free()
            if self.is_response_raised:
                _, beat, is_error = self.responses[0]
                inputs |= {"read_response_valid": 1, "read_response_data": beat}
                inputs["read_response_error"] = int(is_error)
        if self.acknowledges and self.acknowledges[0][0] <= cycle and self.is_free():
            inputs["write_acknowledge_valid"] = 1
            inputs["write_acknowledge_error"] = int(self.acknowledges.popleft()[1])
        return inputs

    def write(self, address: int, beat: int, strobe: int | None) -> None:
        """Store a beat; with strobes the bytes whose bit is 1, and nothing where none is."""
        if strobe == 0:
            return
        if strobe is not None:
            mask = sum(255 << 8 * byte for byte in range(strobe.bit_length()) if strobe >> byte & 1)
            beat = beat & mask | self.beats.get(address, 0) & ~mask
        self.beats[address] = beat

    def observe(self, cycle: int, inputs: dict[str, int], outputs: dict[str, int]) -> None:
        """Take the transfers of this cycle."""
        if inputs["read_response_valid"] and outputs["read_response_ready"]:
            self.responses.popleft()
            self.is_response_raised = False
        if outputs["read_request_valid"] and inputs["read_request_ready"]:
            address = outputs["read_request_address"]
            for offset in range(outputs["read_request_num_beats"]):
                is_error = self.is_erroneous(self.num_read, self.options.read_error_beat)
                first = cycle + self.options.read_latency
                self.responses.append((first, self.beats.get(address + offset, 0), is_error))
                self.num_read += 1
        if outputs["write_valid"] and inputs["write_ready"]:
            is_error = self.is_erroneous(self.num_written, self.options.write_error_beat)
            self.write(outputs["write_address"], outputs["write_data"], outputs.get("write_strobe"))
            self.acknowledges.append((cycle + self.options.write_latency, is_error))
            self.num_written += 1


class CoreBench:
    """One simulated core; its buffers keep their contents from run to run."""

    def __init__(self, config: AcceleratorConfig, simulator: Any = NativeSimulation) -> None:
        pyrtl.reset_working_block()
        self.config = config
        widths = {field.name: 1 for field in fields(CoreInputs)} | {"cycle": 48, "instruction": 128}
        del widths["memory"]
        inputs = {name: pyrtl.Input(num_bits, name) for name, num_bits in widths.items()}
        memory = make_channel_inputs(config)
        outputs = _name_outputs(make_core(config, "core0", CoreInputs(**inputs, memory=memory)))
        self.output_ports = {name: f"out_{name}" for name in outputs}
        for name, wire in outputs.items():
            output = pyrtl.Output(len(wire), self.output_ports[name])
            output <<= wire
        self.block = pyrtl.working_block()
        self.simulation = simulator(tracer=None)
        self.idle_inputs = dict.fromkeys([*inputs, *vars(memory)], 0) | {"is_running": 1}
        self.cycle = 0

    def step(self, inputs: dict[str, int]) -> dict[str, int]:
        """One cycle; gives the outputs in that cycle."""
        self.simulation.step(self.idle_inputs | inputs | {"cycle": self.cycle})
        self.cycle += 1
        inspect = self.simulation.inspect
        return {name: inspect(port) for name, port in self.output_ports.items()}

    def reset(self) -> None:
        """One cycle of reset; the memory of a run is gone after it."""
        self.step({"reset": 1, "forget": 1})

    def run(
        self, program: list[Instruction], beats: dict[int, int], options: BenchOptions | None = None
    ) -> CoreRun:
        """Run a program until the core is idle; `beats` is the memory, changed in place."""
        options = options or BenchOptions()
        memory, run = BenchMemory(beats, options), CoreRun()
        queue = deque(encode(instruction) for instruction in program)
        is_offered = False
        first_cycle = self.cycle
        for number in range(MAX_CYCLES):
            cycle = self.cycle
            is_offered = bool(queue) and (is_offered or memory.is_free())
            inputs = memory.drive(cycle)
            inputs |= {"instruction_valid": int(is_offered), "retire_ready": int(memory.is_free())}
            if queue:
                inputs["instruction"] = queue[0]
            is_reset = number == options.reset_cycle
            is_aborting = options.abort_cycle is not None and number >= options.abort_cycle
            resets = dict.fromkeys(("reset", "forget"), int(is_reset))
            outputs = self.step(inputs | resets | {"abort": int(is_aborting)})
            if is_reset:
                break
            memory.observe(cycle, inputs, outputs)
            _monitor(run, cycle, inputs, outputs)
            if is_offered and outputs["instruction_ready"]:
                queue.popleft()
                is_offered = False
                continue
            if not queue and outputs["is_idle"]:
                break
        else:
            raise AssertionError("the core never became idle")
        run.num_cycles = self.cycle - first_cycle
        return run


def _name_outputs(outputs: CoreOutputs) -> dict[str, pyrtl.WireVector]:
    """All wires out of the core, those of its ports behind the name of their port."""
    named: dict[str, pyrtl.WireVector] = {}
    prefixes = {"memory": "", "measure": "decision_", "retirement": "retire_", "error": "error_"}
    for name, member in vars(outputs).items():
        wires = vars(member) if name in prefixes else {name: member}
        named |= {
            f"{prefixes.get(name, '')}{wire}": value
            for wire, value in wires.items()
            if value is not None
        }
    return named


def _monitor(run: CoreRun, cycle: int, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    """Note what the core shows in this cycle."""
    run.num_mac_beats += outputs["is_mac_busy"]
    run.num_read_stalls += outputs["is_read_stalled"]
    run.num_write_stalls += outputs["is_write_stalled"]
    if run.first_accept_cycle is None and inputs["instruction_valid"]:
        run.first_accept_cycle = cycle
    if outputs["decision_valid"]:
        run.decisions.append((outputs["decision_slot"], to_signed(outputs["decision_value"], 48)))
    if outputs["error_valid"]:
        run.errors.append((outputs["error_code"], outputs["error_instruction"]))
    if outputs["retire_valid"] and inputs["retire_ready"]:
        record = [outputs[f"retire_{f.name}"] for f in fields(Retirement)]
        run.retirements.append(Retirement(*record))
