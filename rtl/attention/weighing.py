"""Second half of the softmax: the weights of a word, one by one.

Contract: lanes come as `comparison` gives them. The word of which `is_coming` is 1 in cycle t has
its last weight at the output in cycle t + latency_cycles, with `is_last`; exponent, rescaling and
companions stand in registers from FETCH_CYCLES before until the cycle after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention import exponential
from fastcar.rtl.attention.companions import Companions, keep, keep_all
from fastcar.rtl.attention.exponential import ExponentialInputs, make_exponential
from fastcar.rtl.attention.lane_counter import make_lane_counter
from fastcar.rtl.registers import delay


def latency_cycles(num_lanes: int) -> int:
    """Cycles from `is_coming` to the last weight of the word."""
    return num_lanes - 1 + exponential.LATENCY_CYCLES


@dataclass(frozen=True)
class WeighingInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all words under way.
        is_coming: 1 bit, lane 0 is there, and in the next cycle the last three.
        logit: register, 24 bits, signed, z of one lane.
        visible: 1 bit, whether this lane counts.
        exponent: EXPONENT_BITS, signed, M'.
        rescaling: 6 bits, M' - M.
        companions: of the word.
    """

    clear: pyrtl.WireVector
    is_coming: pyrtl.WireVector
    logit: pyrtl.WireVector
    visible: pyrtl.WireVector
    exponent: pyrtl.WireVector
    rescaling: pyrtl.WireVector
    companions: Companions


@dataclass(frozen=True)
class WeighingOutputs:
    """Wires out of the unit.

    Attributes:
        weight: SOFTMAX_WEIGHT_BITS, p of one lane.
        is_first: 1 bit, it is that of lane 0.
        is_last: 1 bit, it is that of lane L - 1.
        exponent: EXPONENT_BITS, signed, M'.
        rescaling: 6 bits, M' - M.
        companions: of the word.
    """

    weight: pyrtl.WireVector
    is_first: pyrtl.WireVector
    is_last: pyrtl.WireVector
    exponent: pyrtl.WireVector
    rescaling: pyrtl.WireVector
    companions: Companions


def make_weighing(name: str, num_lanes: int, inputs: WeighingInputs) -> WeighingOutputs:
    """Build the exponential and the registers of what belongs to its words."""
    clear = inputs.clear

    # Datapath.
    weight = make_exponential(
        f"{name}_exponential", ExponentialInputs(inputs.logit, inputs.visible, inputs.exponent)
    )

    # Control.
    counter = make_lane_counter(name, num_lanes, inputs.is_coming, clear)
    # The counter begins in the cycle after `is_coming`.
    num_waits = exponential.LATENCY_CYCLES - 1
    return WeighingOutputs(
        weight=weight,
        is_first=delay(counter.is_first, num_waits, f"{name}_is_first"),
        is_last=delay(counter.is_last, num_waits, f"{name}_is_last", clear),
        exponent=keep(f"{name}_exponent", counter.is_last, inputs.exponent),
        rescaling=keep(f"{name}_rescaling", counter.is_last, inputs.rescaling),
        companions=keep_all(name, counter.is_last, inputs.companions),
    )
