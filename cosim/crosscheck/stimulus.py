"""Stimuli: every input of the accelerator in every cycle, recorded once and played back elsewhere.

The accelerator runs as machine code with the memory model of the co-simulation: programs one after
the other, gaps on the instruction port, latency and stalls on every channel, memory errors, and
resets in the middle of a run. What went in is the stimulus, what came out the first trace, which
says no more than that of another simulator: PyRTL's own plays the stimulus back like the others. A
playback is open-loop: the memory's answers are those of the recording, so that an accelerator which
asks for something else differs in an output at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

import numpy as np

from fastcar.cosim.backends.backend import InstructionDriver, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, MemoryChannel, SharedMemory
from fastcar.cosim.backends.pyrtl_backend import STEPPERS, Simulator, drive_channel, read_channel
from fastcar.cosim.crosscheck.pin_trace import PinTrace, Stimulus, format_line, split_ports
from fastcar.cosim.crosscheck.playback_block import name_simulator
from fastcar.cosim.export.recording import record_layer
from fastcar.cosim.export.scene import make_random_scene
from fastcar.cosim.program.memory_image import Beats
from fastcar.cosim.program.random_program import count_beats, draw_program, list_loads
from fastcar.cosim.verilog.verilog import VerilogDesign, export_verilog
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.reset import LONG_RESET_CYCLES

LATENCIES_CYCLES = (1, 2, 5, 13)
STALL_PROBABILITIES = (0.0, 0.1, 0.5)
CUT_PROBABILITY = 0.25
MEMORY_ERROR_PROBABILITY = 0.15
MAX_RESET_CYCLES = 3
FORGET_PROBABILITY = 0.5
LIMIT_CYCLES = 100_000


@dataclass(frozen=True)
class Job:
    """One program within a stimulus.

    Attributes:
        program: 128-bit words.
        beats: [beats, L] uint8, the memory before it.
        settings: gaps, latency, stalls and errors.
        cut_cycles: a reset comes after so many cycles; None = the program runs to its end.
    """

    program: tuple[int, ...]
    beats: Beats
    settings: RunSettings = field(default_factory=RunSettings)
    cut_cycles: int | None = None


def draw_jobs(config: AcceleratorConfig, seed: int, num_programs: int) -> list[Job]:
    """Jobs that fill every buffer, run a layer under both decision sources, and random programs.

    Args:
        config: sizes of the accelerator.
        seed: of everything.
        num_programs: random programs.
    """
    random = Random(seed)
    jobs = [Job(list_loads(config), _draw_beats(config, random))]
    num_slots = min(config.num_slots, config.num_cores + 1)
    for source in DecisionSource:
        recording = record_layer(config, make_random_scene(config, num_slots, seed), source)
        jobs.append(Job(recording.program, recording.memory, _draw_settings(random)))
    return jobs + [_draw_job(config, random) for _ in range(num_programs)]


def _draw_beats(config: AcceleratorConfig, random: Random) -> Beats:
    content = random.randbytes(count_beats(config) * config.beat_bytes)
    return np.frombuffer(content, np.uint8).reshape(-1, config.beat_bytes)


def _draw_job(config: AcceleratorConfig, random: Random) -> Job:
    has_errors = random.random() < MEMORY_ERROR_PROBABILITY
    num_beats = count_beats(config)
    errors = frozenset(random.choices(range(num_beats), k=num_beats // 8 if has_errors else 0))
    is_cut = random.random() < CUT_PROBABILITY
    return Job(
        draw_program(config, num_beats, random),
        _draw_beats(config, random),
        _draw_settings(random, errors),
        random.randint(1, 300) if is_cut else None,
    )


def _draw_settings(random: Random, errors: frozenset[int] = frozenset()) -> RunSettings:
    return RunSettings(
        limit_cycles=LIMIT_CYCLES,
        channels=ChannelSettings(
            latency_cycles=random.choice(LATENCIES_CYCLES),
            stall_probability=random.choice(STALL_PROBABILITIES),
            seed=random.getrandbits(32),
            read_errors=errors,
            write_errors=errors,
        ),
        gap_probability=random.choice(STALL_PROBABILITIES),
        seed=random.getrandbits(32),
    )


class Recorder:
    """The accelerator as machine code, with everything at its pins kept.

    Attributes:
        block: the hardware.
        design: the Verilog of the same hardware.
        num_done: programs that ended without an error.
        num_errors: programs that ended with one.
        num_cut: programs that a reset ended.
        num_decisions: decisions that were committed.
        num_retires: slots that were retired.
    """

    def __init__(self, config: AcceleratorConfig, seed: int = 0) -> None:
        self.block = make_accelerator(config)
        self.config = config
        self.design: VerilogDesign = export_verilog(config, self.block)
        self.num_done = self.num_errors = self.num_cut = 0
        self.num_decisions = self.num_retires = 0
        self._stepper = STEPPERS[Simulator.NATIVE](self.block)
        self._random = Random(seed)
        self._inputs, self._outputs = split_ports(self.design.ports)
        self._input_lines: list[str] = []
        self._output_lines: list[str] = []
        self._seconds = 0.0
        self._reset(num_cycles=1)
        self._first_compared = len(self._input_lines)

    def record(self, jobs: Iterable[Job]) -> tuple[Stimulus, PinTrace]:
        """Run jobs one after the other; gives all that was recorded so far.

        Raises:
            ProtocolError: hardware or memory broke a rule of the channels.
        """
        for job in jobs:
            self._run(job)
        stimulus = Stimulus(
            self._inputs, self._outputs, tuple(self._input_lines), self._first_compared
        )
        name = name_simulator(Simulator.NATIVE)
        return stimulus, PinTrace(name, tuple(self._output_lines), self._seconds)

    def _run(self, job: Job) -> None:
        memory = SharedMemory(*job.beats.shape)
        memory.beats[:] = job.beats
        driver = InstructionDriver(job.program, job.settings)
        channels = {
            name: MemoryChannel(name, memory, job.settings.channels)
            for name in (f"core{core}" for core in range(self.config.num_cores))
        }
        limit = job.settings.limit_cycles if job.cut_cycles is None else job.cut_cycles
        for _ in range(limit):
            if self._run_cycle(driver, channels):
                break
        else:
            self.num_cut += 1
            self._cut(channels)
            return
        if self._get("error"):
            self.num_errors += 1
            self._reset(self._random.randint(1, MAX_RESET_CYCLES))
            return
        self.num_done += 1
        for channel in channels.values():
            channel.check_closed()

    def _run_cycle(self, driver: InstructionDriver, channels: dict[str, MemoryChannel]) -> bool:
        """One cycle; returns whether the program is done."""
        has_begun = driver.num_accepted > 0
        valid, instruction = driver.drive()
        inputs = {"reset": 0, "instruction_valid": int(valid), "instruction": instruction}
        self._step_channels(inputs, channels)
        self.num_decisions += self._get("decision_valid")
        self.num_retires += self._get("retire_valid")
        driver.observe(bool(self._get("instruction_ready")))
        return has_begun and bool(self._get("done"))

    def _cut(self, channels: dict[str, MemoryChannel]) -> None:
        """Reset in mid-run: the memory is reset, too, or it answers what it was asked (D-40)."""
        num_cycles = self._random.randint(1, MAX_RESET_CYCLES)
        if self._random.random() < FORGET_PROBABILITY:
            self._reset(LONG_RESET_CYCLES + num_cycles)
            return
        self._reset(num_cycles, channels)
        while any(channel.is_open for channel in channels.values()):
            self._step_channels({"reset": 0, "instruction_valid": 0, "instruction": 0}, channels)

    def _reset(self, num_cycles: int, channels: dict[str, MemoryChannel] | None = None) -> None:
        """Hold `reset`, with noise on all inputs that no memory drives."""
        for _ in range(num_cycles):
            noise = {port.name: self._random.getrandbits(port.num_bits) for port in self._inputs}
            self._step_channels({**noise, "reset": 1}, channels or {})
            for channel in (channels or {}).values():
                channel.withdraw()

    def _step_channels(self, inputs: dict[str, int], channels: dict[str, MemoryChannel]) -> None:
        """One cycle of everything outside, but for the instruction port."""
        for name, channel in channels.items():
            drive_channel(inputs, name, channel)
        self._step(inputs)
        for name, channel in channels.items():
            channel.observe(read_channel(self.config, self._get, name))

    def _step(self, inputs: dict[str, int]) -> None:
        self._input_lines.append(format_line(self._inputs, inputs.__getitem__))
        started = time.process_time()
        self._stepper.step(inputs)
        self._seconds += time.process_time() - started
        self._output_lines.append(format_line(self._outputs, self._get))

    def _get(self, name: str) -> int:
        return self._stepper.get(name)
