"""Drives the softmax unit instruction by instruction and notes what it gives in which cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyrtl

from fastcar.cosim.native import NativeSimulation
from fastcar.reference.arrays import BoolArray, Int64Array
from fastcar.rtl.attention import softmax
from fastcar.rtl.attention.softmax import SoftmaxInputs, count_head_bits, make_softmax
from tests.rtl.poison import poison_collisions
from tests.rtl.wires import expose, pack, to_signed

INDEX_BITS = 10
MAX_CYCLES = 20_000
"""Watchdog of every instruction."""


@dataclass(frozen=True)
class Segment:
    """The words of one instruction.

    Attributes:
        logits: [blocks, heads, L].
        visible: [blocks, heads, L].
        gaps: [blocks * heads] cycles from each word to the next one; the last one counts for none.
        is_fresh: heads start anew.
        is_final: reciprocals are asked for.
    """

    logits: Int64Array
    visible: BoolArray
    gaps: Sequence[int]
    is_fresh: bool
    is_final: bool


@dataclass(frozen=True)
class FoundWord:
    """Weights of one word.

    Attributes:
        latency: cycles since its logits.
        index: `weights_index`.
        weights: L numbers.
        exponent: M'.
    """

    latency: int
    index: int
    weights: list[int]
    exponent: int


@dataclass
class Found:
    """What an instruction gave.

    Attributes:
        words: in their order.
        tail: cycles from the last word to `is_done`.
        totals: S of every head, from the memory.
        last_head: exponent, reciprocal and bit length of the last head, read as soon as allowed.
    """

    words: list[FoundWord] = field(default_factory=list)
    tail: int = -1
    totals: list[int] = field(default_factory=list)
    last_head: tuple[int, int, int] = (0, 0, 0)


class SoftmaxBench:
    """One softmax unit of H heads and L lanes; it keeps its state from test to test."""

    def __init__(self, num_lanes: int, num_heads: int) -> None:
        self.num_lanes, self.num_heads = num_lanes, num_heads
        self.block = pyrtl.Block()
        head_bits = count_head_bits(num_heads)
        widths = {
            **dict.fromkeys(("clear", "is_fresh", "is_final", "word_valid"), 1),
            "logits": 24 * num_lanes,
            "visible": num_lanes,
            **dict.fromkeys(("is_first_block", "is_last_block"), 1),
            "head": head_bits,
            "word_index": INDEX_BITS,
        }
        with pyrtl.set_working_block(self.block, no_sanity_check=True):
            wires = {name: pyrtl.Input(bits, name) for name, bits in widths.items()}
            read_head_q = pyrtl.Register(head_bits, "read_head_q")
            read_head_q.next <<= pyrtl.Input(head_bits, "read_head")
            readers = {"exponent_head": read_head_q, "reciprocal_head": read_head_q}
            expose(make_softmax("unit", num_heads, SoftmaxInputs(**wires, **readers)))
        assert poison_collisions(self.block) == 5
        self.simulation: Any = NativeSimulation(tracer=None, block=self.block)
        self.idle = dict.fromkeys([*widths, "read_head"], 0)

    def step(self, **inputs: int) -> None:
        """One cycle; inputs that are not named are 0."""
        self.simulation.step(self.idle | inputs)

    def read(self, member: str) -> int:
        """An output in the cycle that was stepped last."""
        return int(self.simulation.inspect(f"out_{member}"))

    def read_results(self) -> tuple[int, int, int]:
        """Exponent, reciprocal and bit length at the reader's port."""
        exponent = to_signed(self.read("read_exponent"), 17)
        return exponent, self.read("read_reciprocal"), self.read("read_bit_length")

    def read_head(self, head: int) -> tuple[int, int, int]:
        """The same of one head, by a read of its own."""
        for _ in range(1 + softmax.READ_CYCLES):
            self.step(read_head=head)
        self.step(read_head=head)
        return self.read_results()

    def begin(self, segment: Segment, num_cycles: int) -> None:
        """So many cycles of an instruction, whatever they give."""
        driver = _Driver(self, segment)
        for _ in range(num_cycles):
            driver.step()

    def run(self, segment: Segment) -> Found:
        """One instruction, and the cycles until the last head is read."""
        driver, found = _Driver(self, segment), Found()
        done_cycles: list[int] = []
        while not done_cycles or driver.cycle <= done_cycles[0] + softmax.READ_CYCLES:
            assert driver.cycle < MAX_CYCLES
            cycle = driver.step()
            if self.read("weights_valid"):
                found.words.append(self._take_word(cycle - driver.starts[len(found.words)]))
            if self.read("is_done"):
                done_cycles.append(cycle)
        assert len(done_cycles) == 1
        assert len(found.words) == len(segment.gaps)
        found.last_head = self.read_results()
        found.tail = done_cycles[0] - driver.starts[-1]
        memory = self.simulation.inspect_mem(self.block.get_memblock_by_name("unit_sum_totals"))
        found.totals = [memory[head] for head in range(self.num_heads)]
        return found

    def _take_word(self, latency: int) -> FoundWord:
        word = self.read("weights")
        weights = [word >> 16 * lane & 0xFFFF for lane in range(self.num_lanes)]
        exponent = to_signed(self.read("exponent"), 17)
        return FoundWord(latency, self.read("weights_index"), weights, exponent)


class _Driver:
    """Gives the words of an instruction to the unit, as far apart as it says."""

    def __init__(self, bench: SoftmaxBench, segment: Segment) -> None:
        self.bench, self.segment = bench, segment
        self.starts: list[int] = []
        self.cycle = 0
        self.next_start = 0

    def step(self) -> int:
        """One cycle; gives its number."""
        number, word = len(self.starts), {}
        if self.cycle == self.next_start and number < len(self.segment.gaps):
            word = self._describe(number)
            self.next_start += self.segment.gaps[number]
            self.starts.append(self.cycle)
        self.bench.step(
            is_fresh=int(self.segment.is_fresh),
            is_final=int(self.segment.is_final),
            read_head=self.bench.num_heads - 1,
            **word,
        )
        self.cycle += 1
        return self.cycle - 1

    def _describe(self, number: int) -> dict[str, int]:
        """Inputs of a word of logits."""
        block, head = divmod(number, self.bench.num_heads)
        return {
            "word_valid": 1,
            "logits": pack(self.segment.logits[block, head].tolist(), 24),
            "visible": pack(self.segment.visible[block, head].tolist(), 1),
            "is_first_block": int(block == 0),
            "is_last_block": int(block == len(self.segment.logits) - 1),
            "head": head,
            "word_index": number,
        }


@cache
def get_bench(num_lanes: int, num_heads: int) -> SoftmaxBench:
    """The unit of this size, built once."""
    return SoftmaxBench(num_lanes, num_heads)


def join_segments(segments: Sequence[Segment]) -> tuple[Int64Array, BoolArray]:
    """Logits and visibility [heads, keys] of instructions that continue each other."""
    parts = [
        np.concatenate([getattr(one, name) for one in segments]) for name in ("logits", "visible")
    ]
    logits, visible = (part.swapaxes(0, 1).reshape(part.shape[1], -1) for part in parts)
    return logits, visible
