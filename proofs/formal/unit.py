"""Units of the datapath alone, between ports.

Each unit is built by the function of `rtl` that builds it in the accelerator, with primary inputs
and outputs around it, and exported like the accelerator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

import pyrtl

from fastcar.proofs.formal.design import export_unit
from fastcar.reference.errors import ArgumentError

DESIGN = "unit"
"""Module of every exported unit, and prefix of its registers."""

Ports = Mapping[str, int]
"""Names and widths."""


@dataclass(frozen=True)
class Unit:
    """A unit alone.

    Attributes:
        build: builds it in the working block; gives its outputs by name.
        inputs: of `build`, which finds them by name among its arguments.
        outputs: as wide as what `build` gives.
    """

    build: Callable[[dict[str, pyrtl.WireVector]], dict[str, pyrtl.WireVector]]
    inputs: Ports
    outputs: Ports

    def export(self) -> str:
        """Its Verilog."""
        block = pyrtl.Block()
        with pyrtl.set_working_block(block):
            wires = {name: pyrtl.Input(width, name) for name, width in self.inputs.items()}
            for name, wire in self.build(dict(wires)).items():
                output = pyrtl.Output(self.outputs[name], f"out_{name}")
                output <<= wire
        return export_unit(block, DESIGN)

    def read_register_bits(self, *names: str) -> dict[str, int]:
        """Widths of registers, as exported.

        Raises:
            ArgumentError: there is no such register.
        """
        text = self.export()
        widths = {}
        for name in names:
            found = re.search(rf"^ *reg(?:\[(\d+):0\])? {name};", text, re.MULTILINE)
            if found is None:
                raise ArgumentError("register", name, f"one of the unit {DESIGN}")
            widths[name] = int(found[1] or 0) + 1
        return widths

    def list_registers(self) -> dict[str, int]:
        """All registers, memories left out, and their widths, as exported."""
        found = re.findall(r"^ *reg(?:\[(\d+):0\])? (\w+);$", self.export(), re.MULTILINE)
        return {name: int(high or 0) + 1 for high, name in found}

    def read_word_bits(self, memory: str) -> int:
        """Width of the words of a memory that can be written, as exported.

        Raises:
            ArgumentError: there is no such memory.
        """
        found = re.search(rf"^ *reg\[(\d+):0\] {memory}\[\d+:0\];", self.export(), re.MULTILINE)
        if found is None:
            raise ArgumentError("memory", memory, f"one of the unit {DESIGN}")
        return int(found[1]) + 1


def make_unit(
    make: Callable[[Any], Any],
    inputs: type[Any],
    outputs: type[Any],
    widths: Ports,
    missing: Collection[str] = (),
) -> Unit:
    """A unit between ports that are named as the members of its dataclasses of wires.

    Args:
        make: builds the unit from its inputs; gives its outputs. It names the function of `rtl`
            when it is called: a bug may have been planted there.
        inputs: dataclass.
        outputs: dataclass.
        widths: of the members of both that are wider than 1 bit.
        missing: members that are None in this unit.
    """

    def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
        made = vars(make(inputs(**wires)))
        return {name: wire for name, wire in made.items() if name not in missing}

    names = (
        [one.name for one in fields(bundle) if one.name not in missing]
        for bundle in (inputs, outputs)
    )
    return Unit(build, *({name: widths.get(name, 1) for name in side} for side in names))
