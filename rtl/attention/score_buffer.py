"""The score buffer of a core: words of softmax weights with their exponents.

One write port, of the softmax, one read port, of CONTEXT. The weights are the operand of the MAC
array as words of any other buffer are; no LOAD or STORE reaches them.

Contract: the index of cycle t gives weights and exponent in cycle t + FETCH_CYCLES.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.registers import delay
from fastcar.rtl.vector_memory import FETCH_CYCLES


@dataclass(frozen=True)
class ScoreWord:
    """A word of weights of one head and block: L times 16 bits, and its exponent, 17 bits."""

    weights: pyrtl.WireVector
    exponent: pyrtl.WireVector


def make_score_buffer(
    name: str,
    enable: pyrtl.WireVector,
    index: pyrtl.WireVector,
    word: ScoreWord,
    read_index: pyrtl.Register,
) -> ScoreWord:
    """Build the memory; gives the word that is read.

    Args:
        name: of the unit.
        enable: 1 bit, `word` is written at `index`.
        index: as wide as `read_index`.
        word: from registers.
        read_index: register.
    """
    memory = pyrtl.MemBlock(
        len(word.weights) + len(word.exponent),
        len(read_index),
        name,
        asynchronous=False,
        max_read_ports=1,
        max_write_ports=1,
    )
    both = pyrtl.concat(word.exponent, word.weights)
    memory[index] <<= pyrtl.MemBlock.EnabledWrite(both, enable)
    read = delay(memory[read_index], FETCH_CYCLES, f"{name}_read")
    return ScoreWord(read[: len(word.weights)], read[len(word.weights) :])
