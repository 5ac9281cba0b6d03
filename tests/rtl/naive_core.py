"""What one core does to its memory, instruction by instruction, on Python integers."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, get_buffer_words
from tests.rtl import naive
from tests.rtl.wires import pack, unpack


@dataclass
class NaiveCore:
    """Buffers, memory by beat address, and what left the core."""

    config: AcceleratorConfig
    memory: dict[int, int]
    buffers: dict[Buffer, list[int]] = field(default_factory=dict)
    decisions: list[tuple[int, int]] = field(default_factory=list)
    retired: list[tuple[int, int]] = field(default_factory=list)
    digest: int = 0
    is_begun: bool = False

    def __post_init__(self) -> None:
        lanes = self.config.num_lanes
        for buffer in Buffer:
            self.buffers[buffer] = [0] * (get_buffer_words(self.config, buffer) * lanes)

    def execute(self, instruction: Instruction) -> None:
        """One instruction, whatever its predicate."""
        if not self.is_begun:
            self.is_begun, self.digest = True, 0
        getattr(self, f"execute_{Opcode(instruction.opcode).name.lower()}")(instruction)
        if instruction.opcode in (Opcode.SCORE, Opcode.DISTANCE):
            self.is_begun = False
        if instruction.is_last:
            self.is_begun = False
            self.retired.append((instruction.slot, self.digest))

    def read(self, buffer: Buffer, num_words: int) -> list[int]:
        """The numbers of the first words of a buffer."""
        return self.buffers[buffer][: num_words * self.config.num_lanes]

    def write(self, buffer: Buffer, values: list[int]) -> None:
        """Replace the first numbers of a buffer."""
        self.buffers[buffer][: len(values)] = values

    def execute_load(self, instruction: Instruction) -> None:
        """Two beats make a word, the lower half first."""
        lanes = self.config.num_lanes
        values = []
        for row in range(instruction.rows):
            lower, upper = (self.memory[instruction.address + 2 * row + half] for half in (0, 1))
            values += unpack(upper << (8 * lanes) | lower, 16, lanes)
        self.write(Buffer(instruction.target), values)

    def execute_store(self, instruction: Instruction) -> None:
        """The same, to memory; every beat enters the digest."""
        lanes = self.config.num_lanes
        values = self.read(Buffer(instruction.source), instruction.rows)
        for beat in range(2 * instruction.rows):
            half = pack(values[beat * lanes // 2 : (beat + 1) * lanes // 2], 16)
            self.memory[instruction.address + beat] = half
            self.digest = update_digest(self.digest, half, 8 * lanes)

    def execute_store_key(self, instruction: Instruction) -> None:
        """Low bytes of each word as a beat; heads stand a block of L keys apart."""
        assert self.config.attention is not None
        lanes, head_dim = self.config.num_lanes, self.config.attention.head_dim
        values = self.read(Buffer(instruction.source), instruction.rows)
        for row in range(instruction.rows):
            head, place = divmod(row * lanes, head_dim)
            address = (instruction.address + head * head_dim + place // lanes) % 2**32
            beat = pack([value & 255 for value in values[row * lanes : (row + 1) * lanes]], 8)
            self.memory[address] = beat
            self.digest = update_digest(self.digest, beat, 8 * lanes)

    def execute_store_value(self, instruction: Instruction) -> None:
        """Low byte of each number to byte number `lane` of a beat of its own."""
        lanes, lane = self.config.num_lanes, instruction.options["lane"]
        values = self.read(Buffer(instruction.source), instruction.rows)
        for number, value in enumerate(values):
            address = (instruction.address + number) % 2**32
            beat, mask = ((value & 255) << 8 * lane, 255 << 8 * lane) if lane < lanes else (0, 0)
            if mask:
                self.memory[address] = self.memory.get(address, 0) & ~mask | beat
            self.digest = update_digest(self.digest, beat, 8 * lanes)

    def execute_norm(self, instruction: Instruction) -> None:
        """X and gains in P to N."""
        x = self.read(Buffer.X, instruction.rows)
        gains = self.read(Buffer.P, instruction.rows)
        self.write(Buffer.N, naive.norm(x, gains, instruction.value))

    def multiply(self, instruction: Instruction) -> list[int]:
        """Weights in memory, row by row, times the source; requantised."""
        lanes = self.config.num_lanes
        vector = self.read(Buffer(instruction.source), instruction.columns)
        multipliers = [m & 0xFFFF for m in self.read(Buffer.P, instruction.rows)]
        weights = []
        for row in range(instruction.rows * lanes):
            first = instruction.address + row * instruction.columns
            beats = [self.memory[first + column] for column in range(instruction.columns)]
            weights.append([weight for beat in beats for weight in unpack(beat, 8, lanes)])
        return naive.gemv(weights, vector, multipliers, instruction.shift)

    def execute_gemv(self, instruction: Instruction) -> None:
        """The product to the target; with attention perhaps a narrow one."""
        values = self.multiply(instruction)
        if self.config.attention is not None:
            values = limit(instruction, values)
        self.write(Buffer(instruction.target), values)

    def execute_gemv_silu(self, instruction: Instruction) -> None:
        """Hidden activations of G and the product to the target."""
        gates = self.read(Buffer.G, instruction.rows)
        constants = (instruction.gate_shift, instruction.multiplier, instruction.hidden_shift)
        pairs = zip(gates, self.multiply(instruction), strict=True)
        hidden = [naive.hidden(gate, up, *constants) for gate, up in pairs]
        self.write(Buffer(instruction.target), hidden)

    def execute_add(self, instruction: Instruction) -> None:
        """X + Y to X."""
        rows = instruction.rows
        self.write(Buffer.X, naive.add(self.read(Buffer.X, rows), self.read(Buffer.Y, rows)))

    def execute_score(self, instruction: Instruction) -> None:
        """H . K."""
        query, key = (self.read(buffer, instruction.rows) for buffer in (Buffer.H, Buffer.K))
        self.decisions.append((instruction.slot, naive.dot(query, key)))

    def execute_distance(self, instruction: Instruction) -> None:
        """Squared distance of N and K."""
        inputs, cached = (self.read(buffer, instruction.rows) for buffer in (Buffer.N, Buffer.K))
        self.decisions.append((instruction.slot, naive.squared_distance(inputs, cached)))


def limit(instruction: Instruction, values: list[int]) -> list[int]:
    """Limited to int8 where the instruction is narrow."""
    if not instruction.gate_shift & 1:
        return values
    return [max(-127, min(127, value)) for value in values]


def update_digest(digest: int, beat: int, beat_bits: int) -> int:
    """rotl(digest, 1) xor (the xor of the beat's 32-bit parts)."""
    digest = (digest << 1 | digest >> 31) & 0xFFFFFFFF
    for low in range(0, beat_bits, 32):
        digest ^= beat >> low & 0xFFFFFFFF
    return digest
