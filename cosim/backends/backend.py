"""What every back end of the co-simulation does: run a program on a memory until `done`."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.records import (
    AcceleratorError,
    CommitRecord,
    Counters,
    GetPort,
    Registers,
    RetireRecord,
    check_orders,
    read_counters,
    read_decision,
    read_error,
    read_registers,
    read_retire,
)
from fastcar.cosim.wave.recording import Recorder
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.rtl.config import AcceleratorConfig


class WatchdogError(FastCarError):
    """A run did not end within its limit."""

    def __init__(self, limit_cycles: int, num_accepted: int, num_instructions: int) -> None:
        self.limit_cycles = limit_cycles
        self.num_accepted = num_accepted
        self.num_instructions = num_instructions
        super().__init__(
            f"limit_cycles = {limit_cycles}: run is not done after them, "
            f"{num_accepted} of {num_instructions} instructions accepted"
        )


@dataclass(frozen=True)
class RunSettings:
    """How a program is run.

    Attributes:
        limit_cycles: a run that is longer is broken off by WatchdogError.
        channels: latency, stalls and errors of the memory.
        gap_probability: with which no instruction is offered in a cycle.
        seed: of the gaps.
    """

    limit_cycles: int = 1_000_000
    channels: ChannelSettings = field(default_factory=ChannelSettings)
    gap_probability: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit_cycles < 1:
            raise ArgumentError("limit_cycles", self.limit_cycles, "at least 1")
        if not 0 <= self.gap_probability < 1:
            raise ArgumentError("gap_probability", self.gap_probability, "at least 0 and below 1")


@dataclass(frozen=True)
class Traffic:
    """Beats that one core moved over its channel.

    Attributes:
        num_read_beats: from memory.
        num_write_beats: to memory.
    """

    num_read_beats: int
    num_write_beats: int


@dataclass(frozen=True)
class RunResult:
    """What a run left; the memory it ran on is changed in place.

    Attributes:
        decisions: in the order of their commits.
        retires: in the order in which they were recorded.
        counters: when the run was done.
        registers: when the run was done.
        traffic: of each core.
        error: the sticky error; None if there was none.
        num_accepted: instructions that were accepted.
        num_steps: simulated clock cycles, gaps before the first instruction included.
    """

    decisions: tuple[CommitRecord, ...]
    retires: tuple[RetireRecord, ...]
    counters: Counters
    registers: Registers
    traffic: tuple[Traffic, ...]
    error: AcceleratorError | None
    num_accepted: int
    num_steps: int

    @property
    def cycles(self) -> int:
        """Cycles of the run, as the accelerator counted them."""
        return self.counters.cycles


class Backend(Protocol):
    """One accelerator; its state persists from run to run, as that of hardware does."""

    @property
    def config(self) -> AcceleratorConfig:
        """Sizes of the accelerator."""

    def reset(self) -> None:
        """Hold `reset` until what memory owes is forgotten: every run has a memory of its own."""

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """Run instructions, 128 bits each, until `done`.

        Args:
            program: the instructions.
            memory: changed in place.
            settings: of memory and watchdog.
            recorder: takes all ports, and registers where the back end sees them, in every cycle,
                that in which the run is refused included.

        Raises:
            WatchdogError: not done within the limit; `reset` before the next run.
            ProtocolError: hardware or memory broke a rule of the channels.
            RecordError: records have a gap.
        """


def check_run(program: Sequence[int], memory: SharedMemory, config: AcceleratorConfig) -> None:
    """Refuse what machine code cannot work on.

    Raises:
        ArgumentError: no instruction; beats of another size, or not one behind the other.
    """
    if not program:
        raise ArgumentError("program", program, "at least one instruction")
    if memory.beats.shape[1] != config.beat_bytes or not memory.beats.flags.c_contiguous:
        limit = f"contiguous beats of {config.beat_bytes} bytes"
        raise ArgumentError("memory", memory.beats.shape, limit)


class RunRecords:
    """What the output ports show along a run: records in every cycle, all else when it is done."""

    def __init__(self, config: AcceleratorConfig, get: GetPort) -> None:
        self._config, self._get = config, get
        self._decisions: list[CommitRecord] = []
        self._retires: list[RetireRecord] = []

    def observe(self, get: GetPort | None = None) -> None:
        """Take the records of this cycle, or of one that was kept.

        Args:
            get: reads the ports of records as they were then; None: as they are.
        """
        get = self._get if get is None else get
        decision, retire = read_decision(get), read_retire(self._config, get)
        self._decisions += () if decision is None else (decision,)
        self._retires += () if retire is None else (retire,)

    def finish(self, traffic: Sequence[Traffic], num_accepted: int, num_steps: int) -> RunResult:
        """The result of the run.

        Raises:
            RecordError: records have a gap.
        """
        check_orders(self._decisions, self._retires)
        return RunResult(
            decisions=tuple(self._decisions),
            retires=tuple(self._retires),
            counters=read_counters(self._config, self._get),
            registers=read_registers(self._config, self._get),
            traffic=tuple(traffic),
            error=read_error(self._get),
            num_accepted=num_accepted,
            num_steps=num_steps,
        )


class InstructionDriver:
    """Offers the instructions of a program one by one, with gaps (rule 2: none is withdrawn)."""

    def __init__(self, program: Sequence[int], settings: RunSettings) -> None:
        self.program = program
        self.num_accepted = 0
        self._settings = settings
        self._random = random.Random(settings.seed)
        self._offered: int | None = None

    def drive(self) -> tuple[bool, int]:
        """valid and instruction of this cycle; noise where nothing is offered."""
        is_left = self.num_accepted < len(self.program)
        if self._offered is None and is_left and not self._is_gap():
            self._offered = self.program[self.num_accepted]
        if self._offered is None:
            return False, self._random.getrandbits(128)
        return True, self._offered

    def observe(self, is_ready: bool) -> None:
        """Take the ready of this cycle."""
        if is_ready and self._offered is not None:
            self._offered = None
            self.num_accepted += 1

    def _is_gap(self) -> bool:
        probability = self._settings.gap_probability
        return probability > 0 and self._random.random() < probability


def count_steps(limit_cycles: int, driver: InstructionDriver) -> Iterator[int]:
    """0, 1, 2, ...; raises WatchdogError behind the limit."""
    yield from range(limit_cycles)
    raise WatchdogError(limit_cycles, driver.num_accepted, len(driver.program))
