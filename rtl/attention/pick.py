"""Picks a token: the first largest logit plus noise, over one PICK or several.

Source: docs/accelerator.md, section 7: the argmax of sat16(logit + noise), the lowest at a tie.

Contract: the element of cycle t counts from cycle t + LATENCY_CYCLES on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.lanes import saturate, signed_sum
from fastcar.rtl.registers import delay, drive, increment, latch, make_register
from fastcar.rtl.result_path import PickElement
from fastcar.rtl.retirement import TOKEN_BITS

LATENCY_CYCLES = 3
"""Sum, its limit, comparison."""


@dataclass(frozen=True)
class PickInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        is_begin: 1 bit, first cycle of a PICK that is fresh.
        element: of PICK alone.
    """

    clear: pyrtl.WireVector
    is_begin: pyrtl.WireVector
    element: PickElement


def make_pick(name: str, inputs: PickInputs) -> pyrtl.Register:
    """Build the unit; gives the number of the best element, 16 bits."""
    element = inputs.element
    # State.
    has_best_q = make_register(1, f"{name}_has_best")
    best_q = make_register(len(element.logit), f"{name}_best")
    token_q = make_register(TOKEN_BITS, f"{name}_token")
    number_q = make_register(TOKEN_BITS, f"{name}_number")

    # Datapath.
    sum_q = latch(signed_sum(element.logit, element.noise), f"{name}_sum")
    limited_q = latch(saturate(sum_q), f"{name}_limited")
    is_compared = delay(element.valid, LATENCY_CYCLES - 1, f"{name}_is_compared", inputs.clear)
    is_better = is_compared & (~has_best_q | pyrtl.signed_gt(limited_q, best_q))

    # Control.
    drive(has_best_q, (inputs.is_begin, 0), (is_compared, 1), clear=inputs.clear)
    drive(best_q, (is_better, limited_q))
    drive(token_q, (is_better, number_q))
    drive(number_q, (inputs.is_begin, 0), (is_compared, increment(number_q)))
    return token_q
