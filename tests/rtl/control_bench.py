"""The accelerator with stand-in cores: what reaches which core, and what a program should do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pyrtl

from fastcar.cosim.backends.backend import RunResult, RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.records import GetPort
from fastcar.reference.scheduler import Dispatch, compute_schedule
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, Predicate, decode, encode
from tests.rtl.stand_in_core import make_stand_in_core

LIMIT_CYCLES = 3000


@dataclass(frozen=True)
class Dispatched:
    """One instruction that a core took.

    Attributes:
        step: cycle, counted from the first one of the call.
        core: which.
        instruction: which.
    """

    step: int
    core: int
    instruction: Instruction


@cache
def build_control_block(config: AcceleratorConfig) -> pyrtl.Block:
    """The accelerator with stand-in cores, built once for each size."""
    return make_accelerator(config, make_stand_in_core)


class ControlBench:
    """Runs programs on stand-in cores and notes what they take."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.dispatched: list[Dispatched] = []
        self._step = 0
        self.backend = NativeBackend(config, build_control_block(config), self._observe)

    def run(self, program: Sequence[Instruction], settings: RunSettings | None = None) -> RunResult:
        """Run a program; `dispatched` is of this program alone."""
        self.dispatched.clear()
        self._step = 0
        words = [encode(instruction) for instruction in program]
        memory = SharedMemory(1, self.config.beat_bytes)
        return self.backend.run(words, memory, settings or RunSettings(limit_cycles=LIMIT_CYCLES))

    def _observe(self, get: GetPort) -> None:
        for core in range(self.config.num_cores):
            if get(f"core{core}_log_valid"):
                assert not get("error")
                instruction = decode(get(f"core{core}_log_instruction"))
                self.dispatched.append(Dispatched(self._step, core, instruction))
        self._step += 1


@dataclass
class Expected:
    """What a program does, whatever its timing.

    Attributes:
        queues: for each core its instructions in order.
        dropped: instructions that a predicate excludes.
        decisions: (slot, score, computes, core) in the order of the commits.
        retired: slots of the instructions that are marked last.
    """

    queues: list[list[Instruction]]
    dropped: int = 0
    decisions: list[tuple[int, int, bool, int]] = field(default_factory=list)
    retired: list[int] = field(default_factory=list)


def interpret(config: AcceleratorConfig, program: Sequence[Instruction]) -> Expected:
    """Run a legal program in plain Python, without any time."""
    expected = Expected([[] for _ in range(config.num_cores)])
    threshold = 0
    begin = Instruction(Opcode.BEGIN)
    decided: dict[int, tuple[bool, int]] = {}
    for one in program:
        if one.opcode == Opcode.BEGIN:
            _commit(config, begin, decided, expected)
            begin, decided = one, {}
        elif one.opcode == Opcode.THRESHOLD:
            threshold = get_signed(one.value)
        elif one.opcode == Opcode.DECIDE:
            decided[one.slot] = bool(one.rows & 1), 0
        elif one.opcode != Opcode.END:
            if one.opcode in (Opcode.SCORE, Opcode.DISTANCE):
                score, is_distance = get_signed(one.value), bool(begin.shift & 2)
                computes = score > threshold if is_distance else score < threshold
                decided[one.slot] = computes, score
            _dispatch(config, one, begin, decided, expected)
    _commit(config, begin, decided, expected)
    return expected


def get_signed(value: int) -> int:
    """48 bits as a signed number."""
    return value - (value >> 47 << 48)


def _map(config: AcceleratorConfig, begin: Instruction, flags: Sequence[bool]) -> list[int]:
    """The core of every slot: the mapping if it computes, else b mod C."""
    dispatch = Dispatch.STATIC if begin.shift & 1 else Dispatch.DYNAMIC
    mapping = compute_schedule(np.array(flags), config.num_cores, dispatch).mapping
    return [b % config.num_cores if core is None else core for b, core in enumerate(mapping)]


def _dispatch(
    config: AcceleratorConfig,
    one: Instruction,
    begin: Instruction,
    decided: dict[int, tuple[bool, int]],
    expected: Expected,
) -> None:
    core = one.slot % config.num_cores
    if one.predicate != Predicate.ALWAYS:
        flags = [decided[slot][0] for slot in range(one.slot + 1)]
        if flags[-1] != (one.predicate == Predicate.IF_COMPUTE):
            expected.dropped += 1
            return
        core = _map(config, begin, flags)[one.slot]
    expected.queues[core].append(one)
    if one.is_last:
        expected.retired.append(one.slot)


def _commit(
    config: AcceleratorConfig,
    begin: Instruction,
    decided: dict[int, tuple[bool, int]],
    expected: Expected,
) -> None:
    """Decisions reach the registers as long as no lower slot is undecided."""
    num_committed = next(slot for slot in range(33) if slot not in decided)
    if num_committed == 0:
        return
    flags = [decided[slot][0] for slot in range(num_committed)]
    for slot, core in enumerate(_map(config, begin, flags)):
        expected.decisions.append((slot, decided[slot][1], flags[slot], core))
