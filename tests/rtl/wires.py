"""Drives one unit in a simulator: inputs by name, one dictionary per cycle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import pyrtl

Bundle = TypeVar("Bundle")
Parameters = ParamSpec("Parameters")


def make_inputs(bundle: type[Bundle], **widths: int) -> Bundle:
    """A bundle of primary inputs, named after its members; without a width it has its default."""
    members = fields(bundle)  # type: ignore[arg-type]
    needed = {field.name for field in members if field.default is MISSING}
    assert needed <= set(widths) <= {field.name for field in members}, needed ^ set(widths)
    return bundle(**{name: pyrtl.Input(num_bits, name) for name, num_bits in widths.items()})


def expose(bundle: object) -> None:
    """Make every member of a bundle of wires that is there a primary output `out_<member>`."""
    for field in fields(bundle):  # type: ignore[arg-type]
        wire = getattr(bundle, field.name)
        if wire is None:
            continue
        output = pyrtl.Output(len(wire), f"out_{field.name}")
        output <<= wire


class Bench:
    """One simulation of the working block; values are Python integers, outputs unsigned."""

    def __init__(self) -> None:
        inputs = pyrtl.working_block().wirevector_subset(pyrtl.Input)
        self.masks = {wire.name: (1 << len(wire)) - 1 for wire in inputs}
        self.idle = dict.fromkeys(self.masks, 0)
        self.simulation: Any = pyrtl.FastSimulation(tracer=None)
        self.registers = dict(self.simulation.regs)
        self.memories = {name: dict(words) for name, words in self._list_memories().items()}

    def restart(self) -> None:
        """Registers and memories as the simulation found them."""
        self.simulation.regs = dict(self.registers)
        for name, words in self._list_memories().items():
            words.clear()
            words.update(self.memories[name])

    def _list_memories(self) -> dict[str, dict[int, int]]:
        """Those that can be written."""
        memories = self.simulation.mems
        return {name: words for name, words in memories.items() if isinstance(words, dict)}

    def step(self, **inputs: int) -> None:
        """One cycle; inputs that are not named are 0, negative values are two's complement."""
        masked = {name: value & self.masks[name] for name, value in inputs.items()}
        self.simulation.step(self.idle | masked)

    def read(self, member: str) -> int:
        """An output in the cycle that was stepped last."""
        return int(self.simulation.inspect(f"out_{member}"))


def build_once(build: Callable[Parameters, Bench]) -> Callable[Parameters, Bench]:
    """The bench that `build` makes in an empty block: built once for the same arguments.

    Each call gives it as after power-up, so that no test sees what another one left.
    """

    def build_alone(*arguments: Parameters.args, **named: Parameters.kwargs) -> Bench:
        with pyrtl.set_working_block(pyrtl.Block(), no_sanity_check=True):
            return build(*arguments, **named)

    once: Any = cache(build_alone)

    @wraps(build)
    def restart(*arguments: Parameters.args, **named: Parameters.kwargs) -> Bench:
        bench: Bench = once(*arguments, **named)
        bench.restart()
        return bench

    return restart


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
