"""Result path of a core: from sums, or norm elements, to words of int16 numbers.

One element in every cycle, for NORM two: its lane of P (row multiplier, or gain), of G (gate) and
of X is selected, first the group of lanes that holds it, then the lane; NORM multiplies x and gain;
the requantiser follows, for GEMV_SILU also the SiLU multiply, which takes the odd elements of NORM;
L results make a word.

With attention ROPE takes the lanes of a pair from G and both products, one element in a cycle;
SCORES and CONTEXT come with multipliers and shifts of their own, SCORES leaves logits of 24 bits,
PICK its elements one by one.

Contract: an element is announced SELECT_CYCLES - 1 before its sum, while the words of its operands
are fetched. The word of which the last elements are announced in cycle t is there, with
`word_valid`, in cycle t + latency_cycles, for GEMV_SILU UP_CYCLES and
`silu_multiply.latency_cycles` later, for NORM SCALE_CYCLES, for ROPE TURN_CYCLES.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl import requantizer
from fastcar.rtl.attention.formats import LOGIT_BITS
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    join_lanes,
    select_lane,
    signed_difference,
    signed_product,
    signed_sum,
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
TURN_CYCLES = SCALE_CYCLES + 1
"""Of ROPE: both products, then their sum."""
# The first element may be announced in the cycle after NORM_CYCLES; its multiplier is taken then:
assert NORM_CYCLES + 1 + SELECT_CYCLES + SCALE_CYCLES - 1 >= MANTISSA_CYCLES
NORM_LANES = 2
"""Elements of NORM in one cycle."""


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from an element to its result, without SiLU and without scaling."""
    return SELECT_CYCLES + requantizer.latency_cycles(config)


@dataclass(frozen=True)
class AttentionInputs:
    """What an accelerator with attention gives the unit besides.

    Attributes:
        is_turn: 1 bit, ROPE; this and the next two stay the same while elements are under way.
        is_scores: 1 bit, SCORES.
        is_context: 1 bit, CONTEXT: the next three are those of its element, in the cycle of a sum.
        value: 48 bits, signed, A.
        reciprocal: 16 bits, R.
        shift: 6 bits, e + 7.
        is_narrow: 1 bit, results are limited to int8.
    """

    is_turn: pyrtl.WireVector
    is_scores: pyrtl.WireVector
    is_context: pyrtl.WireVector
    value: pyrtl.WireVector
    reciprocal: pyrtl.WireVector
    shift: pyrtl.WireVector
    is_narrow: pyrtl.WireVector


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
        attention: None without.
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
    attention: AttentionInputs | None = None


@dataclass(frozen=True)
class PickElement:
    """One logit of PICK; the wires count where `valid` (1 bit) is 1.

    Attributes:
        valid: see there; not for PICK alone.
        logit: 16 bits, signed.
        noise: 16 bits, signed, its lane of G.
    """

    valid: pyrtl.WireVector
    logit: pyrtl.WireVector
    noise: pyrtl.WireVector


@dataclass(frozen=True)
class ResultPathOutputs:
    """Wires out of the unit.

    Attributes:
        is_word_selected: 1 bit, the elements of this cycle are the last ones of their word.
        word_valid: 1 bit, a word of results is there.
        word: L int16.
        logits: L times 24 bits, signed, of SCORES; this and the next one None without attention.
        element: of PICK.
    """

    is_word_selected: pyrtl.WireVector
    word_valid: pyrtl.WireVector
    word: pyrtl.WireVector
    logits: pyrtl.WireVector | None = None
    element: PickElement | None = None


@dataclass(frozen=True)
class _Results:
    """Requantised elements: the only one or the even one of two, and the odd one.

    `is_coming` (1 bit) is 1 one cycle before `valid` (1 bit). With attention the only one has 24
    bits, as SCORES needs them, and there is an element of PICK.
    """

    is_coming: pyrtl.WireVector
    valid: pyrtl.WireVector
    first: pyrtl.WireVector
    second: pyrtl.WireVector
    element: PickElement | None


