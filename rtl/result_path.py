"""Result path of a core: from sums, or norm elements, to words of int16 numbers.

One element in every cycle: its lane of P (row multiplier, or gain), of G (gate) and of X is
selected; NORM multiplies x and gain; the requantiser follows, for GEMV_SILU also the SiLU multiply;
L results make a word.

Contract: the word of which the last element comes in cycle t is there, with `word_valid`, in cycle
t + latency_cycles, for GEMV_SILU `silu_multiply.latency_cycles` later.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from rtl import requantizer
from rtl.config import AcceleratorConfig
from rtl.lanes import ACCUMULATOR_BITS, ACTIVATION_BITS, select_lane, signed_product
from rtl.registers import delay, drive, increment, latch, make_register
from rtl.requantizer import RequantizerInputs, RequantizerOutputs, make_requantizer
from rtl.rms_norm import MANTISSA_BITS, RmsNormOutputs
from rtl.silu_multiply import SiluMultiplyInputs, make_silu_multiply

SELECT_CYCLES = 2
"""Selection of the lanes, product of x and gain."""


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from an element to its result, without SiLU."""
    return SELECT_CYCLES + requantizer.latency_cycles(config)


@dataclass(frozen=True)
class ResultPathInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit, forgets all elements under way.
        is_norm: 1 bit; this and the next two stay the same while elements are under way.
        is_silu: 1 bit.
        fields: of the instruction.
        element_valid: 1 bit, an element is there.
        accumulator: 48 bits, signed, sum of GEMV.
        x_word: L int16, elements of NORM.
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
        is_word_selected: 1 bit, the element of this cycle is the last one of its word.
        word_valid: 1 bit, a word of results is there.
        word: L int16.
    """

    is_word_selected: pyrtl.WireVector
    word_valid: pyrtl.WireVector
    word: pyrtl.WireVector


def make_result_path(
    config: AcceleratorConfig, name: str, inputs: ResultPathInputs
) -> ResultPathOutputs:
    """Build selection, requantisation and collection."""
    num_lane_bits = config.num_lanes.bit_length() - 1
    lane_q = make_register(num_lane_bits, f"{name}_lane")
    drive(lane_q, (inputs.element_valid, increment(lane_q)), clear=inputs.clear)
    is_word_selected = inputs.element_valid & (lane_q == config.num_lanes - 1)

    results = _make_results(name, inputs, lane_q)
    word_valid, word = _collect(config, name, inputs.clear, results)
    return ResultPathOutputs(is_word_selected, word_valid, word)


def _make_results(
    name: str, inputs: ResultPathInputs, lane_q: pyrtl.Register
) -> RequantizerOutputs:
    """Selection, product of NORM, requantisation, SiLU."""

    def select(word: pyrtl.WireVector, what: str) -> pyrtl.Register:
        return latch(select_lane(word, lane_q, ACTIVATION_BITS), f"{name}_{what}")

    x_q = select(inputs.x_word, "x")
    parameter_q = select(inputs.parameter_word, "parameter")
    gate_q = select(inputs.gate_word, "gate")
    accumulator_q = latch(inputs.accumulator, f"{name}_accumulator")

    scaled = signed_product(x_q, parameter_q).sign_extended(ACCUMULATOR_BITS)
    value_q = latch(pyrtl.select(inputs.is_norm, scaled, accumulator_q), f"{name}_value")
    row_multiplier = parameter_q.zero_extended(MANTISSA_BITS)
    multiplier = pyrtl.select(inputs.is_norm, inputs.norm.mantissa, row_multiplier)
    multiplier_q = latch(multiplier, f"{name}_multiplier")
    shift = pyrtl.select(inputs.is_norm, inputs.norm.shift, inputs.fields["shift"])
    valid_q = delay(inputs.element_valid, SELECT_CYCLES, f"{name}_valid", inputs.clear)
    linear = make_requantizer(
        f"{name}_requantizer",
        RequantizerInputs(inputs.clear, valid_q, value_q, multiplier_q, shift),
    )
    hidden = _make_hidden(name, inputs, gate_q, linear)
    return RequantizerOutputs(
        valid=pyrtl.select(inputs.is_silu, hidden.valid, linear.valid),
        result=pyrtl.select(inputs.is_silu, hidden.result, linear.result),
    )


def _make_hidden(
    name: str,
    inputs: ResultPathInputs,
    gate_q: pyrtl.Register,
    up: RequantizerOutputs,
) -> RequantizerOutputs:
    """Hidden activations of the gates and of up, which is requantised meanwhile."""
    cycles_to_up = SELECT_CYCLES - 1 + requantizer.LATENCY_CYCLES
    gate = delay(gate_q, cycles_to_up, f"{name}_gate")
    fields = inputs.fields
    return make_silu_multiply(
        f"{name}_silu_multiply",
        SiluMultiplyInputs(
            clear=inputs.clear,
            valid=up.valid & inputs.is_silu,
            gate=gate,
            up=up.result,
            gate_shift=fields["gate_shift"],
            multiplier=fields["multiplier"],
            shift=fields["hidden_shift"],
        ),
    )


def _collect(
    config: AcceleratorConfig, name: str, clear: pyrtl.WireVector, results: RequantizerOutputs
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """L results as a word, in the cycle of the last one; 1 bit and the word."""
    collected_q = make_register(config.word_bits - ACTIVATION_BITS, f"{name}_collected")
    num_collected_q = make_register(config.num_lanes.bit_length() - 1, f"{name}_num_collected")
    word = pyrtl.concat(results.result, collected_q)
    drive(collected_q, (results.valid, word[ACTIVATION_BITS:]))
    drive(num_collected_q, (results.valid, increment(num_collected_q)), clear=clear)
    return results.valid & (num_collected_q == config.num_lanes - 1), word
