"""A compiled block with the memory that its machine code works on."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pyrtl

from fastcar.cosim.native.contents import RomContents, compute_register_values, fill_memories
from fastcar.cosim.native.cycle import Event, make_module_text
from fastcar.cosim.native.groups import find_crossing, split_nets
from fastcar.cosim.native.kept import list_kept
from fastcar.cosim.native.layout import check_memory_sizes, make_layout
from fastcar.cosim.native.machine_code import MachineCode
from fastcar.cosim.native.netlist import Netlist
from fastcar.cosim.native.state import MemoryContents, SlotValues

SLICE_CYCLES = 1 << 16
"""Half a second of a large design; in between Python sees signals, and a run can be ended."""

RegisterValues = Mapping[pyrtl.Register, int]
MemoryValues = Mapping[pyrtl.MemBlock, Mapping[int, int]]


@dataclass(frozen=True)
class Start:
    """What holds before the first cycle.

    Attributes:
        registers: values of some.
        memories: words of some, by address.
        default_value: of all else.
    """

    registers: RegisterValues = field(default_factory=dict)
    memories: MemoryValues = field(default_factory=dict)
    default_value: int = 0


class Machine:
    """Places, their contents, and the code that works on them.

    Args:
        netlist: what is simulated.
        kept: wires that can be read after a cycle.
        start: what holds before the first cycle.

    Raises:
        pyrtl.PyrtlError: a value does not fit, or the memories take more than 1 GiB.
    """

    def __init__(self, netlist: Netlist, kept: Collection[pyrtl.WireVector], start: Start) -> None:
        check_memory_sizes(netlist)
        roms = {
            memory.id: RomContents(memory)
            for memory in netlist.memories
            if isinstance(memory, pyrtl.RomBlock)
        }
        incomplete = {number for number, rom in roms.items() if not rom.is_complete}
        groups = split_nets(netlist)
        kept = find_crossing(netlist, groups).union(kept)
        self._layout = make_layout(netlist, list_kept(kept), incomplete)
        self.inputs = SlotValues(self._layout.inputs)
        self.kept = SlotValues(self._layout.kept)
        self._registers = SlotValues(self._layout.registers)
        self._fill(netlist, start)
        given = _map_memories(netlist.block, start.memories)
        self._memories = fill_memories(self._layout, roms, given, start.default_value)
        self._event = ctypes.c_uint32()
        self._arguments = (
            self.inputs.address,
            self._registers.address,
            int(self._memories.ctypes.data),
            self.kept.address,
            ctypes.addressof(self._event),
        )
        self._code = MachineCode(make_module_text(netlist, self._layout, groups))

    def _fill(self, netlist: Netlist, start: Start) -> None:
        """Registers, and what is kept of the time before the first cycle."""
        values = compute_register_values(netlist, start.registers, start.default_value)
        for register, value in values.items():
            self._registers[register.name] = value
        for wire in self._layout.kept.offsets:
            value = values.get(wire, start.default_value)
            self.kept[wire.name] = value & ((1 << wire.bitwidth) - 1)

    def run(self, limit_cycles: int) -> tuple[int, Event]:
        """Cycles to the limit, the end of a slice or an event; how many were begun, and it."""
        num_begun = self._code.run(*self._arguments, min(limit_cycles, SLICE_CYCLES))
        return num_begun, Event(self._event.value)

    def get_memory(self, memory: pyrtl.MemBlock) -> MemoryContents:
        """All words of a memory.

        Raises:
            pyrtl.PyrtlError: the block has no such memory.
        """
        place = self._layout.memories.get(memory.id)
        if place is None:
            raise pyrtl.PyrtlError(f'the block has no memory "{memory.name}"')
        return MemoryContents(self._memories, place)


def _map_memories(block: pyrtl.Block, values: MemoryValues) -> MemoryValues:
    """Of a synthesised block the memories that took the place of those the user knows."""
    mapped: Mapping[pyrtl.MemBlock, pyrtl.MemBlock] = getattr(block, "mem_map", {})
    return {mapped.get(memory, memory): words for memory, words in values.items()}
