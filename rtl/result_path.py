"""Result path of a core: from sums, or norm elements, to words of int16 numbers.

One element in every cycle, for NORM two: its lane of P (row multiplier, or gain), of G (gate) and
of X is selected, first the group of lanes that holds it, then the lane; NORM multiplies x and gain;
the requantiser follows, for GEMV_SILU also the SiLU multiply, which takes the odd elements of NORM;
L results make a word.

Contract: an element is announced SELECT_CYCLES - 1 before its sum, while the words of its operands
are fetched. The word of which the last elements are announced in cycle t is there, with
`word_valid`, in cycle t + latency_cycles, for GEMV_SILU UP_CYCLES and
`silu_multiply.latency_cycles` later, for NORM SCALE_CYCLES.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl import requantizer
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    select_lane,
    signed_product,
    split_lanes,
)
from fastcar.rtl.registers import delay, drive, increment, latch, make_register
from fastcar.rtl.requantizer import RequantizerInputs, RequantizerOutputs, make_requantizer
from fastcar.rtl.rms_norm import LATENCY_CYCLES as NORM_CYCLES
from fastcar.rtl.rms_norm import MANTISSA_BITS, MANTISSA_CYCLES, RmsNormOutputs
from fastcar.rtl.silu_multiply import (
    PRODUCT_CYCLES,
    SILU_CYCLES,
    LentInputs,
    SiluMultiplyInputs,
    make_silu_multiply,
)
from fastcar.rtl.vector_memory import FETCH_CYCLES

GROUP_LANES = 4
"""A lane is selected among so many in one cycle: the block RAMs of a word lie far apart."""
SELECT_CYCLES = FETCH_CYCLES + 2
"""Words of the operands, their groups of lanes, selection of the lanes."""
UP_CYCLES = SILU_CYCLES - requantizer.LATENCY_CYCLES
"""Up waits for the silu of its gate, which was selected with it."""
SCALE_CYCLES = PRODUCT_CYCLES
"""Product of x and gain, as long as that of the other requantiser."""
# The first element may be announced in the cycle after NORM_CYCLES; its multiplier is taken then:
assert NORM_CYCLES + 1 + SELECT_CYCLES + SCALE_CYCLES - 1 >= MANTISSA_CYCLES
NORM_LANES = 2
"""Elements of NORM in one cycle."""


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from an element to its result, without SiLU and without scaling."""
    return SELECT_CYCLES + requantizer.latency_cycles(config)


@dataclass(frozen=True)
class ResultPathInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all elements under way.
        is_norm: 1 bit; this and the next two stay the same while elements are under way.
        is_silu: 1 bit.
        fields: of the instruction.
        element_valid: 1 bit, an element is announced, or two of NORM.
        accumulator: 48 bits, signed, sum of GEMV; SELECT_CYCLES - 1 after that.
        x_word: L int16, elements of NORM; this and the other words FETCH_CYCLES after that.
        parameter_word: L int16 or uint16, multipliers or gains.
        gate_word: L int16.
        norm: mantissa and shift of NORM.
    """

    clear: pyrtl.WireVector
    is_norm: pyrtl.WireVector
    is_silu: pyrtl.WireVector
    fields: dict[str, pyrtl.WireVector]
    element_valid: pyrtl.WireVector
    accumulator: pyrtl.WireVector
    x_word: pyrtl.WireVector
    parameter_word: pyrtl.WireVector
    gate_word: pyrtl.WireVector
    norm: RmsNormOutputs


@dataclass(frozen=True)
class ResultPathOutputs:
    """Wires out of the unit.

    Attributes:
        is_word_selected: 1 bit, the elements of this cycle are the last ones of their word.
        word_valid: 1 bit, a word of results is there.
        word: L int16.
    """

    is_word_selected: pyrtl.WireVector
    word_valid: pyrtl.WireVector
    word: pyrtl.WireVector


@dataclass(frozen=True)
class _Results:
    """Requantised elements: the only one or the even one of two, and the odd one.

    `is_coming` (1 bit) is 1 one cycle before `valid` (1 bit).
    """

    is_coming: pyrtl.WireVector
    valid: pyrtl.WireVector
    first: pyrtl.WireVector
    second: pyrtl.WireVector


def make_result_path(
    config: AcceleratorConfig, name: str, inputs: ResultPathInputs
) -> ResultPathOutputs:
    """Build selection, requantisation and collection."""
    # Datapath.
    lane, is_word_selected = _count_lanes(
        config, f"{name}_lane", inputs.clear, inputs.element_valid, inputs.is_norm
    )
    results = _make_results(name, inputs, lane)
    word_valid, word = _collect(config, name, inputs, results)
    return ResultPathOutputs(is_word_selected, word_valid, word)


def _count_lanes(
    config: AcceleratorConfig,
    name: str,
    clear: pyrtl.WireVector,
    valid: pyrtl.WireVector,
    is_pair: pyrtl.WireVector,
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Lane of the element, or the first of two, of this cycle; 1 bit, its word is complete."""
    lane_q = make_register(config.num_lanes.bit_length() - 1, name)
    following = pyrtl.select(is_pair, increment(lane_q, NORM_LANES), increment(lane_q))
    drive(lane_q, (valid, following), clear=clear)
    is_last = pyrtl.and_all_bits(lane_q[1:]) & (lane_q[0] | is_pair)
    return lane_q, valid & is_last


@dataclass(frozen=True)
class _Groups:
    """GROUP_LANES lanes of each word, registers."""

    x: pyrtl.WireVector
    parameter: pyrtl.WireVector
    gate: pyrtl.WireVector


