"""Cycles of a slot's attention section, from the durations of its instructions alone.

The sum over the instructions that `fastcar.cosim.program.whole.attention_section` gives a layer
behind the first, with nothing tapped and nobody to wait for. It needs no memory map, so that it
also speaks of contexts and models beyond what one request or one address space holds: blocks
beyond a request's limit are taken by further requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.attention.config import MAX_REQUEST_BEATS, AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, join_options
from fastcar.rtl.latency import count_cycles


def count_attention_cycles(
    config: AcceleratorConfig, visible_blocks: Sequence[int], latency_cycles: int
) -> int:
    """Cycles of one attention section, instructions one after the other.

    Args:
        config: sizes, with those of attention.
        visible_blocks: blocks of L keys that the token sees, segment by segment.
        latency_cycles: of the memory.

    Raises:
        ArgumentError: an accelerator without attention, or no block.
    """
    if config.attention is None:
        raise ArgumentError("attention", None, "given: the accelerator has none")
    if not visible_blocks or min(visible_blocks) < 1:
        raise ArgumentError("visible_blocks", list(visible_blocks), "at least 1 in each segment")
    section = [
        *_project(config, config.attention),
        *_attend(config.attention, visible_blocks),
        *_multiply(config.hidden_words, config.query_words),
        Instruction(Opcode.ADD, rows=config.hidden_words),
        Instruction(Opcode.STORE, rows=config.hidden_words),
    ]
    return sum(count_cycles(config, one, latency_cycles, latency_cycles) for one in section)


def _project(config: AcceleratorConfig, attention: AttentionConfig) -> Iterator[Instruction]:
    """Norm, query, key and value, and the two to the cache."""
    hidden, query, key = config.hidden_words, config.query_words, config.key_words
    yield Instruction(Opcode.LOAD, rows=hidden)
    yield Instruction(Opcode.LOAD, rows=hidden)
    yield Instruction(Opcode.NORM, rows=hidden)
    for words in (query, key):
        yield from _multiply(words, hidden)
        yield Instruction(Opcode.LOAD, rows=config.count_words(attention.head_dim))
        yield Instruction(Opcode.ROPE, rows=words)
    yield from _multiply(key, hidden)
    yield Instruction(Opcode.STORE_KEY, rows=key)
    yield Instruction(Opcode.STORE_VALUE, rows=key)


def _multiply(rows: int, columns: int) -> Iterator[Instruction]:
    yield Instruction(Opcode.LOAD, rows=rows)
    yield Instruction(Opcode.GEMV, rows=rows, columns=columns)


def _attend(attention: AttentionConfig, visible_blocks: Sequence[int]) -> Iterator[Instruction]:
    """Scores and contexts of every group, a request for each run of blocks."""
    most = MAX_REQUEST_BEATS // attention.key_size
    runs = [
        min(most, blocks - first) for blocks in visible_blocks for first in range(0, blocks, most)
    ]
    for _ in range(attention.group_size):
        for opcode in (Opcode.SCORES, Opcode.CONTEXT):
            for index, blocks in enumerate(runs):
                options = join_options(is_final=int(index == len(runs) - 1))
                yield Instruction(opcode, rows=blocks, reserved=options)
