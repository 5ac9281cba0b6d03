"""Softmax of one query in one pass over words of L logits: weights, exponents, sums, reciprocals.

Source: docs/accelerator.md, section 7 (D-46). A word passes three units, one lane in every cycle:
the running maximum of its head, the exponentials below this maximum, the running sum. While one
word is in one of them, the next one can be in the unit before. After the last word of a head the
reciprocal of its sum is divided out, where the instruction asks for it.

Contract: words come at least L cycles apart, block by block, in each block from head 0 to head
H - 1. The weights of the word of cycle t are there in cycle t + latency_cycles. `is_done` comes
`count_tail_cycles` after the last word of an instruction; the next instruction begins later. The
readers' values are there READ_CYCLES after their heads, and final if that is read from the cycle of
`is_done` on. A word of which no lane is visible changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.attention import exponential, reciprocal, running_maximum, running_sum
from fastcar.rtl.attention.exponential import ExponentialInputs, make_exponential
from fastcar.rtl.attention.formats import LOGIT_BITS
from fastcar.rtl.attention.lane_counter import make_lane_counter
from fastcar.rtl.attention.reciprocal import ReciprocalInputs, follow_head, make_reciprocal
from fastcar.rtl.attention.running_maximum import (
    RunningMaximumInputs,
    make_running_maximum,
    select_octave,
)
from fastcar.rtl.attention.running_sum import RunningSumInputs, make_running_sum
from fastcar.rtl.lanes import ACTIVATION_BITS, join_lanes, select_lane
from fastcar.rtl.registers import delay, drive, latch, make_register
from fastcar.rtl.vector_memory import FETCH_CYCLES

MAX_HEADS = 64
READ_CYCLES = FETCH_CYCLES
SELECT_CYCLES = 2
"""From a word to its first lane in a register: word, lane."""


def latency_cycles(num_lanes: int) -> int:
    """Cycles from a word of logits to its weights."""
    before_weights = SELECT_CYCLES + running_maximum.COMING_CYCLES
    return before_weights + 2 * (num_lanes - 1) + exponential.LATENCY_CYCLES


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
        weights: L times 16 bits, p, the highest bit 0.
        exponent: 17 bits, signed, M' of the word.
        weights_index: `word_index` of the word.
        is_done: 1 bit, in one cycle for each instruction.
        read_exponent: 17 bits, signed, M of its reader's head.
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


@dataclass(frozen=True)
class _Companions:
    """What goes with a word from unit to unit.

    Attributes:
        head: number of its head.
        word_index: as it came.
        is_restart: 1 bit, first word of a fresh head.
        is_last_block: 1 bit.
    """

    head: pyrtl.WireVector
    word_index: pyrtl.WireVector
    is_restart: pyrtl.WireVector
    is_last_block: pyrtl.WireVector


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
    num_lanes, clear = len(inputs.visible), inputs.clear

    # State.
    divided_head_q = make_register(count_head_bits(num_heads), f"{name}_divided_head")

    # Datapath.
    read_lane = make_lane_counter(f"{name}_read", num_lanes, inputs.word_valid, clear)
    logit_q, visible_q = _select_key(name, inputs, read_lane.lane)
    read = _hold(
        f"{name}_read",
        inputs.word_valid,
        _Companions(
            head=inputs.head,
            word_index=inputs.word_index,
            is_restart=inputs.is_fresh & inputs.is_first_block,
            is_last_block=inputs.is_last_block,
        ),
    )
    compared = _hold(f"{name}_compared", read_lane.is_last, read)
    maximum = make_running_maximum(
        f"{name}_maximum",
        RunningMaximumInputs(
            clear=clear,
            octave=select_octave(logit_q, visible_q),
            is_first=latch(read_lane.is_first, f"{name}_is_first_read"),
            is_last=delay(read_lane.is_last, 1, f"{name}_is_last_read", clear),
            head=compared.head,
            is_restart=compared.is_restart,
            reader_head=inputs.exponent_head,
        ),
    )
    raised = _hold(f"{name}_raised", maximum.is_coming, compared)
    # Lane 0 reaches the exponentials when the largest octave of all lanes is known.
    num_waits = num_lanes - 1 + running_maximum.COMING_CYCLES
    weight_q = make_exponential(
        f"{name}_exponential",
        ExponentialInputs(
            logit=delay(logit_q, num_waits, f"{name}_waiting_logit"),
            visible=delay(visible_q, num_waits, f"{name}_waiting_visible"),
            exponent=maximum.exponent,
        ),
    )
    weight_lane = make_lane_counter(f"{name}_weight", num_lanes, maximum.is_coming, clear)
    summed = _hold(f"{name}_summed", weight_lane.is_last, raised)
    after_lane = exponential.LATENCY_CYCLES - 1
    weights_valid = delay(weight_lane.is_last, after_lane, f"{name}_is_last_weight", clear)
    total = make_running_sum(
        f"{name}_sum",
        num_lanes,
        RunningSumInputs(
            clear=clear,
            weight=weight_q,
            is_first=delay(weight_lane.is_first, after_lane, f"{name}_is_first_weight"),
            is_last=weights_valid,
            head=summed.head,
            is_restart=summed.is_restart,
            rescaling=_keep(f"{name}_summed_rescaling", weight_lane.is_last, maximum.rescaling),
            reader_head=divided_head_q,
        ),
    )

    # Control.
    is_finished = total.is_written & summed.is_last_block
    division = make_reciprocal(
        f"{name}_reciprocal",
        num_heads,
        ReciprocalInputs(
            clear=clear,
            is_finished=delay(is_finished & inputs.is_final, 1, f"{name}_is_finished", clear),
            head=divided_head_q,
            total=total.reader_total,
            reader_head=inputs.reciprocal_head,
        ),
    )
    _, is_last_head = follow_head(summed.head, num_heads)
    is_stored = is_finished & is_last_head & ~inputs.is_final
    return SoftmaxOutputs(
        weights_valid=weights_valid,
        weights=_collect(name, num_lanes, weight_q),
        exponent=_keep(f"{name}_summed_exponent", weight_lane.is_last, maximum.exponent),
        weights_index=summed.word_index,
        is_done=delay(is_stored, 1, f"{name}_is_stored", clear) | division.is_done,
        read_exponent=maximum.reader_exponent,
        read_reciprocal=division.reader_reciprocal,
        read_bit_length=division.reader_bit_length,
    )


def _keep(name: str, event: pyrtl.WireVector, value: pyrtl.WireVector) -> pyrtl.Register:
    """A register that takes the value at an event."""
    register = make_register(len(value), name)
    drive(register, (event, value))
    return register


def _hold(name: str, event: pyrtl.WireVector, companions: _Companions) -> _Companions:
    """All companions in registers that take them at an event."""
    kept = {
        member: _keep(f"{name}_{member}", event, value)
        for member, value in vars(companions).items()
    }
    return _Companions(**kept)


def _select_key(
    name: str, inputs: SoftmaxInputs, lane: pyrtl.WireVector
) -> tuple[pyrtl.Register, pyrtl.Register]:
    """Logit and visibility of one lane of the word that came last."""
    logits_q = _keep(f"{name}_logits", inputs.word_valid, inputs.logits)
    are_visible_q = _keep(f"{name}_are_visible", inputs.word_valid, inputs.visible)
    logit_q = latch(select_lane(logits_q, lane, LOGIT_BITS), f"{name}_logit")
    visible_q = latch(select_lane(are_visible_q, lane, 1), f"{name}_visible")
    return logit_q, visible_q


def _collect(name: str, num_lanes: int, weight_q: pyrtl.WireVector) -> pyrtl.WireVector:
    """L weights as a word of 16-bit lanes, in the cycle of the last one."""
    lanes = [weight_q]
    for lane in range(num_lanes - 1, 0, -1):
        lanes.insert(0, latch(lanes[0], f"{name}_collected_{lane}"))
    return join_lanes([lane.zero_extended(ACTIVATION_BITS) for lane in lanes])