def make_result_path(
    config: AcceleratorConfig, name: str, inputs: ResultPathInputs
) -> ResultPathOutputs:
    """Build selection, requantisation and collection."""
    # Datapath.
    lane, is_word_selected = _count_lanes(
        config, f"{name}_lane", inputs.clear, inputs.element_valid, inputs.is_norm
    )
    results = _make_results(name, inputs, lane)
    word_valid, wide_word = _collect(config, name, inputs, results)
    if inputs.attention is None:
        return ResultPathOutputs(is_word_selected, word_valid, wide_word)
    lanes = split_lanes(wide_word, LOGIT_BITS)
    word = join_lanes([lane[:ACTIVATION_BITS] for lane in lanes])
    return ResultPathOutputs(is_word_selected, word_valid, word, wide_word, results.element)


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
    attention = inputs.attention
    groups, lane = _select_groups(name, inputs, delay(lane, FETCH_CYCLES, f"{name}_lane"))
    x, parameter_lane = groups.x, lane
    if attention is not None:
        # Cosine and sine of a pair: the even lane is the first factor's, the odd one the second's.
        x = pyrtl.select(attention.is_turn, groups.gate, groups.x)
        parameter_lane = pyrtl.concat(lane[1:], lane[0] & ~attention.is_turn)
    multiplier = select_lane(groups.parameter, parameter_lane, ACTIVATION_BITS)
    x_q = latch(select_lane(x, lane, ACTIVATION_BITS), f"{name}_x")
    gain_q = latch(multiplier, f"{name}_gain")
    scaled_q = delay(signed_product(x_q, gain_q), SCALE_CYCLES - 1, f"{name}_scaled")
    selected_q = delay(inputs.element_valid, SELECT_CYCLES, f"{name}_selected", inputs.clear)
    gate_q = latch(select_lane(groups.gate, lane, ACTIVATION_BITS), f"{name}_gate")

    is_norm = inputs.is_norm
    second_x = _select_other(inputs, groups, lane)
    pairs = _Selection(groups, lane, selected_q, gate_q, second_x)
    scaled = scaled_q.sign_extended(ACCUMULATOR_BITS)
    scaled_valid_q = delay(selected_q, SCALE_CYCLES, f"{name}_scaled_valid", inputs.clear)
    up_result = pyrtl.WireVector(ACTIVATION_BITS, f"{name}_up_result")
    up_valid = pyrtl.WireVector(1, f"{name}_up_valid")
    second, product_q = _make_second(name, inputs, pairs, up_valid, up_result)
    value = pyrtl.select(is_norm, scaled, inputs.accumulator)
    valid = pyrtl.select(is_norm, scaled_valid_q, selected_q)
    multiplier = pyrtl.select(
        is_norm, inputs.norm.mantissa, multiplier.zero_extended(MANTISSA_BITS)
    )
    shift = pyrtl.select(is_norm, inputs.norm.shift, inputs.fields["shift"])
    if attention is not None:
        turned = _turn(name, lane, scaled_q, product_q)
        value = pyrtl.select(attention.is_turn, turned.sign_extended(ACCUMULATOR_BITS), value)
        value = pyrtl.select(attention.is_context, attention.value, value)
        turned_valid_q = delay(scaled_valid_q, 1, f"{name}_turned_valid", inputs.clear)
        valid = pyrtl.select(attention.is_turn, turned_valid_q, valid)
        own = inputs.fields["multiplier"].zero_extended(MANTISSA_BITS)
        multiplier = pyrtl.select(attention.is_turn | attention.is_scores, own, multiplier)
        reciprocal = attention.reciprocal.zero_extended(MANTISSA_BITS)
        multiplier = pyrtl.select(attention.is_context, reciprocal, multiplier)
        shift = pyrtl.select(attention.is_context, attention.shift, shift)
    linear = make_requantizer(
        f"{name}_requantizer",
        RequantizerInputs(
            clear=inputs.clear,
            valid=valid,
            accumulator=latch(value, f"{name}_value"),
            multiplier=latch(multiplier, f"{name}_multiplier"),
            shift=latch(shift, f"{name}_shift"),
            is_narrow=None if attention is None else attention.is_narrow,
        ),
        moves=attention is not None,
        wide_bits=0 if attention is None else LOGIT_BITS,
    )
    up_result <<= linear.result
    up_valid <<= linear.valid
    is_silu = inputs.is_silu
    first = pyrtl.select(is_silu, second.result, linear.result)
    element = None
    if attention is not None:
        assert linear.wide is not None
        upper = linear.wide[ACTIVATION_BITS:]
        lower = linear.wide[:ACTIVATION_BITS]
        first = pyrtl.concat(upper, pyrtl.select(attention.is_scores, lower, first))
        noise = delay(gate_q, requantizer.LATENCY_CYCLES, f"{name}_noise")
        element = PickElement(linear.valid, linear.result, noise)
    return _Results(
        is_coming=pyrtl.select(is_silu, second.is_coming, linear.is_coming),
        valid=pyrtl.select(is_silu, second.valid, linear.valid),
        first=first,
        second=second.result,
        element=element,
    )


