"""Instructions and programs of the accelerator, legal and not."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from fastcar.cosim.program.random_attention import AttentionDrawer
from fastcar.cosim.program.random_program import count_beats, draw_program
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    FIELDS,
    INSTRUCTION_BITS,
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    encode,
    get_buffer_words,
)

MEMORY_BEATS = 512
"""Of the memory that drawn programs run on, where nothing else is said."""


def instructions() -> st.SearchStrategy[Instruction]:
    """Any instruction with a named opcode and predicate; all other bits are free, legal or not.

    >>> from hypothesis import find
    >>> find(instructions(), lambda one: one.rows > 7).rows > 7
    True
    """
    values = {name: st.integers(0, (1 << bits) - 1) for name, bits in FIELDS[2:]}
    return st.builds(
        lambda opcode, predicate, values: Instruction(opcode, predicate, **values),
        st.sampled_from(Opcode),
        st.sampled_from(Predicate),
        st.fixed_dictionaries({}, optional=values),
    )


def instruction_words() -> st.SearchStrategy[int]:
    """Any 128 bits, those of `instructions` more often.

    >>> from hypothesis import find
    >>> 99 < find(instruction_words(), lambda word: word > 99) < 2**128
    True
    """
    return st.integers(0, (1 << INSTRUCTION_BITS) - 1) | instructions().map(encode)


@st.composite
def core_instructions(
    draw: st.DrawFn,
    config: AcceleratorConfig,
    slot: int = 0,
    predicate: Predicate = Predicate.ALWAYS,
    memory_beats: int = MEMORY_BEATS,
) -> Instruction:
    """Any legal instruction of a core that decides nothing; short ones more often.

    Args:
        draw: of Hypothesis.
        config: sizes of the accelerator.
        slot: of the instruction.
        predicate: likewise.
        memory_beats: of the memory; addresses lie in its first half.

    >>> from hypothesis import find
    >>> from fastcar.rtl.config import TINY
    >>> find(core_instructions(TINY), lambda one: one.opcode == Opcode.LOAD).rows >= 1
    True
    """
    opcode = draw(
        st.sampled_from(
            [Opcode.ADD, Opcode.LOAD, Opcode.STORE, Opcode.NORM, Opcode.GEMV, Opcode.GEMV_SILU]
        )
    )

    def words(*buffers: Buffer) -> int:
        return draw(st.integers(1, min(get_buffer_words(config, buffer) for buffer in buffers)))

    common = {"predicate": predicate, "slot": slot, "is_last": draw(st.integers(0, 1))}
    address = draw(st.integers(0, memory_beats // 2))
    if opcode == Opcode.LOAD:
        target = draw(st.sampled_from(Buffer))
        return Instruction(opcode, target=target, rows=words(target), address=address, **common)
    if opcode == Opcode.STORE:
        source = draw(st.sampled_from(Buffer))
        return Instruction(opcode, source=source, rows=words(source), address=address, **common)
    if opcode == Opcode.NORM:
        return Instruction(opcode, rows=words(Buffer.X, Buffer.P), address=1, **common)
    if opcode == Opcode.ADD:
        return Instruction(opcode, rows=words(Buffer.X, Buffer.Y), **common)
    target, source = draw(
        st.sampled_from([(Buffer.G, Buffer.N), (Buffer.H, Buffer.N), (Buffer.Y, Buffer.H)])
    )
    gate = [Buffer.G] if opcode == Opcode.GEMV_SILU else []
    if gate and target == Buffer.G:
        target = Buffer.H
    return Instruction(
        opcode,
        target=target,
        source=source,
        rows=words(target, Buffer.P, *gate),
        columns=words(source),
        shift=20,
        **common,
    )


@st.composite
def programs(
    draw: st.DrawFn, config: AcceleratorConfig, memory_beats: int | None = None
) -> list[Instruction]:
    """Legal programs that no compiler writes: any order, any slot last, undecided slots at the end.

    Those of an accelerator with attention have blocks of its opcodes that keep the order rules. An
    instruction that waits for a decision stands behind all that brings it. A run may leave
    records open: they do not go on in the next one.

    Args:
        draw: of Hypothesis.
        config: sizes of the accelerator.
        memory_beats: of the memory; None = MEMORY_BEATS, with attention as many as
            `fastcar.cosim.program.random_program.count_beats` says, and no fewer.

    Raises:
        ArgumentError: attention needs a larger memory.

    >>> from hypothesis import find
    >>> from fastcar.rtl.config import TINY
    >>> program = find(programs(TINY), lambda program: len(program) == 3)
    >>> Opcode(program[0].opcode).name, Opcode(program[-1].opcode).name
    ('BEGIN', 'END')
    """
    memory_beats = _choose_beats(config, memory_beats)
    num_slots = draw(st.integers(1, config.num_slots))
    is_distance = draw(st.booleans())
    options = draw(st.integers(0, 1)) + 2 * is_distance
    program = [Instruction(Opcode.BEGIN, rows=num_slots, shift=options)]
    measure = Opcode.DISTANCE if is_distance else Opcode.SCORE
    buffers = (Buffer.N if is_distance else Buffer.H, Buffer.K)
    most_words = min(get_buffer_words(config, buffer) for buffer in buffers)
    undecided = set(range(num_slots))
    attention = None
    if config.attention is not None:
        attention = AttentionDrawer(config, memory_beats, Random(draw(st.integers(0, 2**32))))
    for _ in range(draw(st.integers(1, 30))):
        kind = draw(st.sampled_from(["work", "work", "work", "work", "decide", "decide", "drain"]))
        slot = draw(st.integers(0, num_slots - 1))
        if kind == "drain":
            program.append(Instruction(Opcode.THRESHOLD, address=draw(st.integers(0, 9))))
        elif kind == "decide":
            if slot not in undecided:
                continue
            undecided.remove(slot)
            if attention is not None and not is_distance and draw(st.booleans()):
                program += attention.draw_tap(slot)
            elif draw(st.booleans()):
                program.append(Instruction(Opcode.DECIDE, slot=slot, rows=draw(st.integers(0, 1))))
            else:
                is_last = draw(st.integers(0, 1))
                rows = draw(st.integers(1, most_words))
                program.append(Instruction(measure, slot=slot, rows=rows, is_last=is_last))
        elif attention is not None and draw(st.booleans()):
            program += attention.draw_block(slot)
        else:
            is_decided = slot < min(undecided, default=num_slots)
            predicates = list(Predicate) if is_decided else [Predicate.ALWAYS]
            predicate = draw(st.sampled_from(predicates))
            program.append(draw(core_instructions(config, slot, predicate, memory_beats)))
    return [*program, Instruction(Opcode.END)]


def _choose_beats(config: AcceleratorConfig, memory_beats: int | None) -> int:
    """What is given, or as many as are needed."""
    needed = MEMORY_BEATS if config.attention is None else count_beats(config)
    if memory_beats is None:
        return needed
    if config.attention is not None and memory_beats < needed:
        raise ArgumentError("memory_beats", memory_beats, f"at least {needed} with attention")
    return memory_beats


@st.composite
def program_words(draw: st.DrawFn, config: AcceleratorConfig) -> tuple[int, ...]:
    """Programs of all opcodes in any order, now and then with a bit that makes one illegal.

    They need not compute anything sensible; addresses stay in a memory of
    `fastcar.cosim.program.random_program.count_beats(config)` beats, but for a fault.

    Args:
        draw: of Hypothesis.
        config: sizes of the accelerator.

    >>> from hypothesis import find
    >>> from fastcar.rtl.config import TINY
    >>> len(find(program_words(TINY), lambda words: True)) >= 5
    True
    """
    return draw_program(config, count_beats(config), Random(draw(st.integers(0, 2**32))))
