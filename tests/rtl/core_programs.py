"""Programs and memories for one core: slots of docs/accelerator.md, and any legal instruction."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import (
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    get_buffer_words,
    join_options,
)
from fastcar.rtl.instruction_form import STORE_BYTE_OPCODES

NUM_BEATS = 1024
"""Beats of a test memory; addresses of loads wrap around far below it."""
PRODUCTS = (Opcode.GEMV, Opcode.GEMV_SILU)

LONG_HEADS = replace(
    TINY,
    num_lanes=8,
    hidden_size=24,
    query_size=64,
    attention=AttentionConfig(4, 2, 16, max_blocks=4),
)
"""Two key heads of two beats, by lanes."""


def make_memory(config: AcceleratorConfig, random: Random) -> dict[int, int]:
    """Beats of random bytes, some of them extreme."""
    memory = {}
    for address in range(NUM_BEATS):
        beat = random.getrandbits(config.beat_bits)
        extreme = random.choice((0, (1 << config.beat_bits) - 1, 1 << (config.beat_bits - 1), beat))
        memory[address] = extreme if random.random() < 0.1 else beat
    return memory


def list_loads(config: AcceleratorConfig, random: Random) -> list[Instruction]:
    """Every buffer filled."""
    return [load(config, random, buffer, get_buffer_words(config, buffer)) for buffer in Buffer]


def load(
    config: AcceleratorConfig, random: Random, target: Buffer, rows: int, slot: int = 0
) -> Instruction:
    """LOAD from anywhere."""
    address = random.randrange(NUM_BEATS - 2 * rows)
    return Instruction(Opcode.LOAD, slot=slot, target=target, rows=rows, address=address)


def list_score(config: AcceleratorConfig, random: Random, slot: int) -> list[Instruction]:
    """LOAD H; LOAD K; SCORE."""
    rows = config.query_words
    return [
        load(config, random, Buffer.H, rows, slot),
        load(config, random, Buffer.K, rows, slot),
        Instruction(Opcode.SCORE, slot=slot, rows=rows),
    ]


def list_distance(config: AcceleratorConfig, random: Random, slot: int) -> list[Instruction]:
    """LOAD X; LOAD P; NORM; LOAD K; DISTANCE."""
    rows = config.hidden_words
    return [
        load(config, random, Buffer.X, rows, slot),
        load(config, random, Buffer.P, rows, slot),
        norm(config, random, slot),
        load(config, random, Buffer.K, rows, slot),
        Instruction(Opcode.DISTANCE, slot=slot, rows=rows),
    ]


def norm(config: AcceleratorConfig, random: Random, slot: int) -> Instruction:
    """NORM with an E of any size that leaves the sum below 2^47."""
    epsilon = max(1, random.getrandbits(random.randrange(46)))
    return Instruction(
        Opcode.NORM,
        slot=slot,
        rows=config.hidden_words,
        multiplier=epsilon >> 32,
        address=epsilon & 0xFFFFFFFF,
    )


def list_computed_slot(config: AcceleratorConfig, random: Random, slot: int) -> list[Instruction]:
    """The MLP phase of a slot that computes, with STORE N."""
    hidden, inner = config.hidden_words, config.intermediate_words
    return [
        load(config, random, Buffer.X, hidden, slot),
        load(config, random, Buffer.P, hidden, slot),
        norm(config, random, slot),
        load(config, random, Buffer.P, inner, slot),
        product(config, random, Opcode.GEMV, Buffer.G, Buffer.N, inner, hidden, slot),
        load(config, random, Buffer.P, inner, slot),
        product(config, random, Opcode.GEMV_SILU, Buffer.H, Buffer.N, inner, hidden, slot),
        load(config, random, Buffer.P, hidden, slot),
        product(config, random, Opcode.GEMV, Buffer.Y, Buffer.H, hidden, inner, slot),
        store(random, Buffer.Y, hidden, slot),
        store(random, Buffer.N, hidden, slot),
        Instruction(Opcode.ADD, Predicate.IF_COMPUTE, slot, rows=hidden),
        store(random, Buffer.X, hidden, slot, is_last=1),
    ]


def list_replayed_slot(config: AcceleratorConfig, random: Random, slot: int) -> list[Instruction]:
    """LOAD X; LOAD Y; ADD; STORE X."""
    rows = config.hidden_words
    return [
        load(config, random, Buffer.X, rows, slot),
        load(config, random, Buffer.Y, rows, slot),
        Instruction(Opcode.ADD, Predicate.IF_REPLAY, slot, rows=rows),
        store(random, Buffer.X, rows, slot, is_last=1),
    ]


def store(
    random: Random, source: Buffer, rows: int, slot: int = 0, is_last: int = 0
) -> Instruction:
    """STORE to anywhere."""
    address = random.randrange(NUM_BEATS - 2 * rows)
    return Instruction(
        Opcode.STORE, slot=slot, source=source, rows=rows, address=address, is_last=is_last
    )


def store_bytes(
    config: AcceleratorConfig,
    random: Random,
    opcode: Opcode,
    source: Buffer,
    rows: int,
    slot: int = 0,
    is_last: int = 0,
) -> Instruction:
    """STORE_KEY or STORE_VALUE to anywhere."""
    assert config.attention is not None
    heads = -(-rows * config.num_lanes // config.attention.head_dim)
    size = heads * config.attention.head_dim
    # One that the beat has, or any that the field holds.
    lane = random.randrange(random.choice((config.num_lanes, 32)))
    return Instruction(
        opcode,
        slot=slot,
        source=source,
        rows=rows,
        address=random.randrange(NUM_BEATS - size),
        is_last=is_last,
        reserved=join_options(lane=lane if opcode == Opcode.STORE_VALUE else 0),
    )


def product(
    config: AcceleratorConfig,
    random: Random,
    opcode: Opcode,
    target: Buffer,
    source: Buffer,
    rows: int,
    columns: int,
    slot: int = 0,
) -> Instruction:
    """GEMV or GEMV_SILU with shifts that mostly do not saturate."""
    return Instruction(
        opcode,
        slot=slot,
        target=target,
        source=source,
        rows=rows,
        columns=columns,
        shift=random.choice((0, 20, 22, 24, 26, 47, 63)),
        gate_shift=random.randrange(4),
        hidden_shift=random.choice((0, 24, 28, 32, 47, 63)),
        multiplier=random.getrandbits(16),
        address=random.randrange(max(1, NUM_BEATS - rows * config.num_lanes * columns)),
    )


def draw_instruction(config: AcceleratorConfig, random: Random) -> Instruction:
    """Any instruction that the dispatcher lets pass, with any lengths."""
    opcodes = [one for one in Opcode if one.is_for_core and not one.is_for_attention]
    if config.attention is not None:
        opcodes += STORE_BYTE_OPCODES
    opcode = random.choice(opcodes)
    hidden, query = config.hidden_words, config.query_words
    slot = random.randrange(32)
    buffer = random.choice(list(Buffer))
    rows = random.randint(1, get_buffer_words(config, buffer))
    if opcode == Opcode.LOAD:
        return load(config, random, buffer, rows, slot)
    if opcode == Opcode.STORE:
        return store(random, buffer, rows, slot, is_last=random.getrandbits(1))
    if opcode in STORE_BYTE_OPCODES:
        return store_bytes(config, random, opcode, buffer, rows, slot, random.getrandbits(1))
    if opcode == Opcode.NORM:
        return replace(norm(config, random, slot), rows=random.randint(1, hidden))
    if opcode in PRODUCTS:
        return draw_product(config, random, opcode, slot)
    limit = query if opcode == Opcode.SCORE else hidden
    return Instruction(
        opcode, slot=slot, rows=random.randint(1, limit), is_last=random.getrandbits(1)
    )


def draw_product(
    config: AcceleratorConfig, random: Random, opcode: Opcode, slot: int
) -> Instruction:
    """GEMV between any two buffers; P is neither, and GEMV_SILU does not multiply G."""
    sources = [b for b in Buffer if b != Buffer.P and (b, opcode) != (Buffer.G, Opcode.GEMV_SILU)]
    source = random.choice(sources)
    target = random.choice([buffer for buffer in Buffer if buffer not in (source, Buffer.P)])
    limit = min(get_buffer_words(config, buffer) for buffer in (target, Buffer.P, Buffer.G))
    rows = random.randint(1, limit)
    columns = random.randint(1, get_buffer_words(config, source))
    return product(config, random, opcode, target, source, rows, columns, slot)
