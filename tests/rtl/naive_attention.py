"""A core with attention on Python integers, written from docs/accelerator.md, sections 7 and 8."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.instruction import Buffer, Instruction
from tests.rtl import naive
from tests.rtl.naive_core import NaiveCore, limit, update_digest
from tests.rtl.wires import pack, unpack

EXPONENTIALS = [round(2**15 * 2 ** (j / 256)) for j in range(256)]


def weigh(difference: int) -> int:
    """p of i."""
    octave = difference // 256
    entry = EXPONENTIALS[255 - difference % 256]
    return naive.divide_rounding(entry, octave) if octave <= 16 else 0


@dataclass
class Softmax:
    """Maximum and sum of one key head's query; no maximum before the first word."""

    maximum: int | None = None
    total: int = 0

    def take(self, logits: list[int], visible: list[bool]) -> tuple[list[int], int]:
        """The weights of one word, and its exponent."""
        seen = [z for z, counts in zip(logits, visible, strict=True) if counts]
        assert seen
        needed = max(seen) // 256 + 1
        before = needed if self.maximum is None else self.maximum
        self.maximum = max(before, needed)
        weights = [
            weigh(256 * self.maximum - z - 1) if counts else 0
            for z, counts in zip(logits, visible, strict=True)
        ]
        self.total = (self.total >> (self.maximum - before)) + (sum(weights) << 11)
        return weights, self.maximum


@dataclass
class NaiveAttentionCore(NaiveCore):
    """Score buffer, softmax of every key head, accumulators, tap and tokens."""

    scores: dict[int, tuple[list[int], int]] = field(default_factory=dict)
    softmax: list[Softmax] = field(default_factory=list)
    accumulators: list[int] = field(default_factory=list)
    tap: int = 0
    best: tuple[int, int] | None = None
    num_elements: int = 0
    tokens: dict[int, int] = field(default_factory=dict)
    retired_tokens: list[int] = field(default_factory=list)

    @property
    def attention(self) -> AttentionConfig:
        """Sizes."""
        assert self.config.attention is not None
        return self.config.attention

    def execute_embed(self, instruction: Instruction) -> None:
        """LOAD from the row of the slot's token."""
        lanes = self.config.num_lanes
        first = instruction.address + (self.tokens[instruction.slot] << instruction.shift)
        values = []
        for row in range(2 * instruction.rows):
            beat = self.memory.get((first + row) % 2**32, 0)
            values += unpack(beat, 16, lanes // 2)
        self.write(Buffer(instruction.target), values)

    def execute_rope(self, instruction: Instruction) -> None:
        """Pairs in G by cosines and sines in P, the same for every head."""
        x = self.read(Buffer.G, instruction.rows)
        turns = self.read(Buffer.P, self.attention.head_dim // self.config.num_lanes)
        wide = []
        for pair in range(len(x) // 2):
            a, b = x[2 * pair : 2 * pair + 2]
            place = 2 * pair % self.attention.head_dim
            cos, sin = turns[place : place + 2]
            wide += [a * cos - b * sin, b * cos + a * sin]
        turned = [naive.requantize(v, instruction.multiplier, instruction.shift) for v in wide]
        self.write(Buffer(instruction.target), limit(instruction, turned))

    def execute_scores(self, instruction: Instruction) -> None:
        """Every visible block: words of weights, or the tap alone."""
        attention, lanes, options = self.attention, self.config.num_lanes, instruction.options
        heads, d = attention.num_key_value_heads, attention.head_dim
        queries = self.buffers[Buffer.H][instruction.group * attention.key_size :]
        if options["is_fresh"] and not options["is_unweighted"]:
            self.softmax = [Softmax() for _ in range(heads)]
        beats_of_key = d // lanes
        address, word = instruction.address, instruction.columns
        for block in range(instruction.rows):
            is_tap = instruction.rows - 1 - block == instruction.tap_distance
            first = options["first_lane"] if block == 0 else 0
            last = options["last_lane"] if block == instruction.rows - 1 else lanes - 1
            for head in range(heads):
                query = queries[head * d : (head + 1) * d]
                sums = []
                for _ in range(lanes):
                    key = self.read_bytes(address, beats_of_key)
                    address += beats_of_key
                    sums.append(naive.dot(query, key))
                if is_tap and options["is_tapped"] and options["lane"] < lanes:
                    self.tap += sums[options["lane"]]
                if options["is_unweighted"]:
                    continue
                logits = [
                    naive.divide_rounding(s * instruction.multiplier, instruction.shift)
                    for s in sums
                ]
                visible = [first <= lane <= last for lane in range(lanes)]
                self.scores[word] = self.softmax[head].take(logits, visible)
                word += 1
        if options["decides"]:
            self.decisions.append((instruction.slot, self.tap))
            self.tap = 0

    def execute_context(self, instruction: Instruction) -> None:
        """Values times weights, shifted to the last exponent of their head; divided at the end."""
        attention, options = self.attention, instruction.options
        if options["is_fresh"]:
            self.accumulators = [0] * attention.key_size
        address, word = instruction.address, instruction.columns
        for _ in range(instruction.rows):
            for head in range(attention.num_key_value_heads):
                weights, exponent = self.scores[word]
                word += 1
                maximum = self.softmax[head].maximum
                assert maximum is not None
                for dim in range(attention.head_dim):
                    values = self.read_bytes(address, 1)
                    address += 1
                    scaled = naive.dot(weights, values) << 11
                    place = head * attention.head_dim + dim
                    self.accumulators[place] += scaled >> min(maximum - exponent, 63)
        if not options["is_final"]:
            return
        contexts = []
        for place, accumulator in enumerate(self.accumulators):
            total = self.softmax[place // attention.head_dim].total
            length = total.bit_length()
            reciprocal = (2**33 - 1) // (total >> (length - 18))
            contexts.append(naive.requantize(accumulator, reciprocal, length + 7))
        start = instruction.group * attention.key_size
        self.buffers[Buffer.G][start : start + attention.key_size] = contexts

    def execute_pick(self, instruction: Instruction) -> None:
        """The first largest logit plus noise."""
        lanes = self.config.num_lanes
        from_norm = Instruction(**{**vars(instruction), "source": Buffer.N})
        logits = self.multiply(from_norm)
        noise = self.read(Buffer.G, instruction.rows)
        if instruction.options["is_fresh"]:
            self.best, self.num_elements = None, 0
        for logit, own in zip(logits, noise, strict=True):
            value = naive.saturate(logit + own)
            if self.best is None or value > self.best[0]:
                self.best = value, self.num_elements
            self.num_elements += 1
        for row in range(instruction.rows):
            word = pack(logits[row * lanes : (row + 1) * lanes], 16)
            self.digest = update_digest(self.digest, word, 16 * lanes)
        if instruction.options["is_final"]:
            assert self.best is not None
            self.tokens[instruction.slot] = self.best[1]

    def read_bytes(self, address: int, num_beats: int) -> list[int]:
        """Signed bytes of some beats."""
        lanes = self.config.num_lanes
        beats = (self.memory.get((address + beat) % 2**32, 0) for beat in range(num_beats))
        return [value for beat in beats for value in unpack(beat, 8, lanes)]
