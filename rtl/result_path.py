"""Result path of a core: from sums, or norm elements, to words of int16 numbers.

One element in every cycle, for NORM two: its lane of P (row multiplier, or gain), of G (gate) and
of X is selected; NORM multiplies x and gain; the requantiser follows, for GEMV_SILU also the SiLU
multiply, which takes the odd elements of NORM; L results make a word.

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
from fastcar.rtl.attention.turn import make_turn
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lane_selection import (
    SELECT_CYCLES,
    LaneSelectionInputs,
    SelectedLanes,
    make_lane_selection,
)
from fastcar.rtl.lanes import (
    ACCUMULATOR_BITS,
    ACTIVATION_BITS,
    join_lanes,
    signed_product,
    split_lanes,
)
from fastcar.rtl.registers import delay, latch
from fastcar.rtl.requantizer import RequantizerInputs, RequantizerOutputs, make_requantizer
from fastcar.rtl.result_collector import (
    ResultCollectorInputs,
    make_result_collector,
    make_result_lane,
)
from fastcar.rtl.rms_norm import LATENCY_CYCLES as NORM_CYCLES
from fastcar.rtl.rms_norm import MANTISSA_BITS, MANTISSA_CYCLES, RmsNormOutputs
from fastcar.rtl.silu_multiply import (
    PRODUCT_CYCLES,
    SILU_CYCLES,
    LentInputs,
    SiluMultiplyInputs,
    make_silu_multiply,
)

UP_CYCLES = SILU_CYCLES - requantizer.LATENCY_CYCLES
"""Up waits for the silu of its gate, which was selected with it."""
SCALE_CYCLES = PRODUCT_CYCLES
"""Product of x and gain, as long as that of the other requantiser."""
TURN_CYCLES = SCALE_CYCLES + 1
"""Of ROPE: both products, then their sum."""
# The first element may be announced in the cycle after NORM_CYCLES; its multiplier is taken then:
assert NORM_CYCLES + 1 + SELECT_CYCLES + SCALE_CYCLES - 1 >= MANTISSA_CYCLES


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
    attention, num_lanes = inputs.attention, config.num_lanes
    lane, is_word_selected = make_result_lane(
        f"{name}_lane", num_lanes, inputs.clear, inputs.element_valid, inputs.is_norm
    )
    selected = make_lane_selection(
        name,
        LaneSelectionInputs(
            lane=lane,
            x_word=inputs.x_word,
            parameter_word=inputs.parameter_word,
            gate_word=inputs.gate_word,
            is_turn=None if attention is None else attention.is_turn,
        ),
    )
    results = _make_results(name, inputs, selected)
    word_valid, wide_word = make_result_collector(
        name,
        num_lanes,
        ResultCollectorInputs(
            clear=inputs.clear,
            is_pair=inputs.is_norm,
            is_coming=results.is_coming,
            valid=results.valid,
            first=results.first,
            second=results.second,
        ),
    )
    if attention is None:
        return ResultPathOutputs(is_word_selected, word_valid, wide_word)
    word = join_lanes([lane[:ACTIVATION_BITS] for lane in split_lanes(wide_word, LOGIT_BITS)])
    return ResultPathOutputs(is_word_selected, word_valid, word, wide_word, results.element)


@dataclass(frozen=True)
class _Source:
    """Where elements come from, as numbers of what opcodes take instead of each other.

    Of two: any other opcode, NORM. With attention of four: these, ROPE, CONTEXT; as multiplier in
    the place of ROPE that of the instruction, for SCORES, too.

    Attributes:
        number: which of the values, shifts and flags; stays the same while elements are under way.
        multiplier_number: which of the multipliers, likewise.
    """

    number: pyrtl.WireVector
    multiplier_number: pyrtl.WireVector


def _make_source(name: str, inputs: ResultPathInputs) -> _Source:
    """Number an opcode's sources; with attention while its first elements are on their way."""
    if (attention := inputs.attention) is None:
        return _Source(inputs.is_norm, inputs.is_norm)
    is_context = attention.is_context
    is_lower, is_upper = inputs.is_norm | is_context, attention.is_turn | is_context
    number = pyrtl.concat(is_upper, is_lower)
    multiplier_number = pyrtl.concat(is_upper | attention.is_scores, is_lower)
    return _Source(
        latch(number, f"{name}_source"), latch(multiplier_number, f"{name}_multiplier_source")
    )


