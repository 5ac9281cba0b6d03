"""The rules of instructions in plain Python, written from docs/accelerator.md alone."""

from __future__ import annotations

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, get_buffer_words

ALLOWED_RESERVED = {
    Opcode.STORE_VALUE: 0b11111 << 10,
    Opcode.SCORES: (1 << 20) - 1,
    Opcode.CONTEXT: 0b11 << 15,
    Opcode.PICK: 0b11 << 15,
}
"""Options, as the table in section 8 has them."""


def check(
    config: AcceleratorConfig,
    instruction: Instruction,
    num_slots: int,
    is_distance: bool,
    is_claimed: bool,
) -> int:
    """The lowest error code that applies, 0 if none does."""
    one = instruction
    has_attention = config.attention is not None
    if one.opcode not in set(Opcode) or (one.opcode >= Opcode.EMBED and not has_attention):
        return 1
    is_score = one.opcode == Opcode.SCORE or (
        one.opcode == Opcode.SCORES and bool(one.options["decides"])
    )
    if is_score if is_distance else one.opcode == Opcode.DISTANCE:
        return 1
    decides = is_score or one.opcode in (Opcode.DECIDE, Opcode.DISTANCE)
    must_be_always = decides or one.opcode <= Opcode.END or one.opcode >= Opcode.EMBED
    if one.predicate == 3 or (one.predicate and must_be_always):
        return 2
    if one.opcode not in (Opcode.BEGIN, Opcode.THRESHOLD, Opcode.END) and one.slot >= num_slots:
        return 3
    if not all(1 <= length <= limit for length, limit in list_lengths(config, one)):
        return 4
    if one.reserved & ~ALLOWED_RESERVED.get(Opcode(one.opcode), 0):
        return 5
    if is_bad_buffer(config, one):
        return 6
    return 9 if decides and is_claimed else 0


def list_lengths(config: AcceleratorConfig, one: Instruction) -> list[tuple[int, int]]:
    """Every length of an instruction with its limit."""

    def words(*buffers: int) -> int:
        """Capacity of the smallest; a buffer that does not exist limits nothing."""
        return min(get_buffer_words(config, Buffer(b)) if b < 7 else 4095 for b in buffers)

    vector = [(one.rows, words(Buffer.X))]
    product = [(one.rows, words(one.target, Buffer.P)), (one.columns, words(one.source))]
    attention = config.attention
    blocks = []
    if attention is not None:
        # The first word of the score buffer is counted from 0, so one more of them is compared.
        blocks = [(one.rows, attention.max_blocks), (one.columns + 1, attention.score_words)]
    lengths = {
        Opcode.BEGIN: [(one.rows, config.num_slots)],
        Opcode.LOAD: [(one.rows, words(one.target))],
        Opcode.STORE: [(one.rows, words(one.source))],
        Opcode.GEMV: product,
        Opcode.GEMV_SILU: [*product, (one.rows, words(Buffer.G))],
        Opcode.SCORE: [(one.rows, words(Buffer.H, Buffer.K))],
        Opcode.EMBED: [(one.rows, words(one.target))],
        Opcode.ROPE: [(one.rows, words(one.target, Buffer.G))],
        Opcode.STORE_KEY: [(one.rows, words(one.source))],
        Opcode.STORE_VALUE: [(one.rows, words(one.source))],
        Opcode.SCORES: blocks,
        Opcode.CONTEXT: blocks,
        Opcode.PICK: [(one.rows, words(Buffer.P, Buffer.G)), (one.columns, words(Buffer.N))],
        **dict.fromkeys((Opcode.NORM, Opcode.ADD, Opcode.DISTANCE), vector),
    }
    return lengths.get(Opcode(one.opcode), [])


def is_bad_buffer(config: AcceleratorConfig, one: Instruction) -> bool:
    """Whether a buffer does not exist, or a product would overwrite or reread what it reads."""
    if one.opcode in (Opcode.LOAD, Opcode.EMBED):
        return one.target == 7
    if one.opcode in (Opcode.STORE, Opcode.STORE_KEY, Opcode.STORE_VALUE):
        return one.source == 7
    if one.opcode == Opcode.ROPE:
        return one.target in (Buffer.G, Buffer.P, 7)
    if one.opcode in (Opcode.SCORES, Opcode.CONTEXT):
        assert config.attention is not None
        return one.target * 8 + one.source >= config.attention.group_size
    if one.opcode in (Opcode.GEMV, Opcode.GEMV_SILU):
        pair = (one.target, one.source)
        if one.opcode == Opcode.GEMV_SILU and one.source == Buffer.G:
            return True
        return 7 in pair or Buffer.P in pair or one.target == one.source
    return False
