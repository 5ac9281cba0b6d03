"""What a program means, instruction by instruction, without any time: a naive model of the cores.

It shares nothing with compiler and hardware but the fields of an instruction, and takes the
arithmetic from the integer reference. Cores have their own buffers, as in hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.integer.units import (
    add_residual,
    compute_accumulators,
    compute_integer_hidden,
    compute_integer_rms_norm,
    requantize,
)
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, Predicate, decode

Word = NDArray[np.int16]


@dataclass
class Interpreted:
    """What a program did.

    Attributes:
        computes: decision of every decided slot.
        scores: measure of every measured slot.
        mapping: core of every slot that computes.
        digests: of every slot that stored something.
        retired: slots in the order of their last instructions.
        dropped: instructions that a predicate excluded.
    """

    computes: dict[int, bool] = field(default_factory=dict)
    scores: dict[int, int] = field(default_factory=dict)
    mapping: dict[int, int] = field(default_factory=dict)
    digests: dict[int, int] = field(default_factory=dict)
    retired: list[int] = field(default_factory=list)
    dropped: int = 0


class Interpreter:
    """Runs programs on a memory.

    Args:
        config: sizes.
        beats: [beats, L] uint8, read and written.
    """

    def __init__(self, config: AcceleratorConfig, beats: NDArray[np.uint8]) -> None:
        self.config = config
        self.beats = beats
        self.buffers: list[dict[int, Word]] = [{} for _ in range(config.num_cores)]

    def run(self, words: Sequence[int]) -> Interpreted:
        """Run one program, BEGIN to END."""
        self.done = Interpreted()
        self.threshold = self.pointer = 0
        for number, word in enumerate(words):
            one = decode(word)
            if one.opcode == Opcode.BEGIN:
                assert number == 0
                self.num_slots = one.rows
                self.is_static, self.is_distance = bool(one.shift & 1), bool(one.shift & 2)
            elif one.opcode == Opcode.THRESHOLD:
                self.threshold = one.value - (one.value >> 47 << 48)
            elif one.opcode == Opcode.DECIDE:
                self.decide(one.slot, bool(one.rows & 1))
            elif one.opcode == Opcode.END:
                assert number == len(words) - 1
            else:
                self.dispatch(one)
        return self.done

    def decide(self, slot: int, computes: bool) -> None:
        """Slots are decided once, here in their order."""
        assert slot == len(self.done.computes) < self.num_slots
        self.done.computes[slot] = computes
        if computes:
            core = slot % self.config.num_cores if self.is_static else self.pointer
            self.done.mapping[slot] = core
            self.pointer = (self.pointer + 1) % self.config.num_cores

    def dispatch(self, one: Instruction) -> None:
        """To the core, or nowhere."""
        core = one.slot % self.config.num_cores
        if one.predicate != Predicate.ALWAYS:
            if self.done.computes[one.slot] != (one.predicate == Predicate.IF_COMPUTE):
                self.done.dropped += 1
                return
            if one.predicate == Predicate.IF_COMPUTE:
                core = self.done.mapping[one.slot]
        self.execute(one, self.buffers[core])
        if one.is_last:
            self.done.retired.append(one.slot)

    def execute(self, one: Instruction, buffers: dict[int, Word]) -> None:
        """One instruction of a core."""
        if one.opcode == Opcode.LOAD:
            beats = self.beats[one.address : one.address + 2 * one.rows]
            assert len(beats) == 2 * one.rows
            buffers[one.target] = beats.copy().view("<i2").ravel()
        elif one.opcode == Opcode.STORE:
            self.store(one, buffers[one.source])
        elif one.opcode == Opcode.NORM:
            x, gains = buffers[Buffer.X], buffers[Buffer.P]
            self.check_length(one, x, gains)
            buffers[Buffer.N] = compute_integer_rms_norm(x[None], gains, one.value)[0]
        elif one.opcode in (Opcode.GEMV, Opcode.GEMV_SILU):
            buffers[one.target] = self.multiply(one, buffers)
        elif one.opcode == Opcode.ADD:
            self.check_length(one, buffers[Buffer.X], buffers[Buffer.Y])
            buffers[Buffer.X] = add_residual(buffers[Buffer.X], buffers[Buffer.Y])
        else:
            self.measure(one, buffers)

    def multiply(self, one: Instruction, buffers: dict[int, Word]) -> Word:
        """GEMV and GEMV_SILU."""
        lanes = self.config.num_lanes
        num_beats = one.rows * lanes * one.columns
        weights = self.beats[one.address : one.address + num_beats].view(np.int8)
        source = buffers[one.source]
        assert len(source) == one.columns * lanes
        sums = compute_accumulators(source[None], weights.reshape(one.rows * lanes, -1))
        multipliers = buffers[Buffer.P].view(np.uint16)
        assert len(multipliers) == one.rows * lanes
        result: Word = requantize(sums, multipliers, one.shift)[0]
        if one.opcode == Opcode.GEMV:
            return result
        return compute_integer_hidden(
            buffers[Buffer.G], result, one.gate_shift, one.multiplier, one.hidden_shift
        )

    def measure(self, one: Instruction, buffers: dict[int, Word]) -> None:
        """SCORE and DISTANCE."""
        assert self.is_distance == (one.opcode == Opcode.DISTANCE)
        left = buffers[Buffer.N if self.is_distance else Buffer.H].astype(np.int64)
        right = buffers[Buffer.K].astype(np.int64)
        self.check_length(one, left, right)
        measure = ((left - right) ** 2).sum() if self.is_distance else (left * right).sum()
        replays = measure <= self.threshold if self.is_distance else measure >= self.threshold
        self.done.scores[one.slot] = int(measure)
        self.decide(one.slot, not replays)

    def store(self, one: Instruction, vector: Word) -> None:
        """Write, and go on with the digest of the slot."""
        self.check_length(one, vector)
        beats = vector.view(np.uint8).reshape(-1, self.config.num_lanes)
        self.beats[one.address : one.address + 2 * one.rows] = beats
        digest = self.done.digests.get(one.slot, 0)
        for beat in beats:
            folded = int(np.bitwise_xor.reduce(beat.view("<u4")))
            digest = ((digest << 1 | digest >> 31) & 0xFFFFFFFF) ^ folded
        self.done.digests[one.slot] = digest

    def check_length(self, one: Instruction, *vectors: NDArray[np.integer]) -> None:
        """A vector has the words that the instruction says."""
        assert all(len(vector) == one.rows * self.config.num_lanes for vector in vectors)
