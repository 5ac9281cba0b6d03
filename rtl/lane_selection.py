"""Selection of the operands of an element: its lanes of X, P and G, for NORM and ROPE of two.

First the group of lanes that holds the element, then the lane: the block RAMs of a word lie far
apart. NORM takes the lane above as well; ROPE takes both lanes of a pair in G, and cosine and sine
of the pair in P.

Contract: an element whose lane is given in cycle t has its words in cycle t + FETCH_CYCLES and its
lanes in registers from t + SELECT_CYCLES on; `multiplier` and `is_odd` are one cycle earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.lanes import ACTIVATION_BITS, select_lane, split_lanes
from fastcar.rtl.registers import delay, latch
from fastcar.rtl.vector_memory import FETCH_CYCLES

GROUP_LANES = 4
"""A lane is selected among so many in one cycle."""
GROUP_BITS = 2
SELECT_CYCLES = FETCH_CYCLES + 2
"""Words of the operands, their groups of lanes, selection of the lanes."""
PAIR_LANES = 2
"""Elements of NORM in one cycle."""


@dataclass(frozen=True)
class LaneSelectionInputs:
    """Wires into the unit.

    Attributes:
        lane: of the element, or the first one of two.
        x_word: L int16, elements of NORM; this and the other words FETCH_CYCLES later.
        parameter_word: L int16 or uint16, multipliers or gains.
        gate_word: L int16.
        is_turn: 1 bit, ROPE; None without attention.
    """

    lane: pyrtl.WireVector
    x_word: pyrtl.WireVector
    parameter_word: pyrtl.WireVector
    gate_word: pyrtl.WireVector
    is_turn: pyrtl.WireVector | None


@dataclass(frozen=True)
class SelectedLanes:
    """Wires out of the unit, 16 bits each but `is_odd`; all but the first two are registers.

    Attributes:
        is_odd: 1 bit, the lane is an odd one.
        multiplier: lane of P.
        gain: the same; of a pair of ROPE the cosine.
        x: lane of X; of ROPE that of G.
        gate: lane of G.
        second_x: lane of X above an even one; of ROPE the other one of the pair in G.
        second_gain: lane of P above an even one: the sine of a pair.
    """

    is_odd: pyrtl.WireVector
    multiplier: pyrtl.WireVector
    gain: pyrtl.Register
    x: pyrtl.Register
    gate: pyrtl.Register
    second_x: pyrtl.Register
    second_gain: pyrtl.Register


def make_lane_selection(name: str, inputs: LaneSelectionInputs) -> SelectedLanes:
    """Build both steps."""
    # Datapath.
    number = delay(inputs.lane, FETCH_CYCLES, f"{name}_lane")
    words = {"x": inputs.x_word, "parameter": inputs.parameter_word, "gate": inputs.gate_word}
    groups = {
        operand: latch(_select_group(word, number), f"{name}_{operand}_group")
        for operand, word in words.items()
    }
    lane = latch(number[:GROUP_BITS], f"{name}_lane_of_group")
    x, second_x = _select_one(groups["x"], lane), _select_odd(groups["x"], lane)
    gate, parameter_lane = _select_one(groups["gate"], lane), lane
    if inputs.is_turn is not None:
        # Cosine and sine of a pair: the even lane is the first factor's, the odd one the second's.
        parameter_lane = pyrtl.concat(lane[1:], lane[0] & ~inputs.is_turn)
        other = _select_one(groups["gate"], pyrtl.concat(lane[1:], ~lane[0]))
        x = pyrtl.select(inputs.is_turn, gate, x)
        second_x = pyrtl.select(inputs.is_turn, other, second_x)
    multiplier = _select_one(groups["parameter"], parameter_lane)
    return SelectedLanes(
        is_odd=lane[0],
        multiplier=multiplier,
        gain=latch(multiplier, f"{name}_gain"),
        x=latch(x, f"{name}_x"),
        gate=latch(gate, f"{name}_gate"),
        second_x=latch(second_x, f"{name}_second_x"),
        second_gain=latch(_select_odd(groups["parameter"], lane), f"{name}_second_gain"),
    )


def _select_group(word: pyrtl.WireVector, number: pyrtl.WireVector) -> pyrtl.WireVector:
    """The GROUP_LANES lanes of a word that hold the one of that number."""
    choices = split_lanes(word, GROUP_LANES * ACTIVATION_BITS)
    return pyrtl.mux(number[GROUP_BITS:], *choices) if len(choices) > 1 else word


def _select_one(group: pyrtl.WireVector, lane: pyrtl.WireVector) -> pyrtl.WireVector:
    return select_lane(group, lane, ACTIVATION_BITS)


def _select_odd(group: pyrtl.WireVector, lane: pyrtl.WireVector) -> pyrtl.WireVector:
    """The lane above an even one."""
    return pyrtl.mux(lane[1:], *split_lanes(group, ACTIVATION_BITS)[1::PAIR_LANES])
