"""Softmax of one query in one pass over words of L logits: weights, exponents, sums, reciprocals.

Source: docs/accelerator.md, section 7 (D-46). A word passes three units, one lane in every cycle:
the running maximum of its head, the exponentials below this maximum, the running sum. While one
word is in one of them, the next one can be in the unit before. After the last word of a head the
reciprocal of its sum is divided out, where the instruction asks for it.

Contract: words come at least L cycles apart, block by block, in each block from head 0 to head
H - 1. The weights of the word of cycle t are there in cycle t + latency_cycles. `is_done` comes
`count_tail_cycles` after the last word of an instruction; the next instruction begins later. The
reader's values are there READ_CYCLES after its head, and final if that is read from the cycle of
`is_done` on. A word of which no lane is visible changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.attention import comparison, reciprocal, running_sum, weighing
from fastcar.rtl.attention.companions import Companions
from fastcar.rtl.attention.comparison import ComparisonInputs, ComparisonOutputs, make_comparison
from fastcar.rtl.attention.reciprocal import ReciprocalInputs, follow_head, make_reciprocal
from fastcar.rtl.attention.running_sum import RunningSumInputs, make_running_sum
from fastcar.rtl.attention.weighing import WeighingInputs, make_weighing
from fastcar.rtl.lanes import join_lanes
from fastcar.rtl.registers import delay, latch, make_register
from fastcar.rtl.vector_memory import FETCH_CYCLES

MAX_HEADS = 64
READ_CYCLES = FETCH_CYCLES


def latency_cycles(num_lanes: int) -> int:
    """Cycles from a word of logits to its weights."""
    return comparison.latency_cycles(num_lanes) + weighing.latency_cycles(num_lanes)


def count_tail_cycles(num_lanes: int, num_heads: int, gap_cycles: int, is_final: bool) -> int:
    """Cycles from the last word of an instruction to `is_done`.

    Args:
        num_lanes: L.
        num_heads: H.
        gap_cycles: from word to word in the last block, at least L; if it is the smallest of
            different gaps, the result is a bound.
        is_final: whether the reciprocals are asked for.

    >>> count_tail_cycles(16, 4, 32, is_final=False), count_tail_cycles(16, 4, 32, is_final=True)
    (41, 62)
    """
    written = latency_cycles(num_lanes) + running_sum.WRITE_CYCLES
    if not is_final:
        return written + 1
    waiting = (num_heads - 1) * max(0, reciprocal.START_CYCLES - gap_cycles)
    return written + 2 + waiting + reciprocal.DONE_CYCLES


@dataclass(frozen=True)
class SoftmaxInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets everything under way; the next word is that of head 0.
        is_fresh: 1 bit, stays for an instruction: all heads start anew with their first word.
        is_final: 1 bit, stays for an instruction: reciprocals are asked for.
        word_valid: 1 bit, a word is there; the following belong to it.
        logits: L times 24 bits, signed, z.
        visible: L bits, the lanes that count.
        is_first_block: 1 bit, the word is the first one of its head in this instruction.
        is_last_block: 1 bit, it is the last one.
        head: number of its head, as wide as `count_head_bits`.
        word_index: any number, given back with the weights.
        exponent_head: register as wide as head, of the reader of M.
        reciprocal_head: register, likewise, of the reader of R and e.
    """

    clear: pyrtl.WireVector
    is_fresh: pyrtl.WireVector
    is_final: pyrtl.WireVector
    word_valid: pyrtl.WireVector
    logits: pyrtl.WireVector
    visible: pyrtl.WireVector
    is_first_block: pyrtl.WireVector
    is_last_block: pyrtl.WireVector
    head: pyrtl.WireVector
    word_index: pyrtl.WireVector
    exponent_head: pyrtl.Register
    reciprocal_head: pyrtl.Register


