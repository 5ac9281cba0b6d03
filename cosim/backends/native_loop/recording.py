"""Which words of the machine code are recorded, and what they are.

A row has the inputs, the registers and the outputs, each of the first two as they lie.
"""

from __future__ import annotations

import pyrtl

from fastcar.cosim.native import NativeSimulation
from fastcar.cosim.native.layout import count_words
from fastcar.cosim.wave.recording import Signal, place_signals


def list_output_words(simulation: NativeSimulation) -> list[int]:
    """Words of all output ports in the buffer of what is kept."""
    locate = simulation.binding.locate
    return [
        locate(name) + word
        for name, num_bits in _list_widths(simulation.block, pyrtl.Output)
        for word in range(count_words(num_bits))
    ]


def list_signals(simulation: NativeSimulation) -> tuple[Signal, ...]:
    """The signals of a row."""
    binding, block = simulation.binding, simulation.block
    inputs = [
        Signal(name, num_bits, binding.locate(name))
        for name, num_bits in _list_widths(block, pyrtl.Input)
    ]
    start = len(binding.inputs)
    registers = [
        Signal(name, num_bits, start + binding.locate_register(name))
        for name, num_bits in _list_widths(block, pyrtl.Register)
    ]
    start += binding.registers.shape[1]
    outputs = place_signals(_list_widths(block, pyrtl.Output), start)
    return (*inputs, *registers, *outputs)


def _list_widths(block: pyrtl.Block, kind: type[pyrtl.WireVector]) -> list[tuple[str, int]]:
    """By name; assertions are no ports."""
    wires = block.wirevector_subset(kind) - set(block.rtl_assert_dict)
    return sorted((wire.name, len(wire)) for wire in wires)
