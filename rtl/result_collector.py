"""Collection of results, one in a cycle or two of NORM, to words; and the count of lanes.

Contract: the word of which the last results are there in cycle t is there in cycle t, with
`word_valid`; `is_coming` announces results one cycle before.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.lane_selection import PAIR_LANES
from fastcar.rtl.lanes import ACTIVATION_BITS, join_lanes, split_lanes
from fastcar.rtl.registers import delay, drive, increment, make_register


@dataclass(frozen=True)
class ResultCollectorInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets what is collected.
        is_pair: 1 bit, results come in pairs; stays the same while some are under way.
        is_coming: 1 bit, a result is there in the next cycle, or a pair.
        valid: 1 bit, it is there.
        first: the only one, or the even one of two; its bits behind the 16 of a number are those
            of a logit, which comes alone.
        second: 16 bits, the odd one.
    """

    clear: pyrtl.WireVector
    is_pair: pyrtl.WireVector
    is_coming: pyrtl.WireVector
    valid: pyrtl.WireVector
    first: pyrtl.WireVector
    second: pyrtl.WireVector


def make_result_collector(
    name: str, num_lanes: int, inputs: ResultCollectorInputs
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Build the register of what is there; gives `word_valid`, 1 bit, and the word."""
    # Datapath.
    lane_bits = len(inputs.first)
    collected_q = make_register(lane_bits * (num_lanes - 1), f"{name}_collected")
    collected = split_lanes(collected_q, lane_bits)
    ones = [*collected, inputs.first]
    twos = [*collected[1:], inputs.first, inputs.second]
    word = join_lanes(
        [_choose(inputs.is_pair, two, one) for one, two in zip(ones, twos, strict=True)]
    )
    drive(collected_q, (inputs.valid, word[lane_bits:]))

    # Control.
    _, is_word_coming = make_result_lane(
        f"{name}_num_collected", num_lanes, inputs.clear, inputs.is_coming, inputs.is_pair
    )
    return delay(is_word_coming, 1, f"{name}_word_valid", inputs.clear), word


def make_result_lane(
    name: str,
    num_lanes: int,
    clear: pyrtl.WireVector,
    valid: pyrtl.WireVector,
    is_pair: pyrtl.WireVector,
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Lane of the element, or the first of two, of this cycle; 1 bit, its word is complete."""
    lane_q = make_register(num_lanes.bit_length() - 1, name)
    following = pyrtl.select(is_pair, increment(lane_q, PAIR_LANES), increment(lane_q))
    drive(lane_q, (valid, following), clear=clear)
    is_last = pyrtl.and_all_bits(lane_q[1:]) & (lane_q[0] | is_pair)
    return lane_q, valid & is_last


def _choose(
    is_pair: pyrtl.WireVector, two: pyrtl.WireVector, one: pyrtl.WireVector
) -> pyrtl.WireVector:
    """A lane: what stands in front of its 16 bits belongs to results that come alone."""
    number = pyrtl.select(is_pair, two[:ACTIVATION_BITS], one[:ACTIVATION_BITS])
    upper = one[ACTIVATION_BITS:] if len(one) > ACTIVATION_BITS else None
    return number if upper is None else pyrtl.concat(upper, number)