@dataclass(frozen=True)
class SoftmaxOutputs:
    """Wires out of the unit.

    Attributes:
        weights_valid: 1 bit, the next three are there.
        weights: L times 16 bits, unsigned, p.
        exponent: 17 bits, signed, M' of the word.
        weights_index: `word_index` of the word.
        is_done: 1 bit, in one cycle for each instruction.
        read_exponent: 17 bits, signed, M of the reader's head.
        read_reciprocal: 16 bits, R.
        read_bit_length: 6 bits, e.
    """

    weights_valid: pyrtl.WireVector
    weights: pyrtl.WireVector
    exponent: pyrtl.WireVector
    weights_index: pyrtl.WireVector
    is_done: pyrtl.WireVector
    read_exponent: pyrtl.WireVector
    read_reciprocal: pyrtl.WireVector
    read_bit_length: pyrtl.WireVector


def count_head_bits(num_heads: int) -> int:
    """Width of the number of a head.

    Raises:
        ArgumentError: num_heads is not from 1 to MAX_HEADS.
    """
    if not 1 <= num_heads <= MAX_HEADS:
        raise ArgumentError("num_heads", num_heads, f"from 1 to {MAX_HEADS}")
    return max(1, (num_heads - 1).bit_length())


def make_softmax(name: str, num_heads: int, inputs: SoftmaxInputs) -> SoftmaxOutputs:
    """Build the unit of H heads; L is the number of bits of `visible`."""
    num_lanes = len(inputs.visible)

    # State.
    divided_head_q = make_register(count_head_bits(num_heads), f"{name}_divided_head")

    # Datapath.
    compared = _compare(name, inputs)
    weighed = make_weighing(
        f"{name}_weighing",
        num_lanes,
        WeighingInputs(
            clear=inputs.clear,
            is_coming=compared.is_coming,
            logit=compared.logit,
            visible=compared.visible,
            exponent=compared.exponent,
            rescaling=compared.rescaling,
            companions=compared.companions,
        ),
    )
    word = weighed.companions
    total = make_running_sum(
        f"{name}_sum",
        num_lanes,
        RunningSumInputs(
            clear=inputs.clear,
            weight=weighed.weight,
            is_first=weighed.is_first,
            is_last=weighed.is_last,
            head=word.head,
            is_restart=word.is_restart,
            rescaling=weighed.rescaling,
            reader_head=divided_head_q,
        ),
    )

    # Control.
    is_finished = total.is_written & word.is_last_block
    is_asked_for = is_finished & inputs.is_final
    division = make_reciprocal(
        f"{name}_reciprocal",
        num_heads,
        ReciprocalInputs(
            clear=inputs.clear,
            is_finished=delay(is_asked_for, 1, f"{name}_is_finished", inputs.clear),
            head=divided_head_q,
            total=total.reader_total,
            reader_head=inputs.reciprocal_head,
        ),
    )
    _, is_last_head = follow_head(word.head, num_heads)
    is_stored = is_finished & is_last_head & ~inputs.is_final
    return SoftmaxOutputs(
        weights_valid=weighed.is_last,
        weights=_collect(name, num_lanes, weighed.weight),
        exponent=weighed.exponent,
        weights_index=word.word_index,
        is_done=delay(is_stored, 1, f"{name}_is_stored", inputs.clear) | division.is_done,
        read_exponent=compared.reader_exponent,
        read_reciprocal=division.reader_reciprocal,
        read_bit_length=division.reader_bit_length,
    )


def _compare(name: str, inputs: SoftmaxInputs) -> ComparisonOutputs:
    """The first half, with what goes with a word."""
    return make_comparison(
        f"{name}_comparison",
        ComparisonInputs(
            clear=inputs.clear,
            word_valid=inputs.word_valid,
            logits=inputs.logits,
            visible=inputs.visible,
            companions=Companions(
                head=inputs.head,
                word_index=inputs.word_index,
                is_restart=inputs.is_fresh & inputs.is_first_block,
                is_last_block=inputs.is_last_block,
            ),
            reader_head=inputs.exponent_head,
        ),
    )


def _collect(name: str, num_lanes: int, weight_q: pyrtl.WireVector) -> pyrtl.WireVector:
    """L weights as a word of 16-bit lanes, in the cycle of the last one."""
    lanes = [weight_q]
    for lane in range(num_lanes - 1, 0, -1):
        lanes.insert(0, latch(lanes[0], f"{name}_collected_{lane}"))
    return join_lanes(lanes)
