"""What a value depends on: inputs, registers and memories, as bits of one number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pyrtl

from fastcar.cosim.native.netlist import Netlist

Source: TypeAlias = pyrtl.WireVector | pyrtl.MemBlock
"""An input, a register, or a memory that is written."""


@dataclass(frozen=True)
class Sources:
    """Sources of a netlist, each with its bit.

    Attributes:
        all: in the order of the bits.
        sets: of each wire that nets compute, those it depends on, whatever lies between.
    """

    all: tuple[Source, ...]
    sets: dict[pyrtl.WireVector, int]

    def list_members(self, members: int) -> Iterator[Source]:
        """The sources of a set."""
        while members:
            lowest = members & -members
            yield self.all[lowest.bit_length() - 1]
            members ^= lowest


def find_sources(netlist: Netlist) -> Sources:
    """A net that none of its sources changed for computes what it computed before.

    Read-only memories never change, nor do those that nothing writes, constants, and registers
    that take over nothing.
    """
    wires = (*netlist.inputs, *(register for register, _ in netlist.registers))
    written = {net.op_param[1].id for net in netlist.writes}
    memories = [memory for memory in netlist.memories if memory.id in written]
    of_wire = {wire: 1 << place for place, wire in enumerate(wires)}
    of_memory = {memory.id: 1 << len(wires) + place for place, memory in enumerate(memories)}
    sets: dict[pyrtl.WireVector, int] = {}
    for net in netlist.nets:
        members = of_memory.get(net.op_param[1].id, 0) if net.op == "m" else 0
        for wire in net.args:
            members |= sets[wire] if wire in sets else of_wire.get(wire, 0)
        sets[net.dests[0]] = members
    return Sources((*wires, *memories), sets)