def _make_results(name: str, inputs: ResultPathInputs, selected: SelectedLanes) -> _Results:
    """Product of NORM, turn, requantisation, SiLU."""
    attention, source = inputs.attention, _make_source(name, inputs)
    scaled_q = delay(signed_product(selected.x, selected.gain), SCALE_CYCLES - 1, f"{name}_scaled")
    selected_q = delay(inputs.element_valid, SELECT_CYCLES, f"{name}_selected", inputs.clear)
    scaled_valid_q = delay(selected_q, SCALE_CYCLES, f"{name}_scaled_valid", inputs.clear)
    up_result = pyrtl.WireVector(ACTIVATION_BITS, f"{name}_up_result")
    up_valid = pyrtl.WireVector(1, f"{name}_up_valid")
    second, product_q = _make_second(name, inputs, selected, selected_q, (up_valid, up_result))
    values = [inputs.accumulator, scaled_q.sign_extended(ACCUMULATOR_BITS)]
    valids: list[pyrtl.WireVector] = [selected_q, scaled_valid_q]
    multipliers = [selected.multiplier.zero_extended(MANTISSA_BITS), inputs.norm.mantissa]
    shifts = [inputs.fields["shift"], inputs.norm.shift]
    if attention is not None:
        turned = make_turn(name, selected.is_odd, SCALE_CYCLES, scaled_q, product_q)
        values += [turned.sign_extended(ACCUMULATOR_BITS), attention.value]
        valids += [delay(scaled_valid_q, 1, f"{name}_turned_valid", inputs.clear), selected_q]
        own = inputs.fields["multiplier"]
        multipliers += [one.zero_extended(MANTISSA_BITS) for one in (own, attention.reciprocal)]
        shifts += [inputs.fields["shift"], attention.shift]
    linear = make_requantizer(
        f"{name}_requantizer",
        RequantizerInputs(
            clear=inputs.clear,
            valid=pyrtl.mux(source.number, *valids),
            accumulator=latch(pyrtl.mux(source.number, *values), f"{name}_value"),
            multiplier=latch(
                pyrtl.mux(source.multiplier_number, *multipliers), f"{name}_multiplier"
            ),
            shift=latch(pyrtl.mux(source.number, *shifts), f"{name}_shift"),
            is_narrow=None if attention is None else attention.is_narrow,
        ),
        moves=attention is not None,
        wide_bits=0 if attention is None else LOGIT_BITS,
    )
    up_result <<= linear.result
    up_valid <<= linear.valid
    return _join_results(name, inputs, selected, (linear, second))


def _join_results(
    name: str,
    inputs: ResultPathInputs,
    selected: SelectedLanes,
    requantized: tuple[RequantizerOutputs, RequantizerOutputs],
) -> _Results:
    """Results of the opcode, of the linear requantiser or of the SiLU multiply."""
    linear, second = requantized
    attention, is_silu = inputs.attention, inputs.is_silu
    first, element = pyrtl.select(is_silu, second.result, linear.result), None
    if attention is not None:
        assert linear.wide is not None
        upper = linear.wide[ACTIVATION_BITS:]
        lower = linear.wide[:ACTIVATION_BITS]
        first = pyrtl.concat(upper, pyrtl.select(attention.is_scores, lower, first))
        noise = delay(selected.gate, requantizer.LATENCY_CYCLES, f"{name}_noise")
        element = PickElement(linear.valid, linear.result, noise)
    return _Results(
        is_coming=pyrtl.select(is_silu, second.is_coming, linear.is_coming),
        valid=pyrtl.select(is_silu, second.valid, linear.valid),
        first=first,
        second=second.result,
        element=element,
    )


def _make_second(
    name: str,
    inputs: ResultPathInputs,
    selected: SelectedLanes,
    selected_q: pyrtl.WireVector,
    up: tuple[pyrtl.WireVector, pyrtl.WireVector],
) -> tuple[RequantizerOutputs, pyrtl.Register]:
    """Hidden activations of the gates and of up, which is requantised meanwhile; or odd elements.

    The odd elements of NORM need as many cycles as the even ones in the other requantiser.

    Args:
        name: of the unit.
        inputs: of the unit.
        selected: lanes.
        selected_q: 1 bit, register: they were selected the cycle before.
        up: 1 bit, the other requantiser has a result; and the result.

    Returns:
        The results, and the product before it is requantised.
    """
    fields = inputs.fields
    up_valid, up_result = up
    is_up = delay(up_valid & inputs.is_silu, UP_CYCLES, f"{name}_up_valid", inputs.clear)
    is_lent = inputs.is_norm
    if inputs.attention is not None:
        is_lent = is_lent | inputs.attention.is_turn
    return make_silu_multiply(
        f"{name}_silu_multiply",
        SiluMultiplyInputs(
            clear=inputs.clear,
            valid=is_up,
            gate=selected.gate,
            up=delay(up_result, UP_CYCLES, f"{name}_up"),
            gate_shift=fields["gate_shift"],
            multiplier=fields["multiplier"],
            shift=fields["hidden_shift"],
            is_lent=is_lent,
            lent=LentInputs(
                valid=selected_q,
                left=selected.second_x,
                right=selected.second_gain,
                multiplier=inputs.norm.mantissa,
                shift=inputs.norm.shift,
            ),
        ),
    )
