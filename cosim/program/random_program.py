"""Random programs: legal instructions in any order, and now and then a bit that makes one illegal.

They need not compute anything sensible: their purpose is that simulators of the same hardware go
through as many of its states as possible.
"""

from __future__ import annotations

from random import Random

from fastcar.cosim.program.random_attention import AttentionDrawer, count_attention_beats
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    FIELD_BITS,
    FLOW_BIT,
    INSTRUCTION_BITS,
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    encode,
    get_buffer_words,
)

MAX_BODY_INSTRUCTIONS = 24
MAX_NORM_BITS = 45
"""Of the value of NORM: the sum of squares and the value stay below 2^47."""
FULL_LENGTH_PROBABILITY = 0.3
FAULT_PROBABILITY = 0.15
ATTENTION_PROBABILITY = 0.4
"""Of a block of attention in place of one other instruction, where there is an attention phase."""

_PRODUCTS = (Opcode.GEMV, Opcode.GEMV_SILU)
_BODY = (
    *(Opcode.LOAD, Opcode.STORE, Opcode.NORM, Opcode.GEMV, Opcode.GEMV_SILU, Opcode.ADD),
    *(Opcode.LOAD, Opcode.STORE),
)


def draw_program(config: AcceleratorConfig, num_beats: int, random: Random) -> tuple[int, ...]:
    """Draw a program.

    Args:
        config: sizes of the accelerator.
        num_beats: of the memory, as `count_beats` says or more; addresses stay below it but for a
            fault.
        random: what draws.

    Returns:
        128-bit words, from BEGIN to END.
    """
    program = _Drawer(config, num_beats, random).draw()
    if random.random() < FAULT_PROBABILITY:
        place = random.randrange(len(program))
        program[place] ^= 1 << random.randrange(INSTRUCTION_BITS)
    return tuple(program)


def count_beats(config: AcceleratorConfig) -> int:
    """Beats of a memory that holds the largest matrix, at more than one address.

    >>> from fastcar.rtl.config import TINY
    >>> count_beats(TINY)
    512
    """
    words = max(get_buffer_words(config, buffer) for buffer in Buffer)
    attention = count_attention_beats(config)
    return max(512, 2 * words * words * config.num_lanes, 4 * attention)


def list_loads(config: AcceleratorConfig) -> tuple[int, ...]:
    """A program that fills every buffer of every core from the start of the memory.

    Buffers are memories without reset: what a simulator finds in them after power-up is its own.
    """
    program = [encode(Instruction(Opcode.BEGIN, rows=config.num_slots))]
    for slot in range(config.num_slots):
        program += [
            encode(_load(buffer, get_buffer_words(config, buffer), slot)) for buffer in Buffer
        ]
    return (*program, encode(Instruction(Opcode.END)))


def _load(buffer: Buffer, words: int, slot: int) -> Instruction:
    return Instruction(Opcode.LOAD, slot=slot, target=buffer, rows=words)


