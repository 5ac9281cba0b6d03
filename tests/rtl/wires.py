"""Drives one unit in a simulator: inputs by name, one dictionary per cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import pyrtl

Bundle = TypeVar("Bundle")


def make_inputs(bundle: type[Bundle], **widths: int) -> Bundle:
    """A bundle of primary inputs, named after its members."""
    names = [field.name for field in fields(bundle)]  # type: ignore[arg-type]
    assert set(names) == set(widths), set(names) ^ set(widths)
    return bundle(**{name: pyrtl.Input(widths[name], name) for name in names})


def expose(bundle: object) -> None:
    """Make every member of a bundle of wires a primary output `out_<member>`."""
    for field in fields(bundle):  # type: ignore[arg-type]
        wire = getattr(bundle, field.name)
        output = pyrtl.Output(len(wire), f"out_{field.name}")
        output <<= wire


class Bench:
    """One simulation of the working block; values are Python integers, outputs unsigned."""

    def __init__(self) -> None:
        block = pyrtl.working_block()
        self.input_names = [wire.name for wire in block.wirevector_subset(pyrtl.Input)]
        self.simulation: Any = pyrtl.FastSimulation(tracer=None)

    def step(self, **inputs: int) -> None:
        """One cycle; inputs that are not named are 0, negative values are two's complement."""
        self.simulation.step(dict.fromkeys(self.input_names, 0) | mask_inputs(inputs))

    def read(self, member: str) -> int:
        """An output in the cycle that was stepped last."""
        return int(self.simulation.inspect(f"out_{member}"))


def mask_inputs(inputs: Mapping[str, int]) -> dict[str, int]:
    """Negative values as two's complement in the width of their input."""
    block = pyrtl.working_block()
    return {
        name: value & ((1 << len(block.get_wirevector_by_name(name))) - 1)
        for name, value in inputs.items()
    }


def to_signed(value: int, num_bits: int) -> int:
    """Two's complement.

    >>> to_signed(255, 8)
    -1
    """
    return value - (1 << num_bits) if value >> (num_bits - 1) & 1 else value


def pack(values: Sequence[int], lane_bits: int) -> int:
    """A word of lanes, lane 0 lowest."""
    mask = (1 << lane_bits) - 1
    return sum((value & mask) << (lane_bits * lane) for lane, value in enumerate(values))


def unpack(word: int, lane_bits: int, num_lanes: int) -> list[int]:
    """The signed lanes of a word."""
    mask = (1 << lane_bits) - 1
    lanes = [word >> (lane_bits * lane) & mask for lane in range(num_lanes)]
    return [to_signed(lane, lane_bits) for lane in lanes]
