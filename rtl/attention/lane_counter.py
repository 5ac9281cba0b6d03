"""Counts the lanes of a word, one in every cycle.

Contract: `start` in cycle t, at least L cycles after the last one, lets lane i be counted in cycle
t + 1 + i. Between words the lane is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.registers import drive, increment, make_register


@dataclass(frozen=True)
class LaneCount:
    """Wires out of a counter.

    Attributes:
        lane: register of log2(L) bits.
        is_first: 1 bit, lane 0 is counted; also between words.
        is_last: 1 bit, lane L - 1 is counted.
    """

    lane: pyrtl.Register
    is_first: pyrtl.WireVector
    is_last: pyrtl.WireVector


def make_lane_counter(
    name: str, num_lanes: int, start: pyrtl.WireVector, clear: pyrtl.WireVector
) -> LaneCount:
    """Build the counter of L lanes, a power of two from 2 on."""
    # State.
    lane_q = make_register((num_lanes - 1).bit_length(), f"{name}_lane")
    is_counting_q = make_register(1, f"{name}_is_counting")

    # Control.
    is_last = is_counting_q & (lane_q == num_lanes - 1)
    drive(lane_q, (is_counting_q, increment(lane_q)), clear=clear)
    drive(is_counting_q, (start, 1), (is_last, 0), clear=clear)

    # Assertions.
    require(~start | ~is_counting_q | is_last | clear, "words of logits at least L cycles apart")
    return LaneCount(lane_q, lane_q == 0, is_last)
