"""Programs that store keys and values on every slot, each in a part of the memory of its own."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.export.recording import Recording
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    Buffer,
    Instruction,
    Opcode,
    encode,
    get_buffer_words,
    join_options,
)
from fastcar.rtl.instruction_form import STORE_BYTE_OPCODES
from tests.rtl.naive_core import NaiveCore

STORES_PER_SLOT = 5


@dataclass(frozen=True)
class StoreProgram:
    """A program and the memory before it.

    Attributes:
        config: sizes.
        body: what the cores execute, in the order of dispatch.
        size: beats of the memory.
        seed: of its content.
    """

    config: AcceleratorConfig
    body: tuple[Instruction, ...]
    size: int
    seed: int

    @property
    def instructions(self) -> list[Instruction]:
        """From BEGIN to END; every slot computes."""
        slots = range(self.config.num_slots)
        begin = Instruction(Opcode.BEGIN, rows=self.config.num_slots)
        decisions = [Instruction(Opcode.DECIDE, slot=slot, rows=1) for slot in slots]
        return [begin, *decisions, *self.body, Instruction(Opcode.END)]

    @property
    def words(self) -> list[int]:
        """128 bits each."""
        return [encode(one) for one in self.instructions]

    def make_beats(self) -> dict[int, int]:
        """The memory by address."""
        random = Random(self.seed)
        return {place: random.getrandbits(self.config.beat_bits) for place in range(self.size)}

    def make_memory(self) -> SharedMemory:
        """The memory before the program."""
        return _fill(self.config, self.make_beats())

    def run_naive(self) -> tuple[dict[int, int], dict[int, int]]:
        """The memory after it, and the digest of every slot, on Python integers."""
        memory = self.make_beats()
        cores = [NaiveCore(self.config, memory) for _ in range(self.config.num_cores)]
        for instruction in self.body:
            cores[instruction.slot % self.config.num_cores].execute(instruction)
        return memory, {slot: digest for core in cores for slot, digest in core.retired}


def record_stores(config: AcceleratorConfig, seed: int, latency_cycles: int = 4) -> Recording:
    """A program for a testbench: its memory is the naive core's, records are the hardware's."""
    program = make_store_program(config, seed)
    settings = RunSettings(channels=ChannelSettings(latency_cycles=latency_cycles))
    result = NativeBackend(config).run(program.words, program.make_memory(), settings)
    return Recording(
        "keys and values",
        config,
        latency_cycles,
        tuple(program.words),
        program.make_memory().beats,
        _fill(config, program.run_naive()[0]).beats,
        result.decisions,
        result.retires,
        result.counters,
    )


def _fill(config: AcceleratorConfig, beats: dict[int, int]) -> SharedMemory:
    memory = SharedMemory(len(beats), config.beat_bytes)
    for address, beat in beats.items():
        memory.write_beat(address, beat)
    return memory


def make_store_program(config: AcceleratorConfig, seed: int) -> StoreProgram:
    """Every slot loads a buffer and stores its bytes, several times; the last one is `is_last`."""
    random = Random(seed)
    largest = max(get_buffer_words(config, buffer) for buffer in Buffer) * config.num_lanes
    body = []
    for slot in range(config.num_slots):
        first = slot * STORES_PER_SLOT * 2 * largest
        for number in range(STORES_PER_SLOT):
            source = random.choice(list(Buffer))
            rows = get_buffer_words(config, source)
            load = Instruction(Opcode.LOAD, slot=slot, target=source, rows=rows, address=first)
            body += [load, _store(config, random, slot, source, first, number, largest)]
    size = config.num_slots * STORES_PER_SLOT * 2 * largest
    return StoreProgram(config, tuple(body), size, seed)


def _store(
    config: AcceleratorConfig,
    random: Random,
    slot: int,
    source: Buffer,
    first: int,
    number: int,
    largest: int,
) -> Instruction:
    opcode = STORE_BYTE_OPCODES[number % 2]
    lane = random.randrange(config.num_lanes) if opcode is Opcode.STORE_VALUE else 0
    return Instruction(
        opcode,
        slot=slot,
        source=source,
        rows=random.randint(1, get_buffer_words(config, source)),
        address=first + number * largest + random.randrange(largest),
        is_last=int(number == STORES_PER_SLOT - 1),
        reserved=join_options(lane=lane),
    )
