"""What docs/accelerator.md asks of a program with attention, checked without running it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    decode,
    get_buffer_words,
    join_options,
)

HAS = {
    Opcode.STORE_VALUE: {"lane"},
    Opcode.CONTEXT: {"is_fresh", "is_final"},
    Opcode.PICK: {"is_fresh", "is_final"},
}


WRITERS = (Opcode.LOAD, Opcode.EMBED, Opcode.GEMV, Opcode.GEMV_SILU, Opcode.ROPE)


@dataclass
class Order:
    """What the order rules remember of a core."""

    is_open: bool = False
    is_final: bool = False
    is_normed: bool = False
    num_ids: int = 0


def check_attention(config: AcceleratorConfig, words: Sequence[int], num_beats: int) -> None:
    """Assert lengths, options, addresses and order rules of a program, core by core."""
    picked: dict[int, int] = {}
    cores = [Order() for _ in range(config.num_cores)]
    for one in map(decode, words):
        order = cores[one.slot % config.num_cores]
        if one.opcode >= Opcode.EMBED:
            assert one.predicate == Predicate.ALWAYS
            assert one.address + count_beats(config, one, picked) <= num_beats
            check_form(config, one)
            check_order(config, one, order, picked)
        is_writing = one.opcode in WRITERS and one.target == Buffer.X
        if one.opcode == Opcode.ADD or is_writing:
            # Under a predicate it may be any core.
            for writer in cores if one.predicate == Predicate.IF_COMPUTE else [order]:
                writer.is_normed = False
        elif one.opcode == Opcode.NORM and one.predicate == Predicate.ALWAYS:
            order.is_normed = True


def check_order(
    config: AcceleratorConfig, one: Instruction, order: Order, picked: dict[int, int]
) -> None:
    """Assert the order rules, and go on with what they remember."""
    options = one.options
    if one.opcode == Opcode.SCORES and not options["is_unweighted"]:
        assert options["is_fresh"] or order.is_open
        order.is_final = bool(options["is_final"])
        order.is_open = not order.is_final
    elif one.opcode == Opcode.CONTEXT:
        assert order.is_final
    elif one.opcode == Opcode.PICK:
        assert order.is_normed
        before = 0 if options["is_fresh"] else order.num_ids
        order.num_ids = before + one.rows * config.num_lanes
        if options["is_final"]:
            picked[one.slot] = order.num_ids
    elif one.opcode == Opcode.EMBED:
        assert one.slot in picked


def check_form(config: AcceleratorConfig, one: Instruction) -> None:
    """Lengths and options of an instruction."""
    attention, options = config.attention, one.options
    assert attention is not None
    if one.opcode != Opcode.SCORES:
        own = {name: options[name] for name in HAS.get(Opcode(one.opcode), set())}
        assert one.reserved == join_options(**own)
    assert options["lane"] < config.num_lanes
    lists: dict[int, list[int]] = {
        Opcode.EMBED: [one.target],
        Opcode.ROPE: [one.target, Buffer.G],
        Opcode.STORE_KEY: [one.source],
        Opcode.STORE_VALUE: [one.source],
        Opcode.PICK: [Buffer.P, Buffer.G],
    }
    for buffer in lists.get(one.opcode, []):
        assert 1 <= one.rows <= get_buffer_words(config, Buffer(buffer))
    if one.opcode in (Opcode.SCORES, Opcode.CONTEXT):
        assert one.group < attention.group_size
        words = one.columns + one.rows * attention.num_key_value_heads
        assert one.rows >= 1
        assert words <= attention.score_words
    if one.opcode == Opcode.SCORES:
        last = options["last_lane"]
        assert last < config.num_lanes
        assert options["first_lane"] <= (last if one.rows == 1 else config.num_lanes - 1)
        assert one.tap_distance < one.rows
        largest = attention.head_dim * 128 * 32768 * one.multiplier >> one.shift
        assert largest < 1 << 23
        assert not (options["decides"] and not options["is_tapped"])
    if one.opcode == Opcode.PICK:
        assert 1 <= one.columns <= get_buffer_words(config, Buffer.N)


def count_beats(config: AcceleratorConfig, one: Instruction, picked: dict[int, int]) -> int:
    """Beats from the address on that an instruction may touch."""
    attention = config.attention
    assert attention is not None
    words_of_head = attention.head_dim // config.num_lanes
    heads = -(-one.rows // words_of_head)
    return {
        Opcode.EMBED: 2 * one.rows + ((picked.get(one.slot, 1) - 1) << one.shift),
        Opcode.ROPE: 0,
        Opcode.STORE_KEY: heads * attention.head_dim,
        Opcode.STORE_VALUE: one.rows * config.num_lanes,
        Opcode.SCORES: one.rows * attention.key_size,
        Opcode.CONTEXT: one.rows * attention.key_size,
        Opcode.PICK: one.rows * config.num_lanes * one.columns,
    }[Opcode(one.opcode)]
