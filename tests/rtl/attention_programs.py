"""Programs of attention for one core: whole sections, and runs of blocks of every kind."""

from __future__ import annotations

from random import Random

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    Buffer,
    Instruction,
    Opcode,
    join_options,
    split_group,
    split_tap_distance,
)
from tests.rtl.core_programs import NUM_BEATS, load, norm, store

LOGIT_BITS = 24


def draw_logit_scale(config: AcceleratorConfig, random: Random) -> dict[str, int]:
    """multiplier and shift with which any query and any int8 give a logit of 24 bits."""
    assert config.attention is not None
    largest = config.attention.head_dim << 22
    multiplier = random.getrandbits(random.choice((1, 8, 16)))
    least = max(0, (largest * multiplier).bit_length() - LOGIT_BITS + 1)
    return {"multiplier": multiplier, "shift": random.randint(least, min(63, least + 9))}


def list_scores_and_context(
    config: AcceleratorConfig, random: Random, slot: int = 0, decides: bool = True
) -> list[Instruction]:
    """Segments of random blocks for every group, tapped somewhere, then their contexts."""
    attention = config.attention
    assert attention is not None
    program = [load(config, random, Buffer.H, config.query_words, slot)]
    scale = draw_logit_scale(config, random)
    for group in range(attention.group_size):
        program += list_segments(config, random, slot, group, scale)
    if decides:
        program.append(draw_tap(config, random, slot, scale))
    rows = config.query_words
    return [*program, store(random, Buffer.G, rows, slot, is_last=1)]


def list_segments(
    config: AcceleratorConfig, random: Random, slot: int, group: int, scale: dict[str, int]
) -> list[Instruction]:
    """SCORES and CONTEXT of one group."""
    attention, lanes = config.attention, config.num_lanes
    assert attention is not None
    heads = attention.num_key_value_heads
    num_segments = random.choice((1, 1, 2, 3))
    most = max(1, attention.max_blocks // num_segments)
    sizes = [random.randint(1, most) for _ in range(num_segments)]
    scores, contexts, word = [], [], 0
    for number, blocks in enumerate(sizes):
        first = random.randrange(lanes)
        last = random.randrange(first if blocks == 1 else 0, lanes)
        ends = {"is_fresh": int(number == 0), "is_final": int(number == num_segments - 1)}
        common = {"slot": slot, "rows": blocks, "columns": word * heads}
        tap = split_tap_distance(random.randrange(blocks))
        options = join_options(
            first_lane=first,
            last_lane=last,
            lane=random.randrange(lanes),
            is_tapped=random.getrandbits(1),
            **ends,
        )
        places = (draw_blocks(config, random, blocks) for _ in range(2))
        keys, values = places
        scores.append(
            Instruction(
                Opcode.SCORES,
                **common,
                **scale,
                **tap,
                **split_group(group),
                address=keys,
                reserved=options,
            )
        )
        contexts.append(
            Instruction(
                Opcode.CONTEXT,
                **common,
                **split_group(group),
                address=values,
                reserved=join_options(**ends),
            )
        )
        word += blocks
    return scores + contexts


def draw_blocks(config: AcceleratorConfig, random: Random, blocks: int) -> int:
    """Address of so many blocks, of which some may lie behind the memory."""
    assert config.attention is not None
    return random.randrange(max(1, NUM_BEATS - blocks * config.attention.key_size))


def draw_tap(
    config: AcceleratorConfig, random: Random, slot: int, scale: dict[str, int]
) -> Instruction:
    """The SCORES that decides, of one block, without weights."""
    options = join_options(
        lane=random.randrange(config.num_lanes), is_tapped=1, decides=1, is_unweighted=1
    )
    return Instruction(
        Opcode.SCORES,
        slot=slot,
        rows=1,
        reserved=options,
        address=draw_blocks(config, random, 1),
        **scale,
    )


def list_turn(config: AcceleratorConfig, random: Random, slot: int = 0) -> list[Instruction]:
    """ROPE of the query or of the key, and what it leaves."""
    is_key = bool(random.getrandbits(1))
    rows = random.randint(1, config.key_words if is_key else config.query_words)
    target = random.choice((Buffer.H, Buffer.K))
    constants = {"multiplier": 65026, "shift": 38} if is_key else {"multiplier": 1, "shift": 14}
    if random.getrandbits(1):
        constants = {"multiplier": random.getrandbits(16), "shift": random.randrange(64)}
    return [
        load(config, random, Buffer.G, rows, slot),
        load(config, random, Buffer.P, max(config.key_words, 1), slot),
        Instruction(
            Opcode.ROPE, slot=slot, target=target, rows=rows, gate_shift=int(is_key), **constants
        ),
        store(random, target, rows, slot, is_last=1),
    ]


def list_pick(config: AcceleratorConfig, random: Random, slot: int = 0) -> list[Instruction]:
    """NORM, PICK in one or two parts, then EMBED."""
    hidden, rows = config.hidden_words, config.intermediate_words
    program = [
        load(config, random, Buffer.X, hidden, slot),
        load(config, random, Buffer.P, hidden, slot),
        norm(config, random, slot),
    ]
    num_parts = random.choice((1, 2, 3))
    for part in range(num_parts):
        rows = random.randint(1, config.intermediate_words)
        options = {"is_fresh": int(part == 0), "is_final": int(part == num_parts - 1)}
        program += [
            load(config, random, Buffer.P, rows, slot),
            load(config, random, Buffer.G, rows, slot),
            Instruction(
                Opcode.PICK,
                slot=slot,
                rows=rows,
                columns=random.randint(1, hidden),
                shift=random.choice((16, 20, 24, 28, 47)),
                address=random.randrange(NUM_BEATS // 2),
                reserved=join_options(**options),
                is_last=options["is_final"],
            ),
        ]
    return [
        *program,
        Instruction(
            Opcode.EMBED,
            slot=slot,
            target=Buffer.X,
            rows=hidden,
            shift=random.choice((0, 1, 3, 31, 63)),
            address=random.randrange(NUM_BEATS // 2),
        ),
        store(random, Buffer.X, hidden, slot, is_last=1),
    ]
