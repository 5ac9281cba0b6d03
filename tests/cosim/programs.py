"""Programs of one layer of one token on random numbers, independent of the compiler.

The layout is the simplest one: every array behind the one before it, whole beats.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, Predicate, encode
from tests.cosim.interpreter import Interpreter


class Source(Enum):
    """What decides."""

    SCORE = "score"
    DISTANCE = "distance"
    DIRECT = "direct"


@dataclass(frozen=True)
class Choice:
    """What a program is made of.

    Attributes:
        num_slots: slots of the run.
        source: what decides.
        is_static: static mapping.
        seed: of all numbers.
        threshold_rank: the threshold is the measure of this rank; -1 = below all, B = above all.
        flags: decisions under DIRECT; True = compute.
    """

    num_slots: int
    source: Source
    is_static: bool
    seed: int
    threshold_rank: int
    flags: tuple[bool, ...]


@dataclass
class Program:
    """Instructions and the memory that they run on.

    Attributes:
        instructions: BEGIN to END.
        beats: [beats, L] uint8; the first beats are guarded, nothing reads or writes them.
    """

    instructions: list[Instruction] = field(default_factory=list)
    beats: list[NDArray[np.uint8]] = field(default_factory=list)

    @property
    def words(self) -> list[int]:
        """The instructions as numbers."""
        return [encode(instruction) for instruction in self.instructions]

    def make_memory(self) -> SharedMemory:
        """A fresh memory with the numbers of the program."""
        memory = SharedMemory(len(self.beats), len(self.beats[0]))
        memory.beats[:] = self.beats
        return memory


class ProgramBuilder:
    """Builds one program; `run` is all of it."""

    def __init__(self, config: AcceleratorConfig, choice: Choice) -> None:
        self.config, self.choice = config, choice
        self.rng = np.random.default_rng(choice.seed)
        self.program = Program()
        self.hidden, self.inner = config.hidden_words, config.intermediate_words
        self.place(np.zeros(3 * config.num_lanes, np.uint8))

    def run(self) -> Program:
        """The whole program."""
        choice = self.choice
        self.place_numbers()
        options = choice.is_static | 2 * (choice.source is Source.DISTANCE)
        self.add(Instruction(Opcode.BEGIN, rows=choice.num_slots, shift=options))
        self.program.instructions.append(Instruction(Opcode.THRESHOLD))
        for slot in range(choice.num_slots):
            self.decide(slot)
        for slot in range(choice.num_slots):
            self.compute(slot)
            self.replay(slot)
        self.add(Instruction(Opcode.END))
        self.program.instructions[1] = make_valued(Opcode.THRESHOLD, self.choose_threshold())
        return self.program

    def place(self, array: NDArray[np.generic]) -> int:
        """Put an array behind all others; returns its address in beats."""
        address = len(self.program.beats)
        lanes = self.config.num_lanes
        content = array.tobytes()
        content += bytes(-len(content) % lanes)
        self.program.beats += list(np.frombuffer(content, np.uint8).reshape(-1, lanes))
        return address

    def draw_vector(self, words: int, limit: int = 32767) -> NDArray[np.int16]:
        """Random int16 with both ends in it."""
        vector = self.rng.integers(-limit, limit + 1, words * self.config.num_lanes)
        vector[self.rng.integers(len(vector))] = self.rng.choice([-limit, limit])
        return vector.astype("<i2")

    def place_numbers(self) -> None:
        """Constants of the layer, and what belongs to each slot."""
        lanes, hidden, inner = self.config.num_lanes, self.hidden, self.inner
        self.gains = self.place(self.draw_vector(hidden))
        self.multipliers, self.weights = {}, {}
        for name, rows, columns in (
            ("gate", inner, hidden),
            ("up", inner, hidden),
            ("down", hidden, inner),
        ):
            multipliers = self.rng.integers(0, 1 << 16, rows * lanes).astype("<u2")
            weights = self.rng.integers(-127, 128, rows * lanes * columns * lanes)
            self.multipliers[name] = self.place(multipliers)
            self.weights[name] = self.place(weights.astype(np.int8))
        slots, query = range(self.choice.num_slots), self.config.query_words
        self.vectors = {
            "x": [self.draw_vector(hidden) for _ in slots],
            "query": [self.draw_vector(query) for _ in slots],
            "key": [self.draw_vector(query) for _ in slots],
            "y": [self.draw_vector(hidden) for _ in slots],
            "n": [self.draw_vector(hidden, 3000) for _ in slots],
        }
        self.addresses = {
            name: [self.place(vector) for vector in vectors]
            for name, vectors in self.vectors.items()
        }

    def add(self, instruction: Instruction) -> None:
        """Append one instruction."""
        self.program.instructions.append(instruction)

    def load(self, slot: int, predicate: int, target: Buffer, words: int, address: int) -> None:
        """LOAD of a whole vector."""
        self.add(
            Instruction(Opcode.LOAD, predicate, slot, target=target, rows=words, address=address)
        )

    def normalise(self, slot: int, predicate: int) -> None:
        """LOAD X; LOAD P; NORM."""
        self.load(slot, predicate, Buffer.X, self.hidden, self.addresses["x"][slot])
        self.load(slot, predicate, Buffer.P, self.hidden, self.gains)
        norm = make_valued(Opcode.NORM, int(self.choice.seed % 1000 + 1) << 20)
        self.add(replace(norm, predicate=predicate, slot=slot, rows=self.hidden))

    def decide(self, slot: int) -> None:
        """Whatever brings the decision of a slot."""
        source = self.choice.source
        if source is Source.DIRECT:
            self.add(Instruction(Opcode.DECIDE, slot=slot, rows=int(self.choice.flags[slot])))
        elif source is Source.SCORE:
            words = self.config.query_words
            self.load(slot, 0, Buffer.H, words, self.addresses["query"][slot])
            self.load(slot, 0, Buffer.K, words, self.addresses["key"][slot])
            self.add(Instruction(Opcode.SCORE, slot=slot, rows=words))
        else:
            self.normalise(slot, 0)
            self.load(slot, 0, Buffer.K, self.hidden, self.addresses["n"][slot])
            self.add(Instruction(Opcode.DISTANCE, slot=slot, rows=self.hidden))

    def choose_threshold(self) -> int:
        """The measure with the wanted rank; found by an exact run of the deciding half."""
        if self.choice.source is Source.DIRECT:
            return 0
        words = self.program.words
        half = words[: words.index(encode(self._first_conditional()))]
        scores = Interpreter(self.config, np.array(self.program.beats)).run(half).scores
        ordered = sorted(scores.values())
        rank = self.choice.threshold_rank
        bounded = [ordered[0] - 1, *ordered, ordered[-1] + 1]
        return bounded[rank + 1]

    def _first_conditional(self) -> Instruction:
        return next(one for one in self.program.instructions if one.predicate)

    def product(self, slot: int, name: str, opcode: Opcode, target: Buffer, source: Buffer) -> None:
        """LOAD of the multipliers and GEMV or GEMV_SILU."""
        rows, columns = (self.hidden, self.inner) if name == "down" else (self.inner, self.hidden)
        self.load(slot, Predicate.IF_COMPUTE, Buffer.P, rows, self.multipliers[name])
        self.add(
            Instruction(
                opcode,
                Predicate.IF_COMPUTE,
                slot,
                target=target,
                source=source,
                rows=rows,
                columns=columns,
                shift=int(self.rng.integers(18, 26)),
                gate_shift=int(self.rng.integers(4)),
                hidden_shift=int(self.rng.integers(25, 34)),
                multiplier=int(self.rng.integers(1 << 14, 1 << 16)),
                address=self.weights[name],
            )
        )

    def store(self, slot: int, predicate: int, source: Buffer, address: int) -> None:
        """STORE of a hidden vector."""
        self.add(
            Instruction(
                Opcode.STORE, predicate, slot, source=source, rows=self.hidden, address=address
            )
        )

    def compute(self, slot: int) -> None:
        """The MLP of a slot that computes."""
        predicate = Predicate.IF_COMPUTE
        self.normalise(slot, predicate)
        self.product(slot, "gate", Opcode.GEMV, Buffer.G, Buffer.N)
        self.product(slot, "up", Opcode.GEMV_SILU, Buffer.H, Buffer.N)
        self.product(slot, "down", Opcode.GEMV, Buffer.Y, Buffer.H)
        self.store(slot, predicate, Buffer.Y, self.addresses["y"][slot])
        if self.choice.source is Source.DISTANCE:
            self.store(slot, predicate, Buffer.N, self.addresses["n"][slot])
        self.finish(slot, predicate)

    def replay(self, slot: int) -> None:
        """The residual add of a slot that replays."""
        predicate = Predicate.IF_REPLAY
        self.load(slot, predicate, Buffer.X, self.hidden, self.addresses["x"][slot])
        self.load(slot, predicate, Buffer.Y, self.hidden, self.addresses["y"][slot])
        self.finish(slot, predicate)

    def finish(self, slot: int, predicate: int) -> None:
        """Residual add and the last store."""
        self.add(Instruction(Opcode.ADD, predicate, slot, rows=self.hidden))
        self.store(slot, predicate, Buffer.X, self.addresses["x"][slot])
        last = self.program.instructions.pop()
        self.add(replace(last, is_last=1))


def make_valued(opcode: Opcode, value: int) -> Instruction:
    """An instruction with a signed 48-bit value."""
    unsigned = value % (1 << 48)
    return Instruction(opcode, multiplier=unsigned >> 32, address=unsigned % (1 << 32))


def make_program(config: AcceleratorConfig, choice: Choice) -> Program:
    """The program of a choice."""
    return ProgramBuilder(config, choice).run()
