"""First half of the softmax: the keys of a word one by one, and the running maximum of their head.

Contract: words come at least L cycles apart. The one of cycle t makes `is_coming` 1 in cycle
t + latency_cycles; its lane i is at the outputs in cycle t + latency_cycles + i. Its exponent,
rescaling and companions stand in registers from cycle t + latency_cycles + 1 on, until those of the
next word do. The reader's exponent is there FETCH_CYCLES after its head.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention import running_maximum
from fastcar.rtl.attention.companions import Companions, keep, keep_all
from fastcar.rtl.attention.formats import (
    EXPONENT_BITS,
    LOGIT_BITS,
    LOGIT_FRACTION_BITS,
    NO_OCTAVE,
)
from fastcar.rtl.attention.lane_counter import make_lane_counter
from fastcar.rtl.attention.running_maximum import RunningMaximumInputs, make_running_maximum
from fastcar.rtl.lanes import select_lane
from fastcar.rtl.registers import delay, latch

SELECT_CYCLES = 2
"""From a word to its first lane in a register: word, lane."""


def latency_cycles(num_lanes: int) -> int:
    """Cycles from a word to `is_coming`."""
    return SELECT_CYCLES + num_lanes - 1 + running_maximum.COMING_CYCLES


@dataclass(frozen=True)
class ComparisonInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all words under way.
        word_valid: 1 bit, a word is there; the next three belong to it.
        logits: L times 24 bits, signed, z.
        visible: L bits, the lanes that count.
        companions: see there.
        reader_head: register, of another reader of the maxima.
    """

    clear: pyrtl.WireVector
    word_valid: pyrtl.WireVector
    logits: pyrtl.WireVector
    visible: pyrtl.WireVector
    companions: Companions
    reader_head: pyrtl.Register


@dataclass(frozen=True)
class ComparisonOutputs:
    """Wires out of the unit.

    Attributes:
        is_coming: 1 bit, lane 0 is there, and in the next cycle all that belongs to the word.
        logit: register, 24 bits, signed, z of one lane.
        visible: 1 bit, whether this lane counts.
        exponent: EXPONENT_BITS, signed, M'.
        rescaling: 6 bits, M' - M.
        companions: of the word.
        reader_exponent: EXPONENT_BITS, signed, M of the reader's head.
    """

    is_coming: pyrtl.WireVector
    logit: pyrtl.WireVector
    visible: pyrtl.WireVector
    exponent: pyrtl.WireVector
    rescaling: pyrtl.WireVector
    companions: Companions
    reader_exponent: pyrtl.WireVector


def make_comparison(name: str, inputs: ComparisonInputs) -> ComparisonOutputs:
    """Build the selection of lanes, the maximum, and registers in which the lanes wait for it."""
    clear, num_lanes = inputs.clear, len(inputs.visible)

    # State.
    logits_q = keep(f"{name}_logits", inputs.word_valid, inputs.logits)
    are_visible_q = keep(f"{name}_are_visible", inputs.word_valid, inputs.visible)
    arrived = keep_all(f"{name}_arrived", inputs.word_valid, inputs.companions)

    # Datapath.
    counter = make_lane_counter(name, num_lanes, inputs.word_valid, clear)
    logit = select_lane(logits_q, counter.lane, LOGIT_BITS)
    is_visible = select_lane(are_visible_q, counter.lane, 1)
    compared = keep_all(f"{name}_compared", counter.is_last, arrived)
    maximum = make_running_maximum(
        f"{name}_maximum",
        RunningMaximumInputs(
            clear=clear,
            octave=latch(_select_octave(logit, is_visible), f"{name}_octave"),
            is_first=latch(counter.is_first, f"{name}_is_first"),
            is_last=delay(counter.is_last, 1, f"{name}_is_last", clear),
            head=compared.head,
            is_restart=compared.is_restart,
            reader_head=inputs.reader_head,
        ),
    )
    num_waits = num_lanes + running_maximum.COMING_CYCLES
    return ComparisonOutputs(
        is_coming=maximum.is_coming,
        logit=delay(logit, num_waits, f"{name}_logit"),
        visible=delay(is_visible, num_waits, f"{name}_visible"),
        exponent=maximum.exponent,
        rescaling=maximum.rescaling,
        companions=keep_all(f"{name}_raised", maximum.is_coming, compared),
        reader_exponent=maximum.reader_exponent,
    )


def _select_octave(logit: pyrtl.WireVector, is_visible: pyrtl.WireVector) -> pyrtl.WireVector:
    """floor(z / 256) of a key that counts, EXPONENT_BITS, signed; else NO_OCTAVE."""
    octave = logit[LOGIT_FRACTION_BITS:].sign_extended(EXPONENT_BITS)
    lowest = pyrtl.Const(NO_OCTAVE, EXPONENT_BITS, signed=True)
    return pyrtl.select(is_visible, octave, lowest)
