"""The rules of instructions in plain Python, written from docs/accelerator.md alone."""

from __future__ import annotations

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, get_buffer_words


def check(
    config: AcceleratorConfig,
    instruction: Instruction,
    num_slots: int,
    is_distance: bool,
    is_claimed: bool,
) -> int:
    """The lowest error code that applies, 0 if none does."""
    one = instruction
    if one.opcode not in set(Opcode) or one.opcode == (
        Opcode.SCORE if is_distance else Opcode.DISTANCE
    ):
        return 1
    decides = one.opcode in (Opcode.DECIDE, Opcode.SCORE, Opcode.DISTANCE)
    if one.predicate == 3 or (one.predicate and (decides or one.opcode <= Opcode.END)):
        return 2
    if one.opcode not in (Opcode.BEGIN, Opcode.THRESHOLD, Opcode.END) and one.slot >= num_slots:
        return 3
    if not all(1 <= length <= limit for length, limit in list_lengths(config, one)):
        return 4
    if one.reserved:
        return 5
    if is_bad_buffer(one):
        return 6
    return 9 if decides and is_claimed else 0


def list_lengths(config: AcceleratorConfig, one: Instruction) -> list[tuple[int, int]]:
    """Every length of an instruction with its limit."""

    def words(*buffers: int) -> int:
        """Capacity of the smallest; a buffer that does not exist limits nothing."""
        return min(get_buffer_words(config, Buffer(b)) if b < 7 else 4095 for b in buffers)

    vector = [(one.rows, words(Buffer.X))]
    product = [(one.rows, words(one.target, Buffer.P)), (one.columns, words(one.source))]
    lengths = {
        Opcode.BEGIN: [(one.rows, config.num_slots)],
        Opcode.LOAD: [(one.rows, words(one.target))],
        Opcode.STORE: [(one.rows, words(one.source))],
        Opcode.GEMV: product,
        Opcode.GEMV_SILU: [*product, (one.rows, words(Buffer.G))],
        Opcode.SCORE: [(one.rows, words(Buffer.H, Buffer.K))],
        **dict.fromkeys((Opcode.NORM, Opcode.ADD, Opcode.DISTANCE), vector),
    }
    return lengths.get(Opcode(one.opcode), [])


def is_bad_buffer(one: Instruction) -> bool:
    """Whether a buffer does not exist, or a product would overwrite or reread what it reads."""
    if one.opcode == Opcode.LOAD:
        return one.target == 7
    if one.opcode == Opcode.STORE:
        return one.source == 7
    if one.opcode in (Opcode.GEMV, Opcode.GEMV_SILU):
        pair = (one.target, one.source)
        if one.opcode == Opcode.GEMV_SILU and one.source == Buffer.G:
            return True
        return 7 in pair or Buffer.P in pair or one.target == one.source
    return False
