"""Three designs for the simulators: a small one, one with wide wires and tables, a large one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

import pyrtl
from pyrtl.rtllib.aes import AES

from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import PRESETS

Inputs = Mapping[str, int]


@dataclass(frozen=True)
class Design:
    """A block and what it is driven with.

    Attributes:
        name: in the table.
        make: the block.
        free: inputs that get random values; others are 0 (the first cycle of `reset` is 1).
        output: a port that a tracer can follow.
    """

    name: str
    make: Callable[[], pyrtl.Block]
    free: tuple[str, ...]
    output: str


def draw_inputs(design: Design, block: pyrtl.Block, num_cycles: int) -> list[Inputs]:
    """Values for some cycles, the same in every run."""
    random = Random(1)
    widths = {wire.name: wire.bitwidth for wire in block.wirevector_subset(pyrtl.Input)}
    quiet = dict.fromkeys(sorted(widths), 0)
    return [
        quiet | {name: random.getrandbits(widths[name]) for name in design.free}
        for _ in range(num_cycles)
    ]


def make_fifo() -> pyrtl.Block:
    """64 words of 32 bits; a full one takes nothing, an empty one gives nothing."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        put, take, word = pyrtl.Input(1, "put"), pyrtl.Input(1, "take"), pyrtl.Input(32, "word")
        head, tail = pyrtl.Register(7, "head"), pyrtl.Register(7, "tail")
        words = pyrtl.MemBlock(32, 6, "words")
        is_empty = head == tail
        is_full = (head[:6] == tail[:6]) & (head[6] != tail[6])
        words[tail[:6]] <<= pyrtl.MemBlock.EnabledWrite(word, put & ~is_full)
        tail.next <<= (tail + (put & ~is_full)).truncate(7)
        head.next <<= (head + (take & ~is_empty)).truncate(7)
        first = pyrtl.Output(32, "first")
        first <<= words[head[:6]]
    return block


def make_aes() -> pyrtl.Block:
    """AES-128 of PyRTL's library, a round a cycle."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        text, key = pyrtl.Input(128, "text"), pyrtl.Input(128, "key")
        ready, cipher = AES().multi_cycle_encrypt(text, key, pyrtl.Input(1, "start"))
        out, is_ready = pyrtl.Output(128, "cipher"), pyrtl.Output(1, "ready")
        out <<= cipher
        is_ready <<= ready
    return block


DESIGNS = (
    Design("FIFO, 64 words of 32 bits", make_fifo, ("put", "take", "word"), "first"),
    Design("AES-128, a round a cycle", make_aes, ("text", "key", "start"), "cipher"),
    Design(
        "accelerator, tiny", lambda: make_accelerator(PRESETS["tiny"]), ("instruction",), "done"
    ),
)
