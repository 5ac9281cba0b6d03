"""A compiled block with the memory that its machine code works on."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyrtl

from fastcar.cosim.native.binding import Binding
from fastcar.cosim.native.contents import RomContents, compute_register_values, fill_memories
from fastcar.cosim.native.cycle import Event, make_module_text
from fastcar.cosim.native.groups import find_crossing, split_nets
from fastcar.cosim.native.kept import list_kept
from fastcar.cosim.native.layout import allocate, check_memory_sizes, make_layout
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


class Progress(ctypes.Structure):
    """What the machine code tells of itself: the last event, the registers' place, all cycles.

    `is_stale` is not 0 where the next cycle must compute all groups.
    """

    _fields_ = (
        ("event", ctypes.c_uint32),
        ("place", ctypes.c_uint32),
        ("num_cycles", ctypes.c_uint64),
        ("is_stale", ctypes.c_uint64),
    )


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
        grouping = split_nets(netlist, kept)
        placed = {*netlist.inputs, *(register for register, _ in netlist.registers)}
        kept = find_crossing(netlist, grouping).union(kept) - placed
        self._layout = make_layout(netlist, list_kept(kept), incomplete, grouping.list_watched())
        self.inputs = SlotValues(self._layout.inputs)
        self.kept = SlotValues(self._layout.kept)
        words = allocate(2 * max(1, self._layout.place_words)).reshape(2, -1)
        self._register_words = words
        self._registers = [SlotValues(self._layout.registers, place) for place in words]
        self._fill(netlist, start)
        given = _map_memories(netlist.block, start.memories)
        self._memories = fill_memories(self._layout, roms, given, start.default_value)
        self._progress = Progress(is_stale=1)
        self._progress_words = (ctypes.c_uint32 * 2).from_buffer(self._progress)
        self._arguments = (
            self.inputs.address,
            self._registers[0].address,
            int(self._memories.ctypes.data),
            self.kept.address,
            ctypes.addressof(self._progress),
        )
        self._code = MachineCode(make_module_text(netlist, self._layout, grouping))

    def _fill(self, netlist: Netlist, start: Start) -> None:
        """Registers in both places, and what other wires show before the first cycle."""
        values = compute_register_values(netlist, start.registers, start.default_value)
        for register, value in values.items():
            for place in self._registers:
                place[register.name] = value
        for slots, layout in ((self.inputs, self._layout.inputs), (self.kept, self._layout.kept)):
            for wire in layout.offsets:
                slots[wire.name] = start.default_value & ((1 << wire.bitwidth) - 1)

    def run(self, limit_cycles: int) -> int:
        """Cycles to the limit, the end of a slice or an event; how many were begun."""
        return int(self._code.run(*self._arguments, min(limit_cycles, SLICE_CYCLES)))

    def get_event(self) -> Event:
        """Why the last call ended."""
        return Event(self._progress.event)

    @property
    def num_cycles(self) -> int:
        """All that were not refused."""
        return int(self._progress.num_cycles)

    def read(self, name: str) -> int:
        """A wire in the last cycle; a register as it was in it.

        Raises:
            KeyError: it is not kept.
        """
        if name in self.kept:
            return self.kept[name]
        if name in self._registers[0]:
            is_latched = self.get_event() in (Event.NONE, Event.ASSERTION)
            return self._registers[int(self._progress.place) ^ is_latched][name]
        return self.inputs[name]

    def bind(self) -> Binding:
        """For callers in machine code."""
        return Binding(
            self._code.address,
            self._arguments,
            self.inputs.words,
            self.kept.words,
            self._register_words,
            np.ctypeslib.as_array(self._progress_words),
            (self.inputs, self.kept),
            self._registers[0],
        )

    def get_memory(self, memory: pyrtl.MemBlock) -> MemoryContents:
        """All words of a memory.

        Raises:
            pyrtl.PyrtlError: the block has no such memory.
        """
        place = self._layout.memories.get(memory.id)
        if place is None:
            raise pyrtl.PyrtlError(f'the block has no memory "{memory.name}"')
        return MemoryContents(self._memories, place, self.compute_anew)

    def compute_anew(self) -> None:
        """Leave nothing out in the next cycle: something was changed that no cycle looks at."""
        self._progress.is_stale = 1


def _map_memories(block: pyrtl.Block, values: MemoryValues) -> MemoryValues:
    """Of a synthesised block the memories that took the place of those the user knows."""
    mapped: Mapping[pyrtl.MemBlock, pyrtl.MemBlock] = getattr(block, "mem_map", {})
    return {mapped.get(memory, memory): words for memory, words in values.items()}