class _Drawer:
    """Draws one program."""

    def __init__(self, config: AcceleratorConfig, num_beats: int, random: Random) -> None:
        self.config, self.num_beats, self.random = config, num_beats, random
        self.num_slots = random.randint(1, config.num_slots)
        self.is_distance = random.random() < 0.5
        self.attention = None
        if config.attention is not None:
            self.attention = AttentionDrawer(config, num_beats, random)

    def draw(self) -> list[int]:
        """One layer, with attention perhaps two of which the second may flow, and END."""
        program = self.draw_layer()
        if self.attention is not None and self.random.getrandbits(1):
            self.is_distance = bool(self.random.getrandbits(1))
            program += self.draw_layer(self.random.getrandbits(1))
        return [encode(one) for one in (*program, Instruction(Opcode.END))]

    def draw_layer(self, flows: int = 0) -> list[Instruction]:
        """BEGIN, THRESHOLD, decisions, instructions of all kinds.

        The first layer does not flow: its mapping would depend on the run before.
        """
        options = self.random.getrandbits(1) | 2 * self.is_distance | flows << FLOW_BIT
        begin = Instruction(Opcode.BEGIN, rows=self.num_slots, shift=options)
        program = [begin, self.draw_threshold()]
        for slot in range(self.num_slots):
            program += self.draw_decision(slot)
        for _ in range(self.random.randint(1, MAX_BODY_INSTRUCTIONS)):
            program += self.draw_body()
        return program + [self.draw_last(slot) for slot in range(self.num_slots)]

    def draw_body(self) -> list[Instruction]:
        """An instruction, or a block of attention."""
        if self.attention is not None and self.random.random() < ATTENTION_PROBABILITY:
            return self.attention.draw_block(self.random.randrange(self.num_slots))
        return [self.draw_instruction(self.random.choice(_BODY))]

    def draw_threshold(self) -> Instruction:
        """THRESHOLD anywhere in the range of measures, or near 0."""
        value = self.random.getrandbits(self.random.choice((8, 24, 48)))
        return Instruction(Opcode.THRESHOLD, multiplier=value >> 32, address=value % (1 << 32))

    def draw_decision(self, slot: int) -> list[Instruction]:
        """DECIDE, or whatever measures."""
        if self.random.random() < 0.3:
            return [Instruction(Opcode.DECIDE, slot=slot, rows=self.random.getrandbits(1))]
        if self.attention is not None and not self.is_distance and self.random.getrandbits(1):
            return self.attention.draw_tap(slot)
        buffers = (Buffer.N, Buffer.K) if self.is_distance else (Buffer.H, Buffer.K)
        rows = self.draw_length(min(get_buffer_words(self.config, one) for one in buffers))
        opcode = Opcode.DISTANCE if self.is_distance else Opcode.SCORE
        load = self.draw_instruction(Opcode.LOAD, slot, buffers[1], Predicate.ALWAYS)
        return [load, Instruction(opcode, slot=slot, rows=rows)]

    def draw_last(self, slot: int) -> Instruction:
        """What finishes a slot, whatever it was decided."""
        fields = vars(self.draw_instruction(Opcode.STORE, slot, predicate=Predicate.ALWAYS))
        return Instruction(**{**fields, "is_last": 1})

    def draw_instruction(
        self,
        opcode: Opcode,
        slot: int | None = None,
        target: Buffer | None = None,
        predicate: Predicate | None = None,
    ) -> Instruction:
        """Any legal instruction of an opcode that is for cores and does not decide."""
        random = self.random
        target, source = self.draw_buffers(opcode) if target is None else (target, Buffer.X)
        rows = self.draw_length(self.get_row_limit(opcode, target, source))
        columns = self.draw_length(get_buffer_words(self.config, source))
        value = random.getrandbits(random.randrange(1, MAX_NORM_BITS))
        is_norm = opcode is Opcode.NORM
        num_beats = rows * columns * self.config.num_lanes if opcode in _PRODUCTS else 2 * rows
        return Instruction(
            opcode,
            predicate=random.choice(tuple(Predicate)) if predicate is None else predicate,
            slot=random.randrange(self.num_slots) if slot is None else slot,
            target=target,
            source=source,
            rows=rows,
            columns=columns,
            shift=random.randrange(1 << FIELD_BITS["shift"]),
            gate_shift=random.randrange(4),
            hidden_shift=random.randrange(1 << FIELD_BITS["hidden_shift"]),
            multiplier=value >> 32 if is_norm else random.getrandbits(16),
            address=value % (1 << 32) if is_norm else self.draw_address(num_beats),
        )

    def draw_buffers(self, opcode: Opcode) -> tuple[Buffer, Buffer]:
        """Target and source; those of a product differ, and neither is P or the gate."""
        if opcode not in _PRODUCTS:
            buffers = self.random.choices(tuple(Buffer), k=2)
        else:
            is_free = [one for one in Buffer if one not in (Buffer.P, Buffer.G)]
            buffers = self.random.sample(is_free, k=2)
        return buffers[0], buffers[1]

    def get_row_limit(self, opcode: Opcode, target: Buffer, source: Buffer) -> int:
        """The most `rows` that docs/accelerator.md, section 2, allows."""
        buffers: dict[Opcode, tuple[Buffer, ...]] = {
            Opcode.LOAD: (target,),
            Opcode.STORE: (source,),
            Opcode.GEMV: (target, Buffer.P),
            Opcode.GEMV_SILU: (target, Buffer.P, Buffer.G),
        }
        hidden = (Buffer.X, Buffer.N, Buffer.Y, Buffer.P)
        return min(get_buffer_words(self.config, one) for one in buffers.get(opcode, hidden))

    def draw_length(self, limit: int) -> int:
        """The limit itself, or something short."""
        if self.random.random() < FULL_LENGTH_PROBABILITY:
            return limit
        return self.random.randint(1, min(limit, 4))

    def draw_address(self, num_beats: int) -> int:
        """Where so many beats are in the memory."""
        return self.random.randrange(self.num_beats - num_beats)
