"""Write-back of a core: the words that LOAD, results and ADD write, one after the other.

Contract: a word of results is written WRITE_CYCLES after it is there, a loaded word WRITE_CYCLES
after its upper beat, a sum of ADD SUM_CYCLES + WRITE_CYCLES after its operands. Every instruction
that writes does so from word 0 on, CONTEXT from the first word of its group. PICK writes none, but
its words are counted. `is_written` marks the word number rows - 1 before it is in its
buffer: the next instruction begins with word 0, and finds the last one written when it comes to it.
Only where the last word is word 0 `is_written` waits WRITE_CYCLES. The words of STORE are counted,
too.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.block_walk import find_group_start
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Opcode
from fastcar.rtl.lanes import ACTIVATION_BITS, join_lanes, saturate, signed_sum, split_lanes
from fastcar.rtl.registers import decrement, delay, drive, increment, latch, make_register
from fastcar.rtl.sequencer import LOAD_OPCODES, SequencerOutputs, has_opcode, is_one_of
from fastcar.rtl.vector_memory import WritePort, count_index_bits

SUM_CYCLES = 2
"""Sums of the lanes, their limits."""
WRITE_CYCLES = 1
"""The write port is a register: its wires go to all block RAMs of a core."""


@dataclass(frozen=True)
class WriteBackInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        is_read_beat: 1 bit, a beat is read from memory.
        beat: L bytes.
        is_sum: 1 bit, ADD has its operands in this cycle.
        x_word: L int16.
        y_word: L int16.
        result_valid: 1 bit, a word of results is there.
        result_word: L int16.
        is_word_sent: 1 bit, a word is stored in memory.
    """

    clear: pyrtl.WireVector
    is_read_beat: pyrtl.WireVector
    beat: pyrtl.WireVector
    is_sum: pyrtl.WireVector
    x_word: pyrtl.WireVector
    y_word: pyrtl.WireVector
    result_valid: pyrtl.WireVector
    result_word: pyrtl.WireVector
    is_word_sent: pyrtl.WireVector


@dataclass(frozen=True)
class WriteBackOutputs:
    """Wires out of the unit.

    Attributes:
        port: the write port of the buffers.
        is_last_word: 1 bit, the word that is written or stored next is the instruction's last one.
        is_written: 1 bit, the last word is written before the next instruction reads it.
    """

    port: WritePort
    is_last_word: pyrtl.WireVector
    is_written: pyrtl.WireVector


def make_write_back(
    config: AcceleratorConfig, name: str, sequencer: SequencerOutputs, inputs: WriteBackInputs
) -> WriteBackOutputs:
    """Build the write port's multiplexer and its index."""
    # State.
    index_bits = count_index_bits(config)
    index_q = make_register(index_bits, f"{name}_index")
    last_index_q = make_register(index_bits, f"{name}_last_index")
    is_last_word_q = make_register(1, f"{name}_is_last_word")
    is_single_q = make_register(1, f"{name}_is_single")

    # Datapath.
    fields, is_starting = sequencer.fields, sequencer.is_starting
    is_load = is_one_of(fields, LOAD_OPCODES)
    is_add = is_one_of(fields, (Opcode.ADD,))
    loaded = _join_beats(name, is_starting, inputs, is_load, is_last_word_q)
    sum_q = _make_sum(name, inputs.x_word, inputs.y_word)
    is_sum_q = delay(inputs.is_sum, SUM_CYCLES, f"{name}_is_sum", inputs.clear)

    is_computed = is_sum_q | inputs.result_valid
    enable = loaded.is_word | is_computed
    word = pyrtl.select(is_load, loaded.word, pyrtl.select(is_add, sum_q, inputs.result_word))

    # Control.
    is_step = enable | inputs.is_word_sent
    context = _find_context(config, sequencer, index_bits)
    drive(index_q, *context.first, (is_starting, 0), (is_step, increment(index_q)))
    # Larger lengths than a buffer are refused before dispatch: the upper bits are 0.
    num_words = sequencer.head["rows"][:index_bits]
    is_single = num_words == 1
    drive(last_index_q, *context.last, (is_starting, decrement(num_words)))
    # A flag of the index, so that the end of an instruction does not wait for a comparison.
    drive(
        is_last_word_q,
        *context.is_single,
        (is_starting, is_single),
        (is_step, increment(index_q) == last_index_q),
    )
    is_written = loaded.is_last_word | is_computed & is_last_word_q
    is_kept = enable
    if config.attention is not None:
        is_kept = enable & ~is_one_of(fields, (Opcode.PICK,))
    port = WritePort(
        enable=delay(is_kept, WRITE_CYCLES, f"{name}_enable", inputs.clear),
        buffer=delay(_make_target(fields), WRITE_CYCLES, f"{name}_buffer"),
        index=delay(index_q, WRITE_CYCLES, f"{name}_written_index"),
        word=delay(word, WRITE_CYCLES, f"{name}_word"),
    )
    drive(is_single_q, *context.is_single, (is_starting, is_single))
    is_single_written_q = delay(
        is_written & is_single_q, WRITE_CYCLES, f"{name}_is_single_written", inputs.clear
    )
    return WriteBackOutputs(port, is_last_word_q, is_written & ~is_single_q | is_single_written_q)