def _turn(
    name: str, lane: pyrtl.WireVector, first: pyrtl.WireVector, second_q: pyrtl.WireVector
) -> pyrtl.WireVector:
    """Element of a turned pair: a cos - b sin of the even lane, b cos + a sin of the odd one.

    Args:
        name: of the unit.
        lane: in the group, when the factors are selected.
        first: product with the cosine, a cycle before the other.
        second_q: product with the sine.
    """
    first_q = latch(first, f"{name}_cosine_product")
    is_odd = delay(lane[0], 1 + SCALE_CYCLES, f"{name}_is_odd")
    second = second_q[: len(first)]
    total, difference = signed_sum(first_q, second), signed_difference(first_q, second)
    return pyrtl.select(is_odd, total, difference)


@dataclass(frozen=True)
class _Selection:
    """What is selected for the second product.

    Attributes:
        groups: of lanes.
        lane: in the group.
        selected: register, 1 bit, an element was selected the cycle before.
        gate: register, its gate.
        second_x: 16 bits, the second factor that is not of P.
    """

    groups: _Groups
    lane: pyrtl.WireVector
    selected: pyrtl.WireVector
    gate: pyrtl.Register
    second_x: pyrtl.WireVector


def _select_other(
    inputs: ResultPathInputs, groups: _Groups, lane: pyrtl.WireVector
) -> pyrtl.WireVector:
    """The odd element of NORM, or the other one of a pair in G."""
    odd = _select_odd(groups.x, lane)
    if inputs.attention is None:
        return odd
    pair_lane = pyrtl.concat(lane[1:], ~lane[0])
    other = select_lane(groups.gate, pair_lane, ACTIVATION_BITS)
    return pyrtl.select(inputs.attention.is_turn, other, odd)


def _make_second(
    name: str,
    inputs: ResultPathInputs,
    selection: _Selection,
    up_valid: pyrtl.WireVector,
    up_result: pyrtl.WireVector,
) -> tuple[RequantizerOutputs, pyrtl.Register]:
    """Hidden activations of the gates and of up, which is requantised meanwhile; or odd elements.

    The odd elements of NORM need as many cycles as the even ones in the other requantiser.

    Args:
        name: of the unit.
        inputs: of the unit.
        selection: see there.
        up_valid: 1 bit, of the other requantiser.
        up_result: its result.

    Returns:
        The results, and the product before it is requantised.
    """
    fields = inputs.fields
    is_up = delay(up_valid & inputs.is_silu, UP_CYCLES, f"{name}_up_valid", inputs.clear)
    is_lent = inputs.is_norm
    if inputs.attention is not None:
        is_lent = is_lent | inputs.attention.is_turn
    return make_silu_multiply(
        f"{name}_silu_multiply",
        SiluMultiplyInputs(
            clear=inputs.clear,
            valid=is_up,
            gate=selection.gate,
            up=delay(up_result, UP_CYCLES, f"{name}_up"),
            gate_shift=fields["gate_shift"],
            multiplier=fields["multiplier"],
            shift=fields["hidden_shift"],
            is_lent=is_lent,
            lent=LentInputs(
                valid=selection.selected,
                left=latch(selection.second_x, f"{name}_odd_x"),
                right=latch(
                    _select_odd(selection.groups.parameter, selection.lane), f"{name}_odd_gain"
                ),
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
    lane_bits = len(results.first)
    collected_q = make_register(lane_bits * (config.num_lanes - 1), f"{name}_collected")
    one = pyrtl.concat(results.first, collected_q)
    second = results.second.zero_extended(lane_bits)
    two = pyrtl.concat(second, results.first, collected_q[lane_bits:])
    word = pyrtl.select(inputs.is_norm, two, one)
    drive(collected_q, (results.valid, word[lane_bits:]))
    _, is_word_coming = _count_lanes(
        config, f"{name}_num_collected", inputs.clear, results.is_coming, inputs.is_norm
    )
    return delay(is_word_coming, 1, f"{name}_word_valid", inputs.clear), word