def _select_groups(
    name: str, inputs: ResultPathInputs, lane: pyrtl.WireVector
) -> tuple[_Groups, pyrtl.WireVector]:
    """The groups that hold the lane, and which of their lanes it is, one cycle later."""
    lane_bits = GROUP_LANES.bit_length() - 1
    words = {"x": inputs.x_word, "parameter": inputs.parameter_word, "gate": inputs.gate_word}
    groups = {}
    for operand, word in words.items():
        choices = split_lanes(word, GROUP_LANES * ACTIVATION_BITS)
        group = pyrtl.mux(lane[lane_bits:], *choices) if len(choices) > 1 else word
        groups[operand] = latch(group, f"{name}_{operand}_group")
    return _Groups(**groups), latch(lane[:lane_bits], f"{name}_lane_of_group")


def _make_results(name: str, inputs: ResultPathInputs, lane: pyrtl.WireVector) -> _Results:
    """Selection, product of NORM, requantisation, SiLU."""
    groups, lane = _select_groups(name, inputs, delay(lane, FETCH_CYCLES, f"{name}_lane"))
    multiplier = select_lane(groups.parameter, lane, ACTIVATION_BITS)
    x_q = latch(select_lane(groups.x, lane, ACTIVATION_BITS), f"{name}_x")
    gain_q = latch(multiplier, f"{name}_gain")
    scaled_q = delay(signed_product(x_q, gain_q), SCALE_CYCLES - 1, f"{name}_scaled")

    is_norm = inputs.is_norm
    scaled = scaled_q.sign_extended(ACCUMULATOR_BITS)
    value_q = latch(pyrtl.select(is_norm, scaled, inputs.accumulator), f"{name}_value")
    multiplier = pyrtl.select(
        is_norm, inputs.norm.mantissa, multiplier.zero_extended(MANTISSA_BITS)
    )
    multiplier_q = latch(multiplier, f"{name}_multiplier")
    shift = pyrtl.select(is_norm, inputs.norm.shift, inputs.fields["shift"])
    selected_q = delay(inputs.element_valid, SELECT_CYCLES, f"{name}_selected", inputs.clear)
    scaled_valid_q = delay(selected_q, SCALE_CYCLES, f"{name}_scaled_valid", inputs.clear)
    linear = make_requantizer(
        f"{name}_requantizer",
        RequantizerInputs(
            clear=inputs.clear,
            valid=pyrtl.select(is_norm, scaled_valid_q, selected_q),
            accumulator=value_q,
            multiplier=multiplier_q,
            shift=latch(shift, f"{name}_shift"),
        ),
    )
    second = _make_second(name, inputs, (groups, lane, selected_q), linear)
    is_silu = inputs.is_silu
    return _Results(
        is_coming=pyrtl.select(is_silu, second.is_coming, linear.is_coming),
        valid=pyrtl.select(is_silu, second.valid, linear.valid),
        first=pyrtl.select(is_silu, second.result, linear.result),
        second=second.result,
    )


def _make_second(
    name: str,
    inputs: ResultPathInputs,
    selection: tuple[_Groups, pyrtl.WireVector, pyrtl.WireVector],
    up: RequantizerOutputs,
) -> RequantizerOutputs:
    """Hidden activations of the gates and of up, which is requantised meanwhile; or odd elements.

    The odd elements of NORM need as many cycles as the even ones in the other requantiser.

    Args:
        name: of the unit.
        inputs: of the unit.
        selection: groups, the lane in them, and 1 bit: an element was selected the cycle before.
        up: the other requantiser's results.
    """
    groups, lane, selected_q = selection
    fields = inputs.fields
    gate_q = latch(select_lane(groups.gate, lane, ACTIVATION_BITS), f"{name}_gate")
    is_up = delay(up.valid & inputs.is_silu, UP_CYCLES, f"{name}_up_valid", inputs.clear)
    return make_silu_multiply(
        f"{name}_silu_multiply",
        SiluMultiplyInputs(
            clear=inputs.clear,
            valid=is_up,
            gate=gate_q,
            up=delay(up.result, UP_CYCLES, f"{name}_up"),
            gate_shift=fields["gate_shift"],
            multiplier=fields["multiplier"],
            shift=fields["hidden_shift"],
            is_lent=inputs.is_norm,
            lent=LentInputs(
                valid=selected_q,
                left=latch(_select_odd(groups.x, lane), f"{name}_odd_x"),
                right=latch(_select_odd(groups.parameter, lane), f"{name}_odd_gain"),
                multiplier=inputs.norm.mantissa,
                shift=inputs.norm.shift,
            ),
        ),
    )


def _select_odd(word: pyrtl.WireVector, lane: pyrtl.WireVector) -> pyrtl.WireVector:
    """The lane above an even one."""
    odd_lanes = split_lanes(word, ACTIVATION_BITS)[1::NORM_LANES]
    return pyrtl.mux(lane[1:], *odd_lanes)


def _collect(
    config: AcceleratorConfig, name: str, inputs: ResultPathInputs, results: _Results
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """L results as a word, in the cycle of the last ones; 1 bit and the word."""
    collected_q = make_register(config.word_bits - ACTIVATION_BITS, f"{name}_collected")
    one = pyrtl.concat(results.first, collected_q)
    two = pyrtl.concat(results.second, results.first, collected_q[ACTIVATION_BITS:])
    word = pyrtl.select(inputs.is_norm, two, one)
    drive(collected_q, (results.valid, word[ACTIVATION_BITS:]))
    _, is_word_coming = _count_lanes(
        config, f"{name}_num_collected", inputs.clear, results.is_coming, inputs.is_norm
    )
    return delay(is_word_coming, 1, f"{name}_word_valid", inputs.clear), word