def _make_sum(name: str, x_word: pyrtl.WireVector, y_word: pyrtl.WireVector) -> pyrtl.WireVector:
    """sat16(x + y) lane by lane, SUM_CYCLES later."""
    lanes = (split_lanes(word, ACTIVATION_BITS) for word in (x_word, y_word))
    sums = [signed_sum(x, y) for x, y in zip(*lanes, strict=True)]
    wide_q = latch(join_lanes(sums), f"{name}_wide_sum")
    limited = [saturate(wide) for wide in split_lanes(wide_q, ACTIVATION_BITS + 1)]
    return latch(join_lanes(limited), f"{name}_sum")


Case = tuple[pyrtl.WireVector, pyrtl.WireVector | int]


@dataclass(frozen=True)
class _ContextWords:
    """What CONTEXT sets in its first cycle, each as a case for `drive`, or nothing."""

    first: tuple[Case, ...] = ()
    last: tuple[Case, ...] = ()
    is_single: tuple[Case, ...] = ()


def _find_context(
    config: AcceleratorConfig, sequencer: SequencerOutputs, index_bits: int
) -> _ContextWords:
    """The words of G that the heads of a group fill."""
    if config.attention is None:
        return _ContextWords()
    fields, num_words = sequencer.fields, config.key_words
    is_begin = sequencer.is_first_cycle & is_one_of(fields, (Opcode.CONTEXT,))
    group = pyrtl.concat(fields["target"], fields["source"])
    first = find_group_start(config, group, index_bits)
    last = (first + pyrtl.Const(num_words - 1, index_bits))[:index_bits]
    return _ContextWords(
        ((is_begin, first),), ((is_begin, last),), ((is_begin, int(num_words == 1)),)
    )


def _make_target(fields: dict[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    """The buffer that the instruction writes; NORM, ADD and CONTEXT have a fixed one."""
    fixed = {Opcode.NORM: Buffer.N, Opcode.ADD: Buffer.X, Opcode.CONTEXT: Buffer.G}
    buffer = fields["target"]
    for opcode, number in fixed.items():
        if has_opcode(fields, opcode):
            own = pyrtl.Const(number, len(buffer))
            buffer = pyrtl.select(is_one_of(fields, (opcode,)), own, buffer)
    return buffer


@dataclass(frozen=True)
class _Loaded:
    """A loaded word; the flags 1 bit: its upper beat is there; it is the last word."""

    is_word: pyrtl.WireVector
    is_last_word: pyrtl.WireVector
    word: pyrtl.WireVector


def _join_beats(
    name: str,
    is_starting: pyrtl.WireVector,
    inputs: WriteBackInputs,
    is_load: pyrtl.WireVector,
    is_last_word: pyrtl.WireVector,
) -> _Loaded:
    """Words of LOAD; whether the next beat ends it stands in a register, because beats come late in
    the cycle.
    """
    is_upper_q = make_register(1, f"{name}_is_upper")
    is_end_q = make_register(1, f"{name}_is_last_beat")
    lower_beat_q = make_register(len(inputs.beat), f"{name}_lower_beat")
    is_beat = inputs.is_read_beat & is_load
    drive(is_upper_q, (is_starting, 0), (is_beat, ~is_upper_q))
    drive(is_end_q, (is_starting, 0), (is_beat, ~is_upper_q & is_last_word))
    drive(lower_beat_q, (is_beat, inputs.beat))
    word = pyrtl.concat(inputs.beat, lower_beat_q)
    return _Loaded(is_beat & is_upper_q, inputs.is_read_beat & is_end_q, word)
